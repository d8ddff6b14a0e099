// The few things a page wants from a saga's workflow definition. All of them are absent where the definition is (null):
// a page never needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace saga::ctl {

/// The document itself, whether the server's answer is it or holds it as `definition`; null if neither.
[[nodiscard]] const Json& definition_in(const Json& answer);

/// `max_attempts` of a call, from the step, the defaults, or the built-in values.
[[nodiscard]] std::optional<std::int64_t> max_attempts(const Json& definition, std::string_view step,
                                                       std::string_view phase);

[[nodiscard]] bool is_pivot(const Json& definition, std::string_view step);

/// The step's `service`, or its `url`; "" when not known.
[[nodiscard]] std::string service_of(const Json& definition, std::string_view step);

/// "POST http://10.0.0.7:8082/refunds", "DELETE /reservations/order-42 at inventory"; "" when not known. `request` is
/// what was worked out for the call, or null.
[[nodiscard]] std::string call_line(const Json& definition, std::string_view step, std::string_view phase,
                                    const Json& request);

}  // namespace saga::ctl
