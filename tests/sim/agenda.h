// Simulated time: what happens when. Time stands still while something happens and jumps to the next thing after it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"

namespace saga::sim {

/// Things due at the same time happen in the order in which they were put here.
class Agenda {
 public:
  static constexpr Timestamp kBegin{1'800'000'000'000};

  [[nodiscard]] Timestamp now() const { return now_; }
  void at(Timestamp when, std::function<void()> what) {
    queue_.push_back({when < now_ ? now_ : when, ++made_, std::move(what)});
    std::push_heap(queue_.begin(), queue_.end(), later);
  }
  void in(Millis delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }

  [[nodiscard]] std::optional<Timestamp> next() const {
    if (queue_.empty()) return std::nullopt;
    return queue_.front().when;
  }
  void advance(Timestamp to) {
    if (to > now_) now_ = to;
  }
  /// Does the first thing that is due now; false where nothing is.
  bool do_one() {
    if (queue_.empty() || queue_.front().when > now_) return false;
    std::pop_heap(queue_.begin(), queue_.end(), later);
    const std::function<void()> what = std::move(queue_.back().what);
    queue_.pop_back();
    what();
    return true;
  }

 private:
  struct Entry {
    Timestamp when;
    std::uint64_t number;
    std::function<void()> what;
  };
  static bool later(const Entry& a, const Entry& b) { return a.when != b.when ? a.when > b.when : a.number > b.number; }

  Timestamp now_ = kBegin;
  std::vector<Entry> queue_;  ///< A heap.
  std::uint64_t made_ = 0;
};

/// The clock of one process: the wall clock as it was when the process began, carried on without its jumps.
class ProcessClock final : public Clock {
 public:
  ProcessClock(const Agenda& agenda, Millis wall_is_off) : agenda_(agenda), off_(wall_is_off) {}
  [[nodiscard]] Timestamp now() const override { return agenda_.now() + off_; }
  /// When the agenda's time is `at` by this clock.
  [[nodiscard]] Timestamp agenda_time(Timestamp at) const { return at - off_; }

 private:
  const Agenda& agenda_;
  Millis off_;
};

}  // namespace saga::sim
