#include "sagactl/render/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace saga::ctl {
namespace {

constexpr std::string_view kEllipsis = "…";
constexpr char32_t kBroken = 0xFFFD;

/// Takes one code point off the front; a broken sequence costs one byte and reads as U+FFFD.
char32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  std::size_t length = 0;
  char32_t value = 0;
  if (lead < 0x80) {
    length = 1;
    value = lead;
  } else if ((lead & 0xE0) == 0xC0) {
    length = 2;
    value = lead & 0x1F;
  } else if ((lead & 0xF0) == 0xE0) {
    length = 3;
    value = lead & 0x0F;
  } else if ((lead & 0xF8) == 0xF0) {
    length = 4;
    value = lead & 0x07;
  }
  bool sound = length > 0 && length <= text.size();
  for (std::size_t i = 1; sound && i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    sound = (next & 0xC0) == 0x80;
    value = (value << 6) | (next & 0x3F);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  sound = sound && value >= kSmallest.at(length) && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  text.remove_prefix(sound ? length : 1);
  return sound ? value : kBroken;
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

std::size_t columns(char32_t c) {
  static constexpr std::array<Range, 6> kNone{
      {{0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1AB0, 0x1AFF}}};
  static constexpr std::array<Range, 8> kWide{{{0x1100, 0x115F},
                                               {0x2E80, 0xA4CF},
                                               {0xAC00, 0xD7A3},
                                               {0xF900, 0xFAFF},
                                               {0xFE30, 0xFE6F},
                                               {0xFF00, 0xFF60},
                                               {0x1F300, 0x1FAFF},
                                               {0x20000, 0x3FFFD}}};
  if (within(kNone, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

bool is_control(char32_t c) {
  // Direction overrides are as good as control characters for making a line say something else.
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
         c == 0x2028 || c == 0x2029;
}

std::string date_of(Timestamp time) { return format_time(time).substr(0, 10); }
std::string clock_of(Timestamp time, std::size_t characters) { return format_time(time).substr(11, characters); }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t c = take_code_point(text);
    if (c == kBroken) {
      out += "\uFFFD";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(c)) {
      out += c < 0x100 ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c))
                       : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else {
      out.append(before.substr(0, before.size() - text.size()));
    }
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) width += columns(take_code_point(text));
  return width;
}

std::string elide(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::size_t taken = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view after = rest;
    const std::size_t more = columns(take_code_point(after));
    if (taken + more > width - 1) break;
    taken += more;
    rest = after;
  }
  return std::string(text.substr(0, text.size() - rest.size())).append(kEllipsis);
}

std::string fit(const Page& page, std::string_view text, std::size_t width) {
  return page.terminal ? elide(text, width) : std::string(text);
}

std::string wrap(const Page& page, std::string_view text, std::size_t indent, std::size_t lines) {
  if (!page.terminal || page.width <= indent) return std::string(text);
  const std::size_t width = page.width - indent;
  std::string out;
  for (std::size_t line = 1; line < lines && display_width(text) > width; ++line) {
    std::size_t end = 0;  // Of what fits: up to the last space, or in the middle of a word that is wider than the line.
    for (std::size_t space = text.find(' '); space != std::string_view::npos; space = text.find(' ', space + 1)) {
      if (display_width(text.substr(0, space)) > width) break;
      end = space;
    }
    const bool between_words = end > 0;
    if (!between_words) end = elide(text, width).size() - kEllipsis.size();
    out.append(text.substr(0, end)).append("\n").append(indent, ' ');
    text.remove_prefix(between_words ? end + 1 : end);
  }
  return out + elide(text, width);
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t has = display_width(text);
  return std::string(text).append(has < width ? width - has : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t has = display_width(text);
  return std::string(has < width ? width - has : 0, ' ').append(text);
}

std::string human_duration(Millis duration) {
  const std::int64_t ms = std::max<std::int64_t>(duration.count(), 0);
  if (ms < 1'000) return fmt::format("{}ms", ms);
  if (ms < 60'000) return fmt::format("{}.{}s", ms / 1'000, ms % 1'000 / 100);
  const std::int64_t seconds = ms / 1'000;
  if (seconds < 3'600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3'600, seconds % 3'600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds % 86'400 / 3'600);
}

std::string human_time(Timestamp time, Timestamp now) {
  const std::string clock = clock_of(time, 8) + " UTC";
  return date_of(time) == date_of(now) ? clock : date_of(time) + " " + clock;
}

std::string clock_time(Timestamp time, Timestamp reference) {
  const std::string clock = clock_of(time, 12);
  return date_of(time) == date_of(reference) ? clock : date_of(time) + " " + clock;
}

std::string shell_quote(std::string_view text) {
  const bool safe = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._:-/=@,+~").find(c) != std::string_view::npos;
  });
  if (safe && text.front() != '~') return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace saga::ctl
