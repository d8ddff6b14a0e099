#include "sagactl/render/definition.h"

#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::int64_t kActionAttempts = 10;
constexpr std::int64_t kCompensationAttempts = 100;

/// The step of that name in `steps` or in any branch of its parallel groups, or null.
const Json& find_in(const Json& steps, std::string_view name) {
  static const Json kNone;
  for (const Json& step : steps) {
    for (const Json& branch : list(step, "parallel")) {
      if (!branch.is_array()) continue;
      if (const Json& inside = find_in(branch, name); !inside.is_null()) return inside;
    }
    if (member(step, "parallel").is_null() && text(step, "name") == name) return step;
  }
  return kNone;
}

const Json& step_of(const Json& definition, std::string_view step) { return find_in(list(definition, "steps"), step); }

/// The pivot stands in no branch.
bool after_pivot(const Json& definition, std::string_view step) {
  bool passed = false;
  for (const Json& one : list(definition, "steps")) {
    if (!find_in(Json::array({one}), step).is_null()) return passed;
    passed = passed || flag(one, "pivot");
  }
  return false;
}

}  // namespace

const Json& definition_in(const Json& answer) {
  const Json& inside = member(answer, "definition");
  if (inside.is_object()) return inside;
  static const Json kNone;
  return member(answer, "steps").is_array() ? answer : kNone;
}

std::optional<std::int64_t> max_attempts(const Json& definition, std::string_view step, std::string_view phase) {
  const Json& found = step_of(definition, step);
  if (found.is_null()) return std::nullopt;
  // Past the pivot a step without its own `retry` goes by `compensation_retry`.
  const bool forward = phase == "action" && (!after_pivot(definition, step) || !member(found, "retry").is_null());
  const std::string_view policy = forward ? "retry" : "compensation_retry";
  if (const auto own = integer(member(found, policy), "max_attempts")) return own;
  if (const auto common = integer(member(member(definition, "defaults"), policy), "max_attempts")) return common;
  return forward ? kActionAttempts : kCompensationAttempts;
}

bool is_pivot(const Json& definition, std::string_view step) { return flag(step_of(definition, step), "pivot"); }

std::string service_of(const Json& definition, std::string_view step) {
  const Json& found = step_of(definition, step);
  std::string service = text(found, "service");
  return service.empty() ? text(found, "url") : service;
}

std::string call_line(const Json& definition, std::string_view step, std::string_view phase, const Json& request) {
  const Json& found = step_of(definition, step);
  const Json& call = member(found, phase);
  std::string method = text(request, "method");
  if (method.empty()) method = text(call, "method");
  if (method.empty()) method = "POST";
  if (const std::string url = text(request, "url"); !url.empty()) return method + " " + url;
  std::string path = text(request, "path");
  if (path.empty()) path = call.is_string() ? call.get<std::string>() : text(call, "path");
  if (path.empty()) return "";
  if (const std::string url = text(found, "url"); !url.empty()) return method + " " + url + path;
  const std::string service = text(found, "service");
  return method + " " + path + (service.empty() ? "" : " at " + service);
}

}  // namespace saga::ctl
