#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace saga {
namespace {

using Days = std::chrono::sys_days;

constexpr Millis kLongest = std::chrono::hours(24) * 3650;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

constexpr std::array<Unit, 5> kUnits{{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

tl::unexpected<Error> bad_duration(std::string_view text) {
  return fail(
      ErrorCode::kInvalid,
      fmt::format("'{}' is not a duration: expected a number and a unit (ms, s, m, h, d), such as 250ms, 2s or 1h30m",
                  front_of(text)));
}

tl::unexpected<Error> bad_time(std::string_view text) {
  return fail(ErrorCode::kInvalid,
              fmt::format("'{}' is not a time: expected RFC 3339, such as 2026-12-24T18:00:00Z", front_of(text)));
}

/// Reads exactly `digits` decimal digits at the front of `text` and drops them.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

void put_digits(char* first, std::size_t count, unsigned value) {
  for (char* at = first + count; at-- > first; value /= 10) *at = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_time(TextWriter& out, Timestamp time) {
  const std::chrono::sys_time<Millis> point{Millis{time.ms}};
  const Days day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) {  // No deadline is that far off.
    out += fmt::format("year {}", year);
    return;
  }
  // An answer of the API has a dozen of these: reading a format each time would be a tenth of its cost.
  constexpr std::string_view kZero = "0000-00-00T00:00:00.000Z";
  char* const text = out.room(kZero.size());
  out += kZero;
  put_digits(&text[0], 4, static_cast<unsigned>(year));
  put_digits(&text[5], 2, static_cast<unsigned>(date.month()));
  put_digits(&text[8], 2, static_cast<unsigned>(date.day()));
  put_digits(&text[11], 2, static_cast<unsigned>(clock.hours().count()));
  put_digits(&text[14], 2, static_cast<unsigned>(clock.minutes().count()));
  put_digits(&text[17], 2, static_cast<unsigned>(clock.seconds().count()));
  put_digits(&text[20], 3, static_cast<unsigned>(clock.subseconds().count()));
}

std::string format_time(Timestamp time) {
  constexpr std::size_t kUsualSize = 24;
  TextWriter text(kUsualSize);
  append_time(text, time);
  return text.take();
}

Result<Timestamp> parse_time(std::string_view text) {
  std::string_view rest = text;
  const auto year = take_digits(rest, 4);
  if (!year || !take(rest, "-")) return bad_time(text);
  const auto month = take_digits(rest, 2);
  if (!month || !take(rest, "-")) return bad_time(text);
  const auto day = take_digits(rest, 2);
  if (!day || !take(rest, "Tt ")) return bad_time(text);
  const auto hour = take_digits(rest, 2);
  if (!hour || !take(rest, ":")) return bad_time(text);
  const auto minute = take_digits(rest, 2);
  if (!minute || !take(rest, ":")) return bad_time(text);
  const auto second = take_digits(rest, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return bad_time(text);

  int fraction_ms = 0;
  if (take(rest, ".")) {
    int scale = 100;
    std::size_t digits = 0;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      fraction_ms += (rest.front() - '0') * scale;
      scale /= 10;
      rest.remove_prefix(1);
      ++digits;
    }
    if (digits == 0) return bad_time(text);
  }

  int offset_minutes = 0;
  if (!take(rest, "Zz")) {
    const bool negative = !rest.empty() && rest.front() == '-';
    if (!take(rest, "+-")) return bad_time(text);
    const auto offset_hour = take_digits(rest, 2);
    if (!offset_hour || !take(rest, ":")) return bad_time(text);
    const auto offset_minute = take_digits(rest, 2);
    if (!offset_minute || *offset_hour > 23 || *offset_minute > 59) return bad_time(text);
    offset_minutes = (*offset_hour * 60 + *offset_minute) * (negative ? -1 : 1);
  }
  if (!rest.empty()) return bad_time(text);

  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return bad_time(text);
  const auto days = Days{date}.time_since_epoch().count();
  const std::int64_t seconds =
      static_cast<std::int64_t>(days) * 86'400 + (*hour * 60 + *minute - offset_minutes) * 60 + *second;
  return Timestamp{seconds * 1000 + fraction_ms};
}

Result<Millis> parse_duration(std::string_view text) {
  std::string_view rest = text;
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc{} || number < 0) return bad_duration(text);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));

    std::size_t letters = 0;
    while (letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z') ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return bad_duration(text);
    if (number > kLongest.count() / kUnits[next_unit].ms) {
      return fail(ErrorCode::kInvalid, fmt::format("'{}' is too long: at most 3650d", front_of(text)));
    }
    total += number * kUnits[next_unit].ms;
    ++next_unit;
  }
  if (total == 0) return bad_duration(text);
  if (total > kLongest.count()) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is too long: at most 3650d", front_of(text)));
  }
  return Millis{total};
}

std::string format_duration(Millis duration) {
  if (duration.count() == 0) return "0s";
  std::string text = duration.count() < 0 ? "-" : "";
  std::int64_t rest = duration.count() < 0 ? -duration.count() : duration.count();
  for (const Unit& unit : kUnits) {
    if (rest / unit.ms == 0) continue;
    text += fmt::format("{}{}", rest / unit.ms, unit.name);
    rest %= unit.ms;
  }
  return text;
}

SystemClock::SystemClock()
    : wall_at_start_{std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch()).count()},
      steady_at_start_(std::chrono::steady_clock::now()) {}

Timestamp SystemClock::now() const {
  return wall_at_start_ + std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - steady_at_start_);
}

}  // namespace saga
