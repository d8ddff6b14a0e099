// How long it took, by the kills.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tests/torture/checker.h"

namespace saga::torture {

/// From a kill to the moment from which every saga that was in flight at it goes on. In flight: accepted before the
/// kill, ended after it. A saga goes on when a worker sees a call that was begun after the kill, or when it ends; where
/// it sat in a retry delay or a wait at the kill, when anything follows, counted from when that was due. One that
/// awaited a callback or its child at the kill waits by its definition and is not counted. Thread-safe.
class Resumptions {
 public:
  /// `kills_ns` in order.
  explicit Resumptions(std::vector<std::int64_t> kills_ns)
      : kills_ns_(std::move(kills_ns)), longest_(kills_ns_.size()) {}

  void see(const Evidence& evidence);

  struct OfKill {
    std::int64_t longest_ns = 0;
    std::int64_t sagas = 0;  ///< That were in flight and are counted.
  };
  [[nodiscard]] std::vector<OfKill> by_kill() const;

 private:
  const std::vector<std::int64_t> kills_ns_;
  mutable std::mutex mutex_;
  std::vector<OfKill> longest_;  ///< Guarded by mutex_.
};

/// "p50 12.3  p99 45.6  max 78.9 ms (n = 100)"
[[nodiscard]] std::string percentiles(std::vector<std::int64_t> times_ns);

}  // namespace saga::torture
