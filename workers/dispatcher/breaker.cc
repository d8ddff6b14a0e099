#include "workers/dispatcher/breaker.h"

#include <algorithm>

namespace saga::workers {
namespace {

/// How far the time it stays open is spread, either way.
constexpr double kJitter = 0.2;

}  // namespace

Breaker::State Breaker::state(Time now) const {
  if (open_for_.count() == 0) return State::kClosed;
  return probe_ == 0 && until_ > now ? State::kOpen : State::kHalfOpen;
}

bool Breaker::admits(Time now) const { return open_for_.count() == 0 || until_ <= now; }

Breaker::Pass Breaker::admit(Time now) {
  if (open_for_.count() == 0) return {};
  probe_ = ++probes_;
  until_ = now + open_for_;  // A slow probe keeps the others out for no longer than a failed one.
  return {probe_};
}

void Breaker::succeeded() {
  faults_ = 0;
  open_for_ = Millis{0};
  probe_ = 0;
}

void Breaker::faulted(Pass pass, Time now, double draw) {
  ++faults_;
  if (open_for_.count() == 0) {
    if (options_.enabled && faults_ >= options_.consecutive_faults) open(now, draw);
  } else if (pass.probe != 0 && pass.probe == probe_) {
    open(now, draw);
  }
}

void Breaker::told_nothing(Pass pass) {
  if (pass.probe == 0 || pass.probe != probe_) return;
  probe_ = 0;
  until_ = {};
}

void Breaker::open(Time now, double draw) {
  probe_ = 0;
  open_for_ = open_for_.count() == 0 ? std::min(options_.open_for, options_.max_open_for)
                                     : std::min(open_for_ * 2, options_.max_open_for);
  const double spread = static_cast<double>(open_for_.count()) * (1.0 - kJitter + 2.0 * kJitter * draw);
  until_ = now + Millis{static_cast<std::int64_t>(spread)};
}

}  // namespace saga::workers
