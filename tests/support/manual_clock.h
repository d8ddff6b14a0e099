// A clock that stands still until a test moves it.
#pragma once

#include <atomic>

#include "base/time.h"

namespace saga::testing {

/// Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{1'800'000'000'000}) : now_ms_(start.ms) {}

  [[nodiscard]] Timestamp now() const override { return {now_ms_.load()}; }
  void advance(Millis by) { now_ms_.fetch_add(by.count()); }
  void set(Timestamp to) { now_ms_.store(to.ms); }

 private:
  std::atomic<std::int64_t> now_ms_;
};

}  // namespace saga::testing
