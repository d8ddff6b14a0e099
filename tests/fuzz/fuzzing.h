// What the fuzzers share: how an input is cut up, and how a broken property is told. A fuzzer is one function that is
// given bytes; libFuzzer calls it with what it makes up, `replay.cc` with the files of a corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "workers/protocol/text.h"

/// libFuzzer's name for it. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace saga::fuzz {

/// Ends the process where a property does not hold; `shown` is what it was about.
inline void expect(bool holds, std::string_view property, std::string_view shown = {}) {
  if (holds) return;
  std::fprintf(stderr, "broken property: %.*s\n%.*s\n", static_cast<int>(property.size()), property.data(),
               static_cast<int>(shown.size()), shown.data());
  std::abort();
}

/// What people read has to be readable, wherever its parts came from.
inline void expect_message(std::string_view message) {
  expect(!message.empty(), "a message says something");
  expect(workers::is_utf8(message), "a message is UTF-8", message);
}

/// An input, taken apart from its front. Everything has an answer, also past the end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool is_empty() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }

  std::string_view line() { return up_to("\n"); }

  /// What stands before `separator`, which is taken as well; all there is where it does not come.
  std::string_view up_to(std::string_view separator) {
    const std::size_t end = rest_.find(separator);
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + separator.size());
    return part;
  }

 private:
  std::string_view rest_;
};

/// What was looked at before, most of it. Most inputs share much with others, and what follows from a text alone need
/// not be looked at twice.
class Seen {
 public:
  /// Whether it is new, or was forgotten for another one.
  bool add(std::string_view text) {
    const std::size_t hash = std::hash<std::string_view>{}(text);
    std::size_t& place = hashes_[hash % kPlaces];
    return std::exchange(place, hash) != hash;
  }

 private:
  static constexpr std::size_t kPlaces = 1'000'003;
  std::vector<std::size_t> hashes_ = std::vector<std::size_t>(kPlaces);  // All at once: what grows looks like a leak.
};

}  // namespace saga::fuzz
