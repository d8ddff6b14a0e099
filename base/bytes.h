// Bytes that nobody can guess, and bytes as text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace saga {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

/// From the kernel's random source; at most 256, which it gives whole and without a signal's interruption.
void fill_random(std::span<unsigned char> bytes);

/// Two digits a byte.
void append_hex(std::string& out, std::span<const unsigned char> bytes);

}  // namespace saga
