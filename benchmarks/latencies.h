// How long each saga took, and what a report says of them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace saga::bench {

class Latencies {
 public:
  void add(std::chrono::steady_clock::duration took) {
    us_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }

  /// Members of a JSON object, without its braces; each time is that of so many sagas.
  [[nodiscard]] std::string summary(double seconds, int sagas_each = 1) {
    std::sort(us_.begin(), us_.end());
    const std::size_t sagas = us_.size() * static_cast<std::size_t>(sagas_each);
    return fmt::format(
        R"("sagas":{},"seconds":{:.3f},"per_second":{:.0f},"p50_ms":{:.2f},"p90_ms":{:.2f},"p99_ms":{:.2f},"max_ms":{:.2f})",
        sagas, seconds, static_cast<double>(sagas) / seconds, at_ms(0.5), at_ms(0.9), at_ms(0.99), at_ms(1.0));
  }

 private:
  [[nodiscard]] double at_ms(double quantile) const {
    if (us_.empty()) return 0.0;
    const auto i = static_cast<std::size_t>(quantile * static_cast<double>(us_.size() - 1));
    return static_cast<double>(us_[i]) / 1000.0;
  }

  std::vector<std::int64_t> us_;
};

}  // namespace saga::bench
