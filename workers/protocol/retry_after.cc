#include "workers/protocol/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <vector>

#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

/// A run of at most nine digits.
std::optional<int> number(std::string_view text) {
  int value = 0;
  const bool digits =
      !text.empty() && text.size() <= 9 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return std::nullopt;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<unsigned> month_number(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto at =
      std::ranges::find_if(kNames, [&](std::string_view known) { return equal_ignoring_case(known, name); });
  if (at == kNames.end()) return std::nullopt;
  return static_cast<unsigned>(at - kNames.begin()) + 1;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t from = 0; (from = text.find_first_not_of(" ,-", from)) != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(" ,-", from), text.size());
    found.push_back(text.substr(from, end - from));
    from = end;
  }
  return found;
}

struct DateWords {
  std::string_view day, month, year, time;
};

/// "Sun, 06 Nov 1994 08:49:37 GMT" and "Sunday, 06-Nov-94 08:49:37 GMT" have the same order of words;
/// "Sun Nov  6 08:49:37 1994" another.
std::optional<DateWords> arrange(const std::vector<std::string_view>& w) {
  if (w.size() == 6 && w[5] == "GMT") return DateWords{.day = w[1], .month = w[2], .year = w[3], .time = w[4]};
  if (w.size() == 5) return DateWords{.day = w[2], .month = w[1], .year = w[4], .time = w[3]};
  return std::nullopt;
}

std::optional<Timestamp> parse_http_date(std::string_view text, Timestamp now) {
  const auto date = arrange(words(text));
  if (!date || date->time.size() != 8 || date->time[2] != ':' || date->time[5] != ':') return std::nullopt;
  const auto month = month_number(date->month);
  const auto day = number(date->day), hour = number(date->time.substr(0, 2)), minute = number(date->time.substr(3, 2)),
             second = number(date->time.substr(6, 2));
  auto year = number(date->year);
  if (!month || !day || !year || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  namespace chr = std::chrono;
  if (date->year.size() == 2) {
    // Two digits mean the last such year that is not more than fifty years ahead (RFC 9110).
    const chr::year_month_day today{chr::floor<chr::days>(chr::sys_time<Millis>{Millis{now.ms}})};
    const int this_year = static_cast<int>(today.year());
    *year += this_year / 100 * 100;
    if (*year > this_year + 50) *year -= 100;
    if (*year + 100 <= this_year + 50) *year += 100;
  }
  if (*year > 9999) return std::nullopt;
  const chr::year_month_day ymd{chr::year{*year}, chr::month{*month}, chr::day{static_cast<unsigned>(*day)}};
  if (!ymd.ok()) return std::nullopt;
  const auto point = chr::sys_days{ymd} + chr::hours{*hour} + chr::minutes{*minute} + chr::seconds{*second};
  return Timestamp{chr::duration_cast<Millis>(point.time_since_epoch()).count()};
}

}  // namespace

std::optional<Millis> parse_retry_after(std::string_view text, Timestamp now) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    const auto seconds = number(text);  // None: more digits than any wait could need.
    return seconds ? std::min<Millis>(std::chrono::seconds{*seconds}, kMaxRetryAfter) : kMaxRetryAfter;
  }
  const auto date = parse_http_date(text, now);
  if (!date || *date < now) return std::nullopt;
  return std::min(*date - now, kMaxRetryAfter);
}

}  // namespace saga::workers
