// JSON numbers as mathematics has them: 1 and 1.0 are the same, 64-bit integers are exact, and 19.99 is a multiple of
// 0.01 because the decimals that people wrote are what counts.
#pragma once

#include <compare>
#include <cstddef>

#include "base/json.h"

namespace saga::workflows::schemas {

/// Both must be numbers.
[[nodiscard]] std::weak_ordering compare_numbers(const Json& a, const Json& b);
[[nodiscard]] bool is_multiple_of(const Json& value, const Json& divisor);

/// A number without a fraction.
[[nodiscard]] bool is_integral(const Json& value);

/// Equal as JSON Schema has it: 1 is 1.0, at any depth.
[[nodiscard]] bool same_value(const Json& a, const Json& b);

/// Equal values have equal hashes.
[[nodiscard]] std::size_t hash_value(const Json& value);

}  // namespace saga::workflows::schemas
