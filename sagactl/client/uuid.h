// UUIDv7 (RFC 9562): the ids that sagactl gives to the sagas it starts, in the order of their time.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace saga::ctl {

/// `random` fills the 74 bits that are not time, version or variant.
[[nodiscard]] std::string uuid_v7(Timestamp now, const std::array<std::uint8_t, 10>& random);

/// With random bits from the system.
[[nodiscard]] std::string new_uuid_v7(Timestamp now);

}  // namespace saga::ctl
