// Who has which key at this moment: between threads by a set, between processes by a one-byte lock a key on a file. The
// operating system takes the file's locks back when a process dies, so nothing is ever left locked and nothing has a
// lease.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_set>

#include "base/result.h"

namespace saga::workers {

/// Thread-safe.
class KeyLocks {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  KeyLocks() = default;
  ~KeyLocks();
  KeyLocks(const KeyLocks&) = delete;
  KeyLocks& operator=(const KeyLocks&) = delete;

  /// Shares the keys with the other processes that opened `path`; it is made, and stays empty. Without it they are
  /// shared between threads only. `kUnavailable`.
  [[nodiscard]] Result<void> open(const std::string& path);

  /// `kOverloaded` when someone else still has `key` at `until`; `kUnavailable` when the file cannot be locked.
  [[nodiscard]] Result<void> lock(const std::string& key, TimePoint until);
  void unlock(const std::string& key);

 private:
  [[nodiscard]] bool lock_byte(const std::string& key, short type);

  int file_ = -1;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::unordered_set<std::string> held_;  ///< Guarded by mutex_.
};

}  // namespace saga::workers
