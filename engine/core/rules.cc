#include "engine/core/rules.h"

#include <algorithm>

namespace saga::core {

using workflows::OnCompensationFailure;
using workflows::OnFailure;
using workflows::Step;
using workflows::Workflow;

bool has_ended_step(StepStatus status) {
  return status == StepStatus::kCompleted || status == StepStatus::kFailed || status == StepStatus::kSkipped;
}

bool is_undo_due(CompensationStatus status) {
  return status == CompensationStatus::kPending || status == CompensationStatus::kRunning ||
         status == CompensationStatus::kRetrying || status == CompensationStatus::kWaiting;
}

bool is_undoable(const Workflow& workflow, const SagaState& state, StepIndex step) {
  const StepState& s = state.steps[step];
  const Step& definition = workflow.steps[step];
  const bool has_child = definition.kind == workflows::StepKind::kSaga && s.action.attempts > 0;
  const bool has_undo = definition.compensation || has_child;
  return has_undo && (s.status == StepStatus::kCompleted || s.action.any_unknown);
}

bool is_past_pivot(const Workflow& workflow, const SagaState& state) {
  return workflow.pivot && state.steps[*workflow.pivot].status == StepStatus::kCompleted;
}

bool is_pivot_reached(const Workflow& workflow, const SagaState& state) {
  if (!workflow.pivot) return false;
  const StepState& pivot = state.steps[*workflow.pivot];
  if (pivot.status == StepStatus::kCompleted) return true;
  return pivot.action.attempts > 0 && !has_ended_step(pivot.status);
}

bool is_pivot_unknown(const SagaState& state) {
  return state.suspension && state.suspension->cause == SuspensionCause::kPivotUnknown;
}

std::optional<StepIndex> undecided_pivot(const Workflow& workflow, const SagaState& state) {
  if (!workflow.pivot || workflow.steps[*workflow.pivot].compensation) return std::nullopt;
  const StepState& pivot = state.steps[*workflow.pivot];
  if (pivot.status != StepStatus::kFailed || !pivot.action.any_unknown) return std::nullopt;
  return workflow.pivot;
}

bool blocks(const Workflow& workflow, const SagaState& state, StepIndex step) {
  return state.steps[step].status == StepStatus::kFailed && workflow.steps[step].on_failure != OnFailure::kContinue;
}

const workflows::RetryPolicy& policy_of(const Workflow& workflow, const SagaState& state, StepIndex step, Phase phase) {
  const Step& definition = workflow.steps[step];
  if (phase == Phase::kCompensation) return definition.compensation_retry;
  const bool stubborn = is_past_pivot(workflow, state) && !definition.has_own_retry;
  return stubborn ? definition.compensation_retry : definition.retry;
}

std::optional<Timestamp> deadline_in_force(const Workflow& workflow, const SagaState& state) {
  const SagaStatus as = state.suspension ? state.suspension->from : state.status;
  if (as != SagaStatus::kRunning || state.stopping || is_pivot_reached(workflow, state)) return std::nullopt;
  return state.deadline;
}

std::optional<Timestamp> budget_end(const Step& step, const CallState& call) {
  if (!step.total_timeout || !call.budget_from) return std::nullopt;
  return *call.budget_from + *step.total_timeout;
}

const CallState& call_of(const SagaState& state, StepIndex step, Phase phase) {
  return phase == Phase::kAction ? state.steps[step].action : state.steps[step].compensation;
}

bool turns_back(const Workflow& workflow, const SagaState& state, StepIndex i) {
  if (!blocks(workflow, state, i) || is_past_pivot(workflow, state)) return false;
  const Step& definition = workflow.steps[i];
  const StepState& step = state.steps[i];
  const bool unknown = step.failure && step.failure->outcome == Outcome::kUnknown;
  if (workflow.pivot == i && unknown) return definition.compensation.has_value();
  return definition.on_failure != OnFailure::kSuspend;
}

std::vector<CallRef> stopping_failures(const Workflow& workflow, const SagaState& state) {
  std::vector<CallRef> stopping;
  const SagaStatus as = state.suspension ? state.suspension->from : state.status;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    if (as == SagaStatus::kRunning && !state.stopping && blocks(workflow, state, i)) {
      // It does, whatever else has failed; and what is unknown of the pivot is to be asked before it is called again.
      const bool in_doubt = workflow.pivot == i && state.steps[i].action.any_unknown;
      if (in_doubt || turns_back(workflow, state, i)) return {};
      stopping.push_back({i, Phase::kAction});
    }
    const bool stops = workflow.on_compensation_failure == OnCompensationFailure::kSuspend;
    if (as == SagaStatus::kCompensating && stops && state.steps[i].undo == CompensationStatus::kFailed) {
      stopping.push_back({i, Phase::kCompensation});
    }
  }
  return stopping;
}

namespace {

/// `settle`: also what is waited for, which an operator may settle but not repeat.
std::vector<CallRef> operator_targets(const Workflow& workflow, const SagaState& state, bool settle) {
  std::vector<CallRef> targets;
  if (is_pivot_unknown(state)) {
    targets.push_back({*workflow.pivot, Phase::kAction});
    return targets;
  }
  const bool suspended = state.status == SagaStatus::kSuspended;
  const SagaStatus as = suspended ? state.suspension->from : state.status;
  const auto is_waited_for = [&](const CallState& call) {
    return suspended && settle && call.awaits > Awaits::kService;
  };
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    if (as == SagaStatus::kRunning && !state.stopping) {
      const bool delayed = step.status == StepStatus::kRetrying || step.action.awaits == Awaits::kService;
      const bool stopped = suspended && blocks(workflow, state, i);
      if (delayed || stopped || is_waited_for(step.action)) targets.push_back({i, Phase::kAction});
    } else if (as == SagaStatus::kCompensating) {
      const bool delayed = step.undo == CompensationStatus::kRetrying || step.undo == CompensationStatus::kWaiting;
      const bool stopped = suspended && step.undo == CompensationStatus::kFailed;
      if (delayed || stopped || is_waited_for(step.compensation)) targets.push_back({i, Phase::kCompensation});
    } else if (as == SagaStatus::kFailed && step.undo == CompensationStatus::kFailed) {
      targets.push_back({i, Phase::kCompensation});
    }
  }
  return targets;
}

}  // namespace

std::vector<CallRef> retry_targets(const Workflow& workflow, const SagaState& state) {
  return operator_targets(workflow, state, false);
}

std::vector<CallRef> skip_targets(const Workflow& workflow, const SagaState& state) {
  return operator_targets(workflow, state, true);
}

bool has_open_call(const SagaState& state) {
  return std::any_of(state.steps.begin(), state.steps.end(),
                     [](const StepState& step) { return step.action.open || step.compensation.open; });
}

bool awaits_service(const SagaState& state) {
  if (state.status != SagaStatus::kRunning && state.status != SagaStatus::kCompensating) return false;
  return std::any_of(state.steps.begin(), state.steps.end(), [](const StepState& step) {
    if (step.status == StepStatus::kWaiting && step.action.awaits == Awaits::kService) return true;
    return step.undo == CompensationStatus::kWaiting;
  });
}

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::kCancel:
      return "cancel";
    case Verb::kSuspend:
      return "suspend";
    case Verb::kResume:
      return "resume";
    case Verb::kRetry:
      return "retry";
    case Verb::kSkip:
      return "skip";
    case Verb::kTerminate:
      return "terminate";
  }
  return "?";
}

std::optional<Verb> verb_from(std::string_view name) {
  for (const Verb verb : {Verb::kCancel, Verb::kSuspend, Verb::kResume, Verb::kRetry, Verb::kSkip, Verb::kTerminate}) {
    if (to_string(verb) == name) return verb;
  }
  return std::nullopt;
}

}  // namespace saga::core
