#include "base/bytes.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace saga {

namespace {

/// The kernel's random bytes, asked for many at a time: asking takes longer than making them.
class RandomBytes {
 public:
  void take(std::span<unsigned char> into) {
    if (into.size() > bytes_.size()) return ask(into);
    if (into.size() > left_) {
      ask(bytes_);
      left_ = bytes_.size();
    }
    const auto taken = std::span(bytes_).subspan(bytes_.size() - left_, into.size());
    std::copy(taken.begin(), taken.end(), into.begin());
    std::fill(taken.begin(), taken.end(), static_cast<unsigned char>(0));  // Nobody gets them again.
    left_ -= into.size();
  }

 private:
  static void ask(std::span<unsigned char> into) {
    const ssize_t got = ::getrandom(into.data(), into.size(), 0);
    SAGA_CHECK(got == static_cast<ssize_t>(into.size()), "random bytes from the kernel");
  }

  std::array<unsigned char, 256> bytes_{};  ///< As many come uninterrupted, getrandom(2) says.
  std::size_t left_ = 0;                    ///< At the end of `bytes_`.
};

}  // namespace

void fill_random(std::span<unsigned char> bytes) {
  thread_local RandomBytes random;
  random.take(bytes);
}

void append_hex(std::string& out, std::span<const unsigned char> bytes) {
  std::size_t at = out.size();
  out.resize(at + 2 * bytes.size());
  for (const unsigned char byte : bytes) {
    out[at++] = kHexDigits[byte >> 4];
    out[at++] = kHexDigits[byte & 15];
  }
}

}  // namespace saga
