// Holds a value against rules.
#pragma once

#include <cstddef>
#include <vector>

#include "base/json.h"
#include "workflows/schema.h"
#include "workflows/schemas/rules.h"

namespace saga::workflows::schemas {

/// How often a value or a part of it is held against rules before the check gives up: schemas can be written that try
/// exponentially many ways.
inline constexpr std::size_t kMaxChecks = 5'000'000;

/// Empty when `value` fits; at most `most` violations.
[[nodiscard]] std::vector<SchemaViolation> check_value(const Rules& rules, const Json& value, std::size_t most);

}  // namespace saga::workflows::schemas
