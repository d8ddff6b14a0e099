#include "workflows/document/core_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "workflows/document/node.h"

namespace saga::workflows {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 3> kTrue{"true", "True", "TRUE"};
constexpr std::array<std::string_view, 3> kFalse{"false", "False", "FALSE"};
constexpr std::array<std::string_view, 3> kInfinity{".inf", ".Inf", ".INF"};
constexpr std::array<std::string_view, 3> kNotANumber{".nan", ".NaN", ".NAN"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

/// `[0-9]+ ( . [0-9]* )? | . [0-9]+`, then an exponent or nothing; the sign is taken off already.
bool looks_like_float(std::string_view text) {
  const auto skip_digits = [&text] {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
  };
  std::size_t digits = skip_digits();
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    digits += skip_digits();
  }
  if (digits == 0) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return all_digits(text);
}

/// Null where `digits` has a digit that `base` does not know, or none; an error where 64 bits do not hold it.
std::optional<Result<Json>> read_integer(std::string_view digits, int base, bool negative, std::string_view text) {
  std::uint64_t magnitude = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (digits.empty() || problem == std::errc::invalid_argument || end != digits.data() + digits.size())
    return std::nullopt;
  constexpr std::uint64_t kLowest = std::uint64_t{1} << 63U;
  if (problem == std::errc::result_out_of_range || (negative && magnitude > kLowest)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} does not fit in 64 bits: write it in quotes to keep it as a text", quote(text)));
  }
  if (!negative) return Json(magnitude);
  return Json(magnitude == kLowest ? INT64_MIN : -static_cast<std::int64_t>(magnitude));
}

}  // namespace

Result<Json> resolve_plain_scalar(std::string_view text) {
  if (is_one_of(text, kNull)) return Json(nullptr);
  if (is_one_of(text, kTrue)) return Json(true);
  if (is_one_of(text, kFalse)) return Json(false);

  if (text.starts_with("0o") || text.starts_with("0x")) {
    if (auto number = read_integer(text.substr(2), text[1] == 'o' ? 8 : 16, false, text)) return *number;
    return Json(std::string(text));
  }
  std::string_view magnitude = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) magnitude.remove_prefix(1);
  if (all_digits(magnitude)) return *read_integer(magnitude, 10, negative, text);

  if (is_one_of(magnitude, kInfinity) || is_one_of(text, kNotANumber)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} is no number in JSON: write it in quotes if it is a text", quote(text)));
  }
  if (looks_like_float(magnitude)) {
    // Not from_chars: it does not tell too large from too small, and the latter reads as 0. The locale is always "C".
    const double number = std::strtod(std::string(magnitude).c_str(), nullptr);
    if (!std::isfinite(number)) {
      return fail(ErrorCode::kInvalid, fmt::format("{} is larger than any number a double holds", quote(text)));
    }
    return Json(negative ? -number : number);
  }
  return Json(std::string(text));
}

}  // namespace saga::workflows
