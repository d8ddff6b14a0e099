#include "tests/sim/punctuality.h"

#include <fmt/format.h>

namespace saga::sim {

using core::SagaStatus;

namespace {

/// Well below the shortest interval between two scans.
constexpr Millis kTolerance{150};

}  // namespace

Punctuality::Punctuality(Setting& setting, Book& book)
    : setting_(setting), tolerance_(kTolerance + Millis{5 * setting.plan.slowest_commit}) {
  book.on_durable([this](SagaRecord& saga) { note(saga); });
}

void Punctuality::note(SagaRecord& saga) {
  const core::SagaState& state = saga.state;
  if (core::has_ended(state.status) || state.status == SagaStatus::kSuspended) return;
  auto due = core::next_due(*saga.workflow, state);
  // The deadline is worked out anew, from the definition.
  const bool forward = state.status == SagaStatus::kRunning && !state.stopping && !pivot_was_called(saga);
  if (forward && saga.deadline && (!due || *saga.deadline < *due)) due = saga.deadline;
  if (due) due_.push({*due, &saga, state.seq});
}

void Punctuality::check(Timestamp now) {
  while (!due_.empty() && due_.top().at + tolerance_ < now) {
    const Due due = due_.top();
    due_.pop();
    if (due.saga->state.seq != due.seq) continue;
    if (due.at < since_) {
      due_.push({since_, due.saga, due.seq});
      continue;
    }
    // A memory of a few sagas has room when it has.
    if (setting_.plan.runtime.max_live < 1'000) continue;
    setting_.violated(
        "late", fmt::format("saga {}: what was due {} ms ago has not happened", due.saga->id, (now - due.at).count()));
    return;
  }
}

}  // namespace saga::sim
