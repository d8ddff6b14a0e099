// An optional for what few have: empty, it takes a pointer's room and no more.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace saga {

/// A value, or none, with `std::optional`'s meaning of every name. A copy has a value of its own.
template <typename T>
class Sparse {
 public:
  Sparse() = default;
  Sparse(std::nullopt_t) {}                                           // NOLINT: as of an optional.
  Sparse(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT
  Sparse(const Sparse& other) : value_(copy_of(other)) {}
  Sparse(Sparse&&) noexcept = default;
  Sparse& operator=(Sparse other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Sparse() = default;

  [[nodiscard]] bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const T& operator*() const { return *value_; }
  [[nodiscard]] T& operator*() { return *value_; }
  [[nodiscard]] const T* operator->() const { return value_.get(); }
  [[nodiscard]] T* operator->() { return value_.get(); }
  void reset() { value_.reset(); }

  friend bool operator==(const Sparse& a, const Sparse& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  static std::unique_ptr<T> copy_of(const Sparse& other) {
    return other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
  }

  std::unique_ptr<T> value_;
};

}  // namespace saga
