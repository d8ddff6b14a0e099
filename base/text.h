// Texts of any length as part of a message.
#pragma once

#include <cstddef>
#include <string_view>

namespace saga {

/// The front of `text`, at most `limit` bytes and whole UTF-8 characters: half of one would make the message no UTF-8,
/// and what it is put into no JSON.
[[nodiscard]] inline std::string_view front_of(std::string_view text, std::size_t limit = 64) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

}  // namespace saga
