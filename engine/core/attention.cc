// What people ask of a saga: whether it needs somebody, where it is stuck, what may be done.
#include <algorithm>

#include "engine/core/rules.h"

namespace saga::core {

using workflows::Workflow;

namespace {

/// What will not come by itself.
bool awaits_somebody(const CallState& call) {
  return call.awaits == Awaits::kService || call.awaits == Awaits::kSuspendedChild;
}

/// A compensation that has failed often and goes on.
bool is_tired(const StepState& step) {
  return is_undo_due(step.undo) && step.compensation.failures >= kAttentionAfterFailures;
}

}  // namespace

bool needs_attention(const SagaState& state) {
  if (state.status == SagaStatus::kFailed || state.status == SagaStatus::kSuspended) return true;
  if (state.status != SagaStatus::kRunning && state.status != SagaStatus::kCompensating) return false;
  return std::any_of(state.steps.begin(), state.steps.end(), [](const StepState& step) {
    if (step.status == StepStatus::kWaiting && awaits_somebody(step.action)) return true;
    return is_undo_due(step.undo) && (awaits_somebody(step.compensation) || is_tired(step));
  });
}

std::vector<StuckCall> stuck_calls(const Workflow& workflow, const SagaState& state) {
  std::vector<StuckCall> stuck;
  if (!needs_attention(state)) return stuck;
  const auto add = [&](StepIndex i, Phase phase, const Sparse<Failure>& failure) {
    StuckCall call{workflow.steps[i].name, phase, "", "", call_of(state, i, phase).attempts};
    if (failure) {
      call.code = failure->code;
      call.message = failure->message;
    }
    stuck.push_back(std::move(call));
  };
  if (is_pivot_unknown(state)) {  // Whatever led there, it is about whether the action happened.
    add(*workflow.pivot, Phase::kAction, state.error);
    stuck.back().code = workers::codes::kPivotUnknown;
    return stuck;
  }
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    const bool stopped = state.suspension && blocks(workflow, state, i) &&
                         (state.suspension->from == SagaStatus::kRunning ||
                          (state.suspension->cause == SuspensionCause::kStepFailed && workflow.pivot == i));
    if (awaits_somebody(step.action)) {
      add(i, Phase::kAction, step.action.last_failure);
    } else if (stopped) {
      add(i, Phase::kAction, step.failure);
    }
    if (step.undo == CompensationStatus::kFailed || awaits_somebody(step.compensation) || is_tired(step)) {
      add(i, Phase::kCompensation, step.compensation.last_failure);
    }
  }
  return stuck;
}

std::vector<Verb> allowed_verbs(const Workflow& workflow, const SagaState& state) {
  std::vector<Verb> verbs;
  const SagaStatus status = state.status;
  const bool suspended = status == SagaStatus::kSuspended;
  const bool moving =
      status == SagaStatus::kPending || status == SagaStatus::kRunning || status == SagaStatus::kCompensating;
  if (!moving && !suspended && status != SagaStatus::kFailed) return verbs;
  const SagaStatus as = suspended ? state.suspension->from : status;
  const bool forward = as == SagaStatus::kPending || as == SagaStatus::kRunning;
  if ((forward && !state.stopping && !is_pivot_reached(workflow, state)) || is_pivot_unknown(state)) {
    verbs.push_back(Verb::kCancel);
  }
  if (moving) verbs.push_back(Verb::kSuspend);
  if (suspended) verbs.push_back(Verb::kResume);
  if (!retry_targets(workflow, state).empty()) verbs.push_back(Verb::kRetry);
  const bool settles = suspended || status == SagaStatus::kFailed;
  if (settles && !skip_targets(workflow, state).empty()) verbs.push_back(Verb::kSkip);
  verbs.push_back(Verb::kTerminate);
  return verbs;
}

}  // namespace saga::core
