#include "base/uuid.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace saga {

std::string uuid_v7(Timestamp now, const std::array<unsigned char, 10>& random) {
  constexpr std::size_t kTimeBytes = 6;
  std::array<unsigned char, kTimeBytes + 10> bytes{};
  for (std::size_t i = 0; i < kTimeBytes; ++i) bytes[i] = static_cast<unsigned char>(now.ms >> (40 - 8 * i));
  std::copy(random.begin(), random.end(), bytes.begin() + kTimeBytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x70);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    append_hex(text, std::span(bytes).subspan(i, 1));
  }
  return text;
}

std::string make_uuid_v7(Timestamp now) {
  std::array<unsigned char, 10> random{};
  fill_random(random);
  return uuid_v7(now, random);
}

}  // namespace saga
