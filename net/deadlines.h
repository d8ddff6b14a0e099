// Points in time past which something is given up, ordered by when the first is due. Not thread-safe: lives on the
// event loop's thread.
#pragma once

#include <chrono>
#include <map>

namespace saga::net {

using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

/// Something that can be given up.
class Expiring {
 public:
  virtual ~Expiring() = default;
  /// Its time has come. May destroy it.
  virtual void expire() = 0;
};

class Deadlines {
 public:
  /// When the first is due; `TimePoint::max()` where there is none.
  [[nodiscard]] TimePoint next() const { return entries_.empty() ? TimePoint::max() : entries_.begin()->first; }

  /// Expires what is due.
  void expire_due(TimePoint now);

 private:
  friend class Deadline;
  using Entries = std::multimap<TimePoint, class Deadline*>;

  Entries entries_;
};

/// As long as it lives, `expiring.expire()` is called once `when` has come.
class Deadline {
 public:
  Deadline(Deadlines& deadlines, TimePoint when, Expiring& expiring)
      : deadlines_(deadlines),
        expiring_(expiring),
        entry_(deadlines.entries_.emplace_hint(deadlines.entries_.end(), when, this)) {}
  ~Deadline() {
    if (!expired_) deadlines_.entries_.erase(entry_);
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  friend class Deadlines;
  Deadlines& deadlines_;
  Expiring& expiring_;
  bool expired_ = false;
  Deadlines::Entries::iterator entry_;
};

}  // namespace saga::net
