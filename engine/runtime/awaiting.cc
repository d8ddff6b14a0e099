#include "engine/runtime/awaiting.h"

#include <algorithm>
#include <utility>

namespace saga::runtime {
namespace {

/// Time for a probe's intent to be durable and for the call to reach its breaker. One that never gets there (its saga
/// was cancelled meanwhile) is followed by another.
constexpr Millis kBetweenProbes{1'000};

/// A batch twice the last follows as soon: what a hundred calls do not bring down again, the double hardly will, and
/// ten thousand are through in under a second.
constexpr std::size_t kFirstBatch = 100;
constexpr Millis kBetweenBatches{100};

}  // namespace

std::uint64_t AwaitedCalls::add(Where where, std::string kind, store::SagaKey saga, core::AwaitService what) {
  auto& kinds = waiting_[std::move(where)].kinds;
  auto at = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& known) { return known.name == kind; });
  if (at == kinds.end()) at = kinds.insert(kinds.end(), Kind{std::move(kind), {}});
  at->calls.push_back({saga, what, ++tickets_});
  return tickets_;
}

std::vector<AwaitedCalls::Call> AwaitedCalls::take(Timestamp now,
                                                   const std::function<workers::Admits(const Where&)>& admits,
                                                   const std::function<bool(const Call&)>& still_waits) {
  std::vector<Call> taken;
  for (auto& [where, waiting] : waiting_) {
    if (waiting.kinds.empty()) continue;  // Remembered only for when the next may go.
    const std::size_t before = taken.size();
    switch (admits(where)) {
      case workers::Admits::kNone:
        waiting.batch = 0;
        break;
      case workers::Admits::kOne:
        if (now < waiting.not_before) break;
        take_from(waiting, 1, still_waits, taken);
        if (taken.size() > before) waiting.not_before = now + kBetweenProbes;
        waiting.batch = 0;
        break;
      case workers::Admits::kAll:
        if (waiting.batch > 0 && now < waiting.not_before) break;
        waiting.batch = waiting.batch == 0 ? kFirstBatch : waiting.batch * 2;
        take_from(waiting, waiting.batch, still_waits, taken);
        waiting.not_before = now + kBetweenBatches;
        break;
    }
  }
  std::erase_if(waiting_,
                [now](const auto& entry) { return entry.second.kinds.empty() && now >= entry.second.not_before; });
  return taken;
}

void AwaitedCalls::take_from(Waiting& waiting, std::size_t most, const std::function<bool(const Call&)>& still_waits,
                             std::vector<Call>& taken) {
  while (most > 0 && !waiting.kinds.empty()) {
    Kind kind = std::move(waiting.kinds.front());
    waiting.kinds.pop_front();
    const Call call = kind.calls.front();
    kind.calls.pop_front();
    if (!kind.calls.empty()) waiting.kinds.push_back(std::move(kind));
    if (!still_waits(call)) continue;
    taken.push_back(call);
    --most;
  }
}

}  // namespace saga::runtime
