// The bounded queue of values by which every other thread meets the engine thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace saga::runtime {

/// Many write, one reads. Messages come out in the order they went in.
template <typename Message>
class Mailbox {
 public:
  void post(Message message) {
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (was_empty) ready_.notify_one();
  }

  /// Wakes the reader without a message.
  void nudge() {
    {
      const std::lock_guard lock(mutex_);
      nudged_ = true;
    }
    ready_.notify_one();
  }

  /// Takes all there is into `out` (emptied first); waits up to `patience` for something to come.
  void take(std::vector<Message>& out, std::chrono::milliseconds patience) {
    out.clear();
    std::unique_lock lock(mutex_);
    if (messages_.empty() && patience.count() > 0) {
      ready_.wait_for(lock, patience, [this] { return !messages_.empty() || nudged_; });
    }
    nudged_ = false;
    out.swap(messages_);
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Message> messages_;  ///< Guarded by mutex_.
  bool nudged_ = false;            ///< Guarded by mutex_.
};

}  // namespace saga::runtime
