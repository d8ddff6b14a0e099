// Texts put together from pieces, and cut.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace saga {

/// The front of `text`, at most `limit` bytes and whole UTF-8 characters: half of one would make the message no UTF-8,
/// and what it is put into no JSON.
[[nodiscard]] inline std::string_view front_of(std::string_view text, std::size_t limit = 64) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

/// An integer's decimal digits, as a piece of text; without an allocation.
class Digits {
 public:
  template <std::integral Integer>
  explicit Digits(Integer value)
      : size_(static_cast<std::size_t>(std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
                                       digits_.data())) {}
  operator std::string_view() const { return {digits_.data(), size_}; }  // NOLINT: it is a text.

 private:
  std::array<char, 20> digits_;
  std::size_t size_;
};

/// All `pieces`, in one allocation: on the path of every step, where a format string would be read each time.
[[nodiscard]] inline std::string concat(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string out(size, '\0');
  char* at = out.data();
  for (const std::string_view piece : pieces) at = std::copy(piece.begin(), piece.end(), at);
  return out;
}

}  // namespace saga
