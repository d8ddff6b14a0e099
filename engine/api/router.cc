#include "engine/api/router.h"

#include <fmt/format.h>

#include <array>

#include "engine/api/names.h"
#include "engine/api/target.h"

namespace saga::api {
namespace {

constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/v1/sagas", Role::kStarter, &start_saga, Runs::kHere},
    {"POST", "/v1/sagas/batch", Role::kStarter, &start_batch, Runs::kHere, kMaxBatchBody},
    {"GET", "/v1/sagas", Role::kReader, &list_sagas, Runs::kPool},
    {"GET", "/v1/sagas/{id}", Role::kReader, &get_saga, Runs::kPool},
    {"GET", "/v1/sagas/{id}/events", Role::kReader, &get_events, Runs::kPool},
    {"POST", "/v1/sagas/{id}/{verb}", Role::kOperator, &operator_call, Runs::kHere, kMaxBody, "{verb}"},
    {"POST", "/v1/sagas/{id}/signals/{name}", Role::kStarter, &take_signal, Runs::kHere},
    {"POST", "/v1/callbacks/{id}/{step}/{phase}/{attempt}/{token}", kAnybody, &take_callback, Runs::kHere},
    {"POST", "/v1/callbacks/{id}/{step}/{phase}/{attempt}/{token}/heartbeat", kAnybody, &take_heartbeat, Runs::kHere},
    {"POST", "/v1/purge", Role::kAdmin, &purge_sagas, Runs::kPool, kMaxBody, "purge"},
    {"POST", "/v1/workflows", Role::kAdmin, &register_workflows, Runs::kPool, kMaxBody, "register"},
    {"GET", "/v1/workflows", Role::kReader, &list_workflows, Runs::kPool},
    {"GET", "/v1/workflows/{name}", Role::kReader, &get_workflow, Runs::kPool},
    {"GET", "/v1/workflows/{name}/{version}", Role::kReader, &get_workflow, Runs::kPool},
    {"GET", "/v1/services", Role::kReader, &list_services, Runs::kPool},
    {"GET", "/v1/stats", Role::kReader, &get_stats, Runs::kPool},
    {"GET", "/v1/audit", Role::kReader, &list_audit, Runs::kPool},
    {"GET", "/v1/openapi.json", kAnybody, &get_description, Runs::kHere},
    {"GET", "/health/live", kAnybody, &get_live, Runs::kHere},
    {"GET", "/health/ready", kAnybody, &get_ready, Runs::kPool},
    {"GET", "/metrics", Role::kReader, &get_metrics, Runs::kPool},
});

/// A path for a message. Nothing of a callback URL, which holds a token, is quoted.
std::string shown(std::string_view path) {
  return path.starts_with("/v1/callbacks/") ? "'/v1/callbacks/…'" : quote(path);
}

/// The path's first segment, its '/' taken off both.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

/// The undecoded segments in the braces; none when the path does not fit.
std::optional<std::vector<std::string_view>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string_view> found;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = take_segment(pattern);
    const std::string_view came = take_segment(path);
    if (expected.front() == '{') {
      if (came.empty()) return std::nullopt;
      found.push_back(came);
    } else if (expected != came) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return found;
}

Checked<Match> decode(const Route& route, const std::vector<std::string_view>& segments) {
  Match made{&route, {}};
  for (const std::string_view segment : segments) {
    auto text = percent_decode(segment, false);
    if (!text || !is_plain_text(*text)) {
      return refuse(ProblemKind::kBadRequest,
                    "the path has a malformed escape, a control character or text that is not UTF-8");
    }
    made.path.push_back(std::move(*text));
  }
  if (route.pattern.find("{id}") != std::string_view::npos && !could_be_id(made.path.front())) {
    return refuse(ProblemKind::kNotFound, fmt::format("no saga can have the id {}", quote(made.path.front())));
  }
  return made;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Checked<Match> find_route(std::string_view method, std::string_view path) {
  if (path.empty() || path.front() != '/')
    return refuse(ProblemKind::kBadRequest, "expected a path that begins with '/'");
  for (const Route& route : kRoutes) {
    if (route.method != method) continue;
    if (const auto segments = match(route.pattern, path)) return decode(route, *segments);
  }
  const std::string allowed = allowed_methods(path);
  if (allowed.empty()) return refuse(ProblemKind::kNotFound, fmt::format("nothing is at {}", shown(path)));
  auto refused = refuse(ProblemKind::kMethodNotAllowed,
                        fmt::format("{} takes {}, but {} came", shown(path), allowed, quote(method)));
  refused.value().headers.emplace_back("Allow", allowed);
  return refused;
}

std::size_t max_body(std::string_view method, std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.method == method && match(route.pattern, path)) return route.max_body;
  }
  return kMaxBody;
}

std::string allowed_methods(std::string_view path) {
  if (path.empty() || path.front() != '/') return "";
  std::string methods;
  for (const Route& route : kRoutes) {
    if (!match(route.pattern, path)) continue;
    methods += methods.empty() ? "" : ", ";
    methods += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  return methods.empty() ? methods : methods + ", OPTIONS";
}

}  // namespace saga::api
