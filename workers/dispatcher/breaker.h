// The circuit breaker of one instance: after so many faults in a row it holds calls back, lets one through from time to
// time to see whether the instance is back, and closes with the first that succeeds. Pure: time and chance are handed
// in.
//
//   state       what comes                                    then
//   closed      a success                                     closed, the faults forgotten
//   closed      a fault, fewer than `consecutive_faults`      closed
//   closed      a fault, the last that is taken               open for `open_for`
//   open        a call asks                                   held back
//   open        its time is over                              half-open
//   half-open   a call asks                                   goes, as the probe
//   half-open   another asks while the probe is under way     held back; goes as well when the probe takes too long
//   half-open   the probe faults                              open, twice as long as before, up to `max_open_for`
//   half-open   the probe ends without having told anything   half-open, for the next to be the probe
//   any         a success, also of a call from before         closed
//   not closed  a fault of another call than the probe        as it was
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace saga::workers {

struct BreakerOptions {
  bool enabled = true;
  /// Only faults in a row count, none succeeding in between: a single endpoint that always fails then opens nothing as
  /// long as others of the same instance are called and answer. Higher than the 5 that proxies take, because they
  /// choose another host for it, where here a saga would wait.
  std::size_t consecutive_faults = 20;
  Millis open_for{1'000};       ///< At first; doubled each time the probe fails.
  Millis max_open_for{30'000};  ///< As long as the longest delay between two attempts by default.
};

class Breaker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class State { kClosed, kOpen, kHalfOpen };

  /// What a call was let through as.
  struct Pass {
    std::uint64_t probe = 0;  ///< 0: as any call.
  };

  explicit Breaker(const BreakerOptions& options) : options_(options) {}

  [[nodiscard]] State state(Time now) const;
  /// True when `admit` would let a call through.
  [[nodiscard]] bool admits(Time now) const;
  /// Lets a call through that `admits`; whatever it comes to is told by one of the three below.
  [[nodiscard]] Pass admit(Time now);

  void succeeded();
  /// `draw`: 0 to 1, from chance, so that breakers that opened together do not probe together.
  void faulted(Pass pass, Time now, double draw);
  /// The call never got as far as the instance.
  void told_nothing(Pass pass);

  [[nodiscard]] std::size_t consecutive_faults() const { return faults_; }
  /// When it is half-open, or lets another probe through. Of no meaning while closed.
  [[nodiscard]] Time until() const { return until_; }

 private:
  void open(Time now, double draw);

  BreakerOptions options_;
  std::size_t faults_ = 0;
  Millis open_for_{0};  ///< This time; zero: closed.
  Time until_{};
  std::uint64_t probe_ = 0;  ///< The one under way; 0: none.
  std::uint64_t probes_ = 0;
};

}  // namespace saga::workers
