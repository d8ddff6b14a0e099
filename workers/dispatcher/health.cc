#include "workers/dispatcher/health.h"

#include <fmt/format.h>

#include <algorithm>

namespace saga::workers {
namespace {

/// What is known of a URL that nobody calls any more is forgotten after this long: far longer than any delay between
/// two attempts of a call, so that those of one call add up.
constexpr std::chrono::minutes kForget{10};

std::optional<Millis> ago(const std::optional<Breaker::Time>& at, Breaker::Time now) {
  if (!at) return std::nullopt;
  return std::chrono::duration_cast<Millis>(now - *at);
}

}  // namespace

std::optional<std::string> fault_in(const CallOutcome& outcome, std::span<const int> accept) {
  if (const auto* answered = std::get_if<Answered>(&outcome)) {
    const bool accepted = std::find(accept.begin(), accept.end(), answered->status) != accept.end();
    if (answered->status < 500 || accepted) return std::nullopt;
    return fmt::format("answered {}", answered->status);
  }
  if (const auto* not_sent = std::get_if<NotSent>(&outcome)) return not_sent->message;
  return std::get<OutcomeUnknown>(outcome).message;
}

void Health::record(Breaker::Pass pass, const CallOutcome& outcome, std::span<const int> accept, Breaker::Time now,
                    double draw) {
  auto fault = fault_in(outcome, accept);
  const bool was_failing = breaker_.consecutive_faults() > 0;
  if (!since_ || was_failing != fault.has_value()) since_ = now;
  if (fault) {
    last_error_ = std::move(*fault);
    last_error_at_ = now;
    breaker_.faulted(pass, now, draw);
  } else {
    last_success_at_ = now;
    breaker_.succeeded();
  }
}

InstanceStatus Health::status(Breaker::Time now) const {
  using Shown = InstanceStatus::Breaker;
  InstanceStatus status;
  status.url = url_;
  status.consecutive_faults = breaker_.consecutive_faults();
  if (since_) {
    status.health = status.consecutive_faults > 0 ? InstanceStatus::Health::kFailing : InstanceStatus::Health::kHealthy;
  }
  status.health_since = ago(since_, now);
  switch (breaker_.state(now)) {
    case Breaker::State::kClosed:
      status.breaker = has_breaker_ ? Shown::kClosed : Shown::kOff;
      break;
    case Breaker::State::kOpen:
      status.breaker = Shown::kOpen;
      status.opens_in = std::chrono::ceil<Millis>(breaker_.until() - now);
      break;
    case Breaker::State::kHalfOpen:
      status.breaker = Shown::kHalfOpen;
      break;
  }
  status.last_error = last_error_;
  status.last_error_ago = ago(last_error_at_, now);
  status.last_success_ago = ago(last_success_at_, now);
  return status;
}

bool Health::worth_keeping(Breaker::Time now) const {
  return breaker_.consecutive_faults() > 0 && last_error_at_ && now - *last_error_at_ < kForget;
}

}  // namespace saga::workers
