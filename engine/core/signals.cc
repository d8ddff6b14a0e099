// A step that waits for a signal.
//
//   the step                    what comes              then
//   not ended, no signal yet    a signal                kept; completed with it at the step's turn
//   at its turn                 -                       completed where it came before, else waiting
//   waiting                     its timeout             failed (signal_timeout), not done
//   waiting                     the saga stops          failed, not done
//   its signal came             the same payload again  nothing, not refused
//   its signal came, or ended   another                 refused (conflict)
//   none of that name           a signal                refused (misfit)
//   the saga turned back, ended a signal                refused (conflict)
#include <fmt/format.h>

#include "engine/core/decider.h"

namespace saga::core {

using workflows::StepKind;

bool Decider::begin_signal(StepIndex i) {
  if (continue_signal(i)) return true;
  std::optional<Timestamp> until;
  if (const auto& timeout = workflow_.steps[i].signal_timeout) until = now_ + *timeout;
  emit(SignalAwaited{i, until});
  return true;
}

bool Decider::continue_signal(StepIndex i) {
  const StepState& step = state().steps[i];
  if (step.signal) {
    emit(StepCompleted{i, 0, 0, step.signal, 0});
    return true;
  }
  if (step.action.awaits != Awaits::kSignal || !step.action.due_at || *step.action.due_at > now_) return false;
  end_call_for_good(i, Phase::kAction,
                    failure_of(i, Phase::kAction, workers::codes::kSignalTimeout,
                               fmt::format("the signal '{}' did not come in {}", workflow_.steps[i].signal,
                                           format_duration(*workflow_.steps[i].signal_timeout))));
  return true;
}

void Decider::react(const SignalArrived& input) {
  const auto found = std::find_if(workflow_.steps.begin(), workflow_.steps.end(), [&input](const auto& step) {
    return step.kind == StepKind::kSignal && step.signal == input.name;
  });
  if (found == workflow_.steps.end()) {
    return misuse(fmt::format("no step of {}/{} awaits a signal '{}'", workflow_.name, workflow_.version, input.name));
  }
  const auto i = static_cast<StepIndex>(found - workflow_.steps.begin());
  const StepState& step = state().steps[i];
  JsonRef payload = input.payload ? input.payload : share(nullptr);
  if (step.signal) {
    if (same_json(step.signal, payload)) return;
    return refuse(fmt::format("the signal '{}' counts once, and it came with another payload", input.name));
  }
  const SagaStatus as = state().suspension ? state().suspension->from : state().status;
  if (state().stopping || (as != SagaStatus::kPending && as != SagaStatus::kRunning)) {
    return refuse(fmt::format("a signal is for a saga that goes forward, but it is {}",
                              state().stopping ? "stopping" : to_string(state().status)));
  }
  if (has_ended_step(step.status)) {
    return refuse(fmt::format("the signal '{}' is for the step '{}' while it has not ended, but it is {}", input.name,
                              found->name, to_string(step.status)));
  }
  emit(SignalReceived{i, std::move(payload), input.actor, input.verified});
  advance();
}

}  // namespace saga::core
