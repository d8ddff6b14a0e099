// The front of what a server has sent, for clients that must cost next to nothing.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

namespace saga::bench {

struct HttpAnswer {
  int status = 0;
  std::size_t size = 0;  ///< Head and body.
};

/// The answer at the front of `bytes`; none while it is not whole. Chunks do not occur.
inline std::optional<HttpAnswer> front_answer(std::string_view bytes) {
  const auto head = bytes.find("\r\n\r\n");
  if (head == std::string_view::npos || bytes.size() < 12) return std::nullopt;
  HttpAnswer answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  std::size_t body = 0;
  constexpr std::string_view kName = "content-length:";
  const std::string_view headers = bytes.substr(0, head);
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; };
  const auto at = std::search(headers.begin(), headers.end(), kName.begin(), kName.end(), same);
  if (at != headers.end()) {
    std::string_view value = headers.substr(static_cast<std::size_t>(at - headers.begin()) + kName.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    std::from_chars(value.data(), value.data() + value.size(), body);
  }
  answer.size = head + 4 + body;
  return bytes.size() >= answer.size ? std::optional(answer) : std::nullopt;
}

}  // namespace saga::bench
