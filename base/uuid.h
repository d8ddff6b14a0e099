// Ids that sort by the time they were made at: UUIDs of version 7 (RFC 9562).
#pragma once

#include <array>
#include <string>

#include "base/time.h"

namespace saga {

/// "019ab3c4-…-7…". `random` fills the 74 bits that are not time, version or variant.
[[nodiscard]] std::string uuid_v7(Timestamp now, const std::array<unsigned char, 10>& random);

/// With bits from the kernel's random source.
[[nodiscard]] std::string make_uuid_v7(Timestamp now);

}  // namespace saga
