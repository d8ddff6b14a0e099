// What calls have shown of one instance, and its breaker. Passive: nothing is called to find out. Not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "workers/dispatcher/breaker.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::workers {

/// Why `outcome` is a fault of the instance that was called: no connection, no answer, a 5xx. None: it shows that the
/// instance is at work, refusals and "not now" included. `accept`: statuses that mean done.
[[nodiscard]] std::optional<std::string> fault_in(const CallOutcome& outcome, std::span<const int> accept);

class Health {
 public:
  Health(std::string url, const BreakerOptions& options)
      : url_(std::move(url)), has_breaker_(options.enabled), breaker_(options) {}

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] Breaker& breaker() { return breaker_; }
  [[nodiscard]] const Breaker& breaker() const { return breaker_; }

  /// How a call that `pass` let through ended.
  void record(Breaker::Pass pass, const CallOutcome& outcome, std::span<const int> accept, Breaker::Time now,
              double draw);

  [[nodiscard]] InstanceStatus status(Breaker::Time now) const;
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

  /// True when the instance failed not long ago, so that a caller who comes back is better told.
  [[nodiscard]] bool worth_keeping(Breaker::Time now) const;

 private:
  std::string url_;
  bool has_breaker_;
  Breaker breaker_;
  std::string last_error_;
  std::optional<Breaker::Time> last_error_at_;
  std::optional<Breaker::Time> last_success_at_;
  std::optional<Breaker::Time> since_;  ///< Of the present health.
};

}  // namespace saga::workers
