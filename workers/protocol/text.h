// Text that came from a worker, made fit to be kept and shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace saga::workers {

/// True for well-formed UTF-8: no overlong forms, surrogates or values past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

/// `text` cut to at most `limit` bytes at a character's end, its malformed bytes replaced by U+FFFD.
[[nodiscard]] std::string bounded_utf8(std::string_view text, std::size_t limit);

/// `text` without the blanks of HTTP and JSON around it.
[[nodiscard]] std::string_view trim(std::string_view text);

/// True for what can stand in a header's name or a method.
[[nodiscard]] bool is_token_character(char c);

/// ASCII letters compared without case, as header names and media types are.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace saga::workers
