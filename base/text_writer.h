// Texts written piece by piece, on the path of every step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace saga {

/// A text under way. A string's own functions look after its room and its end at every piece; this one has room for
/// many pieces in advance, so that a short piece costs what it takes to copy it.
class TextWriter {
 public:
  /// `usual_size` in bytes; a longer text grows.
  explicit TextWriter(std::size_t usual_size) : text_(usual_size, '\0'), at_(text_.data()), end_(at_ + usual_size) {}
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  // Inlined, a literal piece is a few moves; the compiler would rather call.
  [[gnu::always_inline]] TextWriter& operator+=(char c) {
    *room(1) = c;
    ++at_;
    return *this;
  }
  [[gnu::always_inline]] TextWriter& operator+=(std::string_view piece) {
    at_ = std::copy(piece.begin(), piece.end(), room(piece.size()));
    return *this;
  }

  /// Where at least `size` bytes may be written; what was is told by `wrote`.
  [[nodiscard]] char* room(std::size_t size) {
    if (static_cast<std::size_t>(end_ - at_) < size) [[unlikely]] grow(size);
    return at_;
  }
  void wrote(std::size_t size) { at_ += size; }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - text_.data()); }
  /// The text; the writer is not used again.
  [[nodiscard]] std::string take() {
    text_.resize(size());
    return std::move(text_);
  }

 private:
  [[gnu::noinline]] void grow(std::size_t by) {
    const std::size_t written = size();
    text_.resize(2 * text_.size() + by);
    at_ = text_.data() + written;
    end_ = text_.data() + text_.size();
  }

  std::string text_;  ///< Filled up to `at_`, room up to `end_`.
  char* at_;
  char* end_;
};

}  // namespace saga
