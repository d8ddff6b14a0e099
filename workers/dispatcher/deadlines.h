// Points in time past which something is given up: one timer for all of them, because a timer a call would cost more
// than the call. Not thread-safe: lives on the dispatcher thread.
#pragma once

#include <map>
#include <optional>

#include "workers/dispatcher/asio.h"

namespace saga::workers {

/// Something that can be given up.
class Expiring {
 public:
  virtual ~Expiring() = default;
  /// Its time has come. Whatever waits must end soon with an error.
  virtual void expire() = 0;
};

class Deadlines {
 public:
  explicit Deadlines(asio::io_context& io) : timer_(std::in_place, io.get_executor()) {}

  /// Nothing expires any more; entries may still end. To be called before the io_context goes.
  void stop() { timer_.reset(); }

 private:
  friend class Deadline;
  using Entries = std::multimap<TimePoint, class Deadline*>;

  Entries::iterator add(TimePoint when, Deadline& deadline);
  void wait_for_first();
  void expire_due();

  std::optional<Timer> timer_;
  Entries entries_;
  bool waiting_ = false;
  TimePoint waiting_until_{};
};

/// As long as it lives, `expiring.expire()` is called once `when` has come.
class Deadline {
 public:
  Deadline(Deadlines& deadlines, TimePoint when, Expiring& expiring)
      : deadlines_(deadlines), expiring_(expiring), entry_(deadlines.add(when, *this)) {}
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

}  // namespace saga::workers
