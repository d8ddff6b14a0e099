// How fast requests may leave: `--rate N` a second, evenly, with short bursts so that a rate over 1,000 can be held
// too.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace saga::ctl {

class Pace {
 public:
  /// `per_second` 0: as fast as may be.
  Pace(double per_second, Timestamp now)
      : per_second_(per_second), burst_(std::max(1.0, per_second / 20)), left_(1), at_(now) {}

  /// How long to wait before the next one may leave; zero takes it.
  [[nodiscard]] Millis take(Timestamp now) {
    if (per_second_ <= 0) return Millis{0};
    left_ = std::min(burst_, left_ + per_second_ * static_cast<double>((now - at_).count()) / 1000);
    at_ = now;
    if (left_ >= 1) {
      left_ -= 1;
      return Millis{0};
    }
    return Millis{static_cast<std::int64_t>(std::ceil((1 - left_) * 1000 / per_second_))};
  }

 private:
  double per_second_;
  double burst_;
  double left_;  ///< That may leave at once.
  Timestamp at_;
};

}  // namespace saga::ctl
