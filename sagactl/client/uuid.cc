#include "sagactl/client/uuid.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace saga::ctl {

std::string uuid_v7(Timestamp now, const std::array<std::uint8_t, 10>& random) {
  const auto ms = static_cast<std::uint64_t>(now.ms);
  const auto at = [&](std::size_t i) { return static_cast<unsigned>(random.at(i)); };
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", (ms >> 16U) & 0xFFFFFFFFU,
                     ms & 0xFFFFU, 0x7000U | ((at(0) << 8U | at(1)) & 0x0FFFU),
                     0x8000U | ((at(2) << 8U | at(3)) & 0x3FFFU), at(4), at(5), at(6), at(7), at(8), at(9));
}

std::string new_uuid_v7(Timestamp now) {
  std::array<std::uint8_t, 10> random{};
  fill_random(random);
  return uuid_v7(now, random);
}

}  // namespace saga::ctl
