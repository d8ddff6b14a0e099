// Read connections for the threads that ask at the same time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/reader.h"

namespace saga::store::sqlite {

/// Lends out up to `most` readers, opened when first needed and kept. Thread-safe.
class ReaderPool {
 public:
  using Open = std::function<Result<std::unique_ptr<Reader>>()>;

  ReaderPool(Open open, std::size_t most) : open_(std::move(open)), most_(most) {}

  /// Told of reads that fail, other than for what they asked; called before the first.
  void observe_failures(FailureObserver observer) { failed_ = std::move(observer); }

  /// The first damage that a read met, in one line; empty while there was none.
  [[nodiscard]] std::string damage() const {
    const std::lock_guard lock(mutex_);
    return damage_;
  }

  /// Runs `work` on a reader that nobody else has, waiting for one if all are lent.
  template <typename T, typename Work>
  Result<T> with_reader(Work work) {
    Result<std::unique_ptr<Reader>> reader = take();
    if (!reader) return tl::unexpected(told(reader.error()));
    Result<T> result = work(**reader);
    give_back(std::move(*reader));
    if (!result) return tl::unexpected(told(result.error()));
    return result;
  }

 private:
  const Error& told(const Error& error) {
    if (failed_ && error.code != ErrorCode::kNotFound) failed_(error.code);
    if (error.code == ErrorCode::kCorruption) {
      const std::lock_guard lock(mutex_);
      if (damage_.empty()) damage_ = error.message;
    }
    return error;
  }

  Result<std::unique_ptr<Reader>> take() {
    {
      std::unique_lock lock(mutex_);
      free_one_.wait(lock, [this] { return !idle_.empty() || opened_ < most_; });
      if (!idle_.empty()) {
        std::unique_ptr<Reader> reader = std::move(idle_.back());
        idle_.pop_back();
        return reader;
      }
      ++opened_;
    }
    Result<std::unique_ptr<Reader>> reader = open_();
    if (!reader) {
      const std::lock_guard lock(mutex_);
      --opened_;
      free_one_.notify_one();
    }
    return reader;
  }

  void give_back(std::unique_ptr<Reader> reader) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(reader));
    free_one_.notify_one();
  }

  const Open open_;
  const std::size_t most_;
  FailureObserver failed_;

  mutable std::mutex mutex_;  ///< Guards what follows.
  std::string damage_;
  std::condition_variable free_one_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t opened_ = 0;
};

}  // namespace saga::store::sqlite
