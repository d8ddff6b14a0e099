#include "tests/torture/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace saga::torture {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

using CallKey = std::pair<std::string, bool>;  ///< Step and whether it is the compensation.

struct Going {
  std::int64_t from_ns = 0;  ///< From when it counts.
  std::int64_t at_ns = 0;    ///< 0: never.
};

bool is_end(const LoggedEvent& event) { return event.type == "saga_completed" || event.type == "saga_compensated"; }

/// When a worker first saw a call begun by one of the events from `event` on, or the saga ended.
std::int64_t called_or_ended(const Evidence& evidence, std::size_t event) {
  for (; event < evidence.events.size(); ++event) {
    const LoggedEvent& e = evidence.events[event];
    if (is_end(e)) return e.at_ms * kNsPerMs;
    if (e.type != "attempt_begun") continue;
    for (const SeenCall& call : evidence.ledger.calls) {
      if (call.step == e.step && call.undo == e.undo && call.attempt == e.attempt) return call.came_ns;
    }
  }
  return 0;
}

/// When the saga goes on after the kill; none where it need not.
std::optional<Going> going_on(const Evidence& evidence, std::int64_t kill_ns) {
  std::map<CallKey, std::optional<std::int64_t>> open;  ///< Calls, and what waits for a time: until when.
  std::map<CallKey, bool> in_flight;
  std::size_t next = 0;
  for (; next < evidence.events.size() && evidence.events[next].at_ms * kNsPerMs <= kill_ns; ++next) {
    const LoggedEvent& e = evidence.events[next];
    const CallKey key{e.step, e.undo};
    if (e.type == "attempt_begun") in_flight[key] = true;
    if (e.type == "attempt_failed" || e.type == "step_completed" || e.type == "step_failed" ||
        e.type == "step_compensated" || e.type == "call_taken")
      in_flight[key] = false;
    open.erase(key);
    if ((e.type == "attempt_failed" || e.type == "wait_begun") && e.due_ms) open[key] = *e.due_ms * kNsPerMs;
  }
  if (next == 0 || next == evidence.events.size()) return std::nullopt;
  const bool called = std::any_of(in_flight.begin(), in_flight.end(), [](const auto& call) { return call.second; });
  if (called) return Going{kill_ns, called_or_ended(evidence, next)};
  std::optional<std::int64_t> due;
  for (const auto& [key, until] : open) {
    if (until && (!due || *until < *due)) due = *until;
  }
  if (!due) return std::nullopt;
  return Going{std::max(*due, kill_ns), evidence.events[next].at_ms * kNsPerMs};
}

}  // namespace

void Resumptions::see(const Evidence& evidence) {
  if (evidence.events.empty()) return;
  const std::int64_t begin = evidence.events.front().at_ms * kNsPerMs;
  const std::int64_t end = evidence.events.back().at_ms * kNsPerMs;
  const auto first = std::lower_bound(kills_ns_.begin(), kills_ns_.end(), begin);
  for (auto kill = first; kill != kills_ns_.end() && *kill < end; ++kill) {
    const auto going = going_on(evidence, *kill);
    if (!going || going->at_ns == 0) continue;
    const std::lock_guard lock(mutex_);
    OfKill& of_kill = longest_[static_cast<std::size_t>(kill - kills_ns_.begin())];
    of_kill.longest_ns = std::max(of_kill.longest_ns, going->at_ns - going->from_ns);
    ++of_kill.sagas;
  }
}

std::vector<Resumptions::OfKill> Resumptions::by_kill() const {
  const std::lock_guard lock(mutex_);
  return longest_;
}

std::string percentiles(std::vector<std::int64_t> times_ns) {
  if (times_ns.empty()) return "none";
  std::sort(times_ns.begin(), times_ns.end());
  const auto at = [&](double part) {
    const auto index = static_cast<std::size_t>(part * static_cast<double>(times_ns.size() - 1));
    return static_cast<double>(times_ns[index]) / kNsPerMs;
  };
  return fmt::format("p50 {:.0f}  p99 {:.0f}  max {:.0f} ms  (n = {})", at(0.5), at(0.99), at(1), times_ns.size());
}

}  // namespace saga::torture
