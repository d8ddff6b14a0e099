// Text as a terminal shows it: how wide it is, how it is cut, and how times and durations read. What comes from a
// worker or a saga passes through `printable`, so that no message can steer an operator's terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/time.h"

namespace saga::ctl {

/// How a page is laid out. Plain pages (not on a terminal) are never cut.
struct Page {
  bool terminal = false;
  bool colour = false;
  std::size_t width = 80;  ///< Of the terminal, in columns.
};

/// Control characters as \n, \t or \xNN; broken UTF-8 as U+FFFD. One line comes out, whatever went in.
[[nodiscard]] std::string printable(std::string_view text);

/// Columns that UTF-8 `text` takes: combining marks none, wide East Asian characters and emoji two.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// At most `width` columns, the cut marked by "…". Width 0 gives "".
[[nodiscard]] std::string elide(std::string_view text, std::size_t width);

/// `elide` where the page is a terminal, else `text` whole.
[[nodiscard]] std::string fit(const Page& page, std::string_view text, std::size_t width);

/// On a terminal: broken between words into at most `lines` lines, each after `indent` columns (the first's are there
/// already), the last one elided. Else `text` as it is.
[[nodiscard]] std::string wrap(const Page& page, std::string_view text, std::size_t indent, std::size_t lines);

/// Filled up with spaces to `width` columns; longer text stays whole.
[[nodiscard]] std::string pad_right(std::string_view text, std::size_t width);
[[nodiscard]] std::string pad_left(std::string_view text, std::size_t width);

/// How long something took: "12ms", "6.6s", "5m07s", "2h14m", "3d04h".
[[nodiscard]] std::string human_duration(Millis duration);

/// "01:07:20 UTC", with the date in front when it is another day than `now`.
[[nodiscard]] std::string human_time(Timestamp time, Timestamp now);

/// "01:05:20.114", with the date in front when it is another day than `reference`.
[[nodiscard]] std::string clock_time(Timestamp time, Timestamp reference);

/// A word that a shell reads as exactly `text`.
[[nodiscard]] std::string shell_quote(std::string_view text);

/// "1 attempt", "3 attempts".
[[nodiscard]] std::string counted(std::int64_t count, std::string_view noun);

}  // namespace saga::ctl
