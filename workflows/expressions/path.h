// A plain path such as `input.items[0].sku`: a look-up in JSON that needs no Lua.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "workflows/expression.h"

namespace saga::workflows::expressions {

/// What a path starts from.
struct Root {
  enum class Kind { kInput, kStepOutput, kStepStatus, kSaga, kOutput, kActionInput, kBody };
  Kind kind = Kind::kInput;
  std::size_t step = 0;  ///< For kStepOutput and kStepStatus.
  std::string field;     ///< For kSaga.
  std::string text;      ///< As written: "steps.reserve.output".

  [[nodiscard]] bool same_as(const Root& other) const {
    return kind == other.kind && step == other.step && field == other.field;
  }
};

using PathKey = std::variant<std::string, std::int64_t>;

struct Path {
  Root root;
  std::vector<PathKey> keys;
};

/// A value that is either the scope's, and outlives the evaluation, or was made for it.
class Reading {
 public:
  explicit Reading(const Json* from_scope) : json_(from_scope) {}
  explicit Reading(Json made) : made_(std::move(made)) {}

  /// Null for nil.
  [[nodiscard]] const Json* json() const { return made_ ? &*made_ : json_; }
  [[nodiscard]] Json take() { return made_ ? std::move(*made_) : json_ == nullptr ? Json(nullptr) : *json_; }

 private:
  const Json* json_ = nullptr;
  std::optional<Json> made_;
};

[[nodiscard]] Reading read_root(const Root& root, const Scope& scope);

/// The member `key` of `value`; null where there is none, and where `value` can have none.
[[nodiscard]] const Json* member(const Json& value, std::string_view key);
[[nodiscard]] const Json* member(const Json& value, std::int64_t key);

/// Reading into nil gives nil, as does a name or a place that is not there. Numbers and booleans have no members:
/// the error says which part of the path is one.
[[nodiscard]] tl::expected<Json, std::string> resolve(const Path& path, const Scope& scope);

}  // namespace saga::workflows::expressions
