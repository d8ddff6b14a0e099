#include "workflows/expressions/path.h"

#include <fmt/format.h>

#include "base/check.h"

namespace saga::workflows::expressions {
namespace {

std::string describe(const PathKey& key) {
  if (const auto* name = std::get_if<std::string>(&key)) return fmt::format("field '{}'", *name);
  return fmt::format("place {}", std::get<std::int64_t>(key));
}

std::string text_up_to(const Path& path, std::size_t keys) {
  std::string text = path.root.text;
  for (std::size_t i = 0; i < keys; ++i) {
    if (const auto* name = std::get_if<std::string>(&path.keys[i])) {
      text += "." + *name;
    } else {
      text += fmt::format("[{}]", std::get<std::int64_t>(path.keys[i]));
    }
  }
  return text;
}

}  // namespace

Reading read_root(const Root& root, const Scope& scope) {
  switch (root.kind) {
    case Root::Kind::kInput:
      return Reading(scope.input());
    case Root::Kind::kStepOutput:
      return Reading(scope.step(root.step).output);
    case Root::Kind::kStepStatus:
      return Reading(Json(std::string(scope.step(root.step).status)));
    case Root::Kind::kSaga:
      return Reading(scope.saga(root.field));
    case Root::Kind::kOutput:
      return Reading(scope.output());
    case Root::Kind::kActionInput:
      return Reading(scope.action_input());
    case Root::Kind::kBody:
      return Reading(scope.body());
  }
  SAGA_CHECK(false, "a known root");
  return Reading(nullptr);
}

const Json* member(const Json& value, std::string_view key) {
  const auto* object = value.get_ptr<const Json::object_t*>();
  if (object == nullptr) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &found->second;
}

const Json* member(const Json& value, std::int64_t key) {
  const auto* array = value.get_ptr<const Json::array_t*>();
  if (array == nullptr || key < 0 || static_cast<std::uint64_t>(key) >= array->size()) return nullptr;
  return &(*array)[static_cast<std::size_t>(key)];
}

tl::expected<Json, std::string> resolve(const Path& path, const Scope& scope) {
  Reading root = read_root(path.root, scope);
  if (path.keys.empty()) return root.take();
  const Json* at = root.json();
  for (std::size_t i = 0; i < path.keys.size(); ++i) {
    if (at == nullptr) return Json(nullptr);
    if (at->is_number() || at->is_boolean()) {
      return tl::unexpected<std::string>(
          fmt::format("{} is a {}, which has no {}", text_up_to(path, i), at->type_name(), describe(path.keys[i])));
    }
    at = std::visit([at](const auto& key) { return member(*at, key); }, path.keys[i]);
  }
  return at == nullptr ? Json(nullptr) : *at;
}

}  // namespace saga::workflows::expressions
