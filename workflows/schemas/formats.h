// The values of `format` that are checked; others say nothing, as draft 7 allows.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace saga::workflows::schemas {

enum class Format {
  kDateTime,
  kDate,
  kTime,
  kEmail,
  kHostname,
  kIpv4,
  kIpv6,
  kUri,
  kUriReference,
  kUuid,
  kJsonPointer,
  kRegex
};

/// None for a format that is not checked.
[[nodiscard]] std::optional<Format> format_named(std::string_view name);
[[nodiscard]] std::string_view name_of(Format format);

[[nodiscard]] bool has_format(std::string_view text, Format format);

/// An ECMA 262 pattern in RE2's words, where they differ only in writing: `\u00e9`, `\cA`, `(?<name>…)`, `\s`.
[[nodiscard]] std::string pattern_for_re2(std::string_view ecma);

}  // namespace saga::workflows::schemas
