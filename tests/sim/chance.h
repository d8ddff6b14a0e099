// All chance of a simulated world comes from its seed, through streams that do not touch each other: what one stream
// draws depends on its name alone, so that a world with a saga or a fault less keeps the fate of all others.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string_view>

#include "base/time.h"

namespace saga::sim {

/// splitmix64.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  Chance(std::uint64_t seed, std::string_view stream, std::uint64_t number = 0)
      : state_(mix(mix(seed, hash(stream)), number)) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    return scramble(state_);
  }
  /// 0 to `n` - 1.
  int below(int n) { return n <= 1 ? 0 : static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
  /// `lowest` to `highest`, both included.
  int between(int lowest, int highest) { return lowest + below(highest - lowest + 1); }
  bool one_in(int n) { return below(n) == 0; }
  bool percent(int p) { return below(100) < p; }
  Millis millis(int lowest, int highest) { return Millis{between(lowest, highest)}; }

  template <typename T>
  T one_of(std::initializer_list<T> list) {
    return *std::next(list.begin(), below(static_cast<int>(list.size())));
  }
  template <typename List>
  const auto& pick(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
  }

  static std::uint64_t hash(std::string_view text) {
    std::uint64_t value = 14695981039346656037ULL;
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return value;
  }
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return scramble(a ^ (b * 0x9E3779B97F4A7C15ULL)); }

 private:
  static std::uint64_t scramble(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace saga::sim
