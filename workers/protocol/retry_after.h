// Reads the `Retry-After` header of an answer.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace saga::workers {

/// A worker cannot put a retry off for longer than this.
inline constexpr Millis kMaxRetryAfter = std::chrono::hours{1};

/// How long to wait from `now`: whole seconds, or any of HTTP's three date formats. None for a date that has passed and
/// for what is neither. At most `kMaxRetryAfter`.
[[nodiscard]] std::optional<Millis> parse_retry_after(std::string_view text, Timestamp now);

}  // namespace saga::workers
