#include "engine/runtime/heads.h"

namespace saga::runtime {

using core::SagaState;
using workflows::Workflow;

bool is_asleep(const Workflow& workflow, const SagaState& state, Timestamp now, Millis sleep_after) {
  if (core::has_open_call(state) || core::awaits_service(state)) return false;
  const auto due = core::next_due(workflow, state);
  return !due || *due > now + sleep_after;
}

store::Head head_of(const Workflow& workflow, const SagaState& state, Timestamp now, Millis sleep_after) {
  store::Head head;
  head.status = core::to_string(state.status);
  head.ended = core::has_ended(state.status);
  head.needs_attention = core::needs_attention(state);
  head.attention_since = state.attention_since;
  head.updated_at = state.updated_at;
  head.finished_at = state.finished_at;
  for (const core::StuckCall& stuck : core::stuck_calls(workflow, state)) {
    head.stuck.push_back(
        {stuck.step, stuck.phase ? std::string(workers::to_string(*stuck.phase)) : std::string(), stuck.code});
  }
  if (!head.ended && state.status != core::SagaStatus::kSuspended) {
    head.wake_at = is_asleep(workflow, state, now, sleep_after) ? core::next_due(workflow, state) : now;
  }
  return head;
}

bool must_write(const store::Head& stored, const store::Head& current) {
  if (stored.status != current.status || stored.needs_attention != current.needs_attention ||
      stored.stuck != current.stuck) {
    return true;
  }
  if (stored.wake_at.has_value() != current.wake_at.has_value()) return true;
  if (!current.wake_at) return false;
  const bool current_busy = *current.wake_at <= current.updated_at;
  if (current_busy) return *stored.wake_at > *current.wake_at;
  return *stored.wake_at != *current.wake_at;
}

}  // namespace saga::runtime
