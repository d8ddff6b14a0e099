#include "workflows/schemas/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string_view>

namespace saga::workflows::schemas {
namespace {

__extension__ typedef unsigned __int128 Wide;  // For products of two 64-bit numbers.

/// Exact for every int64, uint64 and double.
long double exact(const Json& number) {
  static_assert(std::numeric_limits<long double>::digits >= 64, "a long double that holds every 64-bit integer");
  if (const auto* value = number.get_ptr<const std::uint64_t*>()) return static_cast<long double>(*value);
  if (const auto* value = number.get_ptr<const std::int64_t*>()) return static_cast<long double>(*value);
  return static_cast<long double>(number.get<double>());
}

/// The absolute value as `digits` * 10^`exponent`, the digits being the fewest that name it.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
};

Decimal decimal(const Json& number) {
  if (const auto* value = number.get_ptr<const std::uint64_t*>()) return {*value, 0};
  if (const auto* value = number.get_ptr<const std::int64_t*>()) {
    const auto bits = static_cast<std::uint64_t>(*value);
    return {*value < 0 ? 0 - bits : bits, 0};
  }
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), std::fabs(number.get<double>()),
                                          std::chars_format::scientific);
  Decimal result;
  bool fraction = false;
  for (const char* at = text.data(); at != end; ++at) {  // "1.999e+01"
    if (*at == '.') {
      fraction = true;
    } else if (*at == 'e') {
      result.exponent += std::atoi(at + 1);
      break;
    } else {
      result.digits = result.digits * 10 + static_cast<std::uint64_t>(*at - '0');
      if (fraction) --result.exponent;
    }
  }
  return result;
}

std::uint64_t power_of_ten_modulo(int exponent, std::uint64_t modulus) {
  Wide result = 1 % modulus;
  for (Wide base = 10 % modulus; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = result * base % modulus;
    base = base * base % modulus;
  }
  return static_cast<std::uint64_t>(result);
}

}  // namespace

std::weak_ordering compare_numbers(const Json& a, const Json& b) {
  const long double left = exact(a);
  const long double right = exact(b);
  return left < right   ? std::weak_ordering::less
         : left > right ? std::weak_ordering::greater
                        : std::weak_ordering::equivalent;
}

bool is_multiple_of(const Json& value, const Json& divisor) {
  Decimal dividend = decimal(value);
  const Decimal step = decimal(divisor);
  if (dividend.digits == 0) return true;
  if (step.digits == 0) return false;
  if (dividend.exponent >= step.exponent) {
    const std::uint64_t power = power_of_ten_modulo(dividend.exponent - step.exponent, step.digits);
    return static_cast<Wide>(dividend.digits % step.digits) * power % step.digits == 0;
  }
  for (; dividend.exponent < step.exponent; ++dividend.exponent) {
    if (dividend.digits % 10 != 0) return false;
    dividend.digits /= 10;
  }
  return dividend.digits % step.digits == 0;
}

bool is_integral(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == std::weak_ordering::equivalent;
  if (a.type() != b.type()) return false;
  if (a.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value);
  const auto* left = a.get_ptr<const Json::object_t*>();
  if (left == nullptr) return a == b;
  const auto& right = *b.get_ptr<const Json::object_t*>();
  return std::equal(left->begin(), left->end(), right.begin(), right.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same_value(x.second, y.second); });
}

std::size_t hash_value(const Json& value) {
  const auto mix = [](std::size_t seed, std::size_t hash) {
    return (seed ^ hash) * 0x9E3779B97F4A7C15U + (seed >> 29U);
  };
  if (value.is_number()) return std::hash<double>()(static_cast<double>(exact(value)));
  if (const auto* text = value.get_ptr<const std::string*>()) return mix(1, std::hash<std::string_view>()(*text));
  std::size_t seed = static_cast<std::size_t>(value.type()) + 2;
  if (const auto* array = value.get_ptr<const Json::array_t*>()) {
    for (const Json& element : *array) seed = mix(seed, hash_value(element));
  } else if (const auto* object = value.get_ptr<const Json::object_t*>()) {
    for (const auto& [name, member] : *object)
      seed = mix(mix(seed, std::hash<std::string_view>()(name)), hash_value(member));
  } else if (const auto* truth = value.get_ptr<const bool*>()) {
    seed = mix(seed, *truth ? 1 : 0);
  }
  return seed;
}

}  // namespace saga::workflows::schemas
