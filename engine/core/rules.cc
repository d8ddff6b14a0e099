#include "engine/core/rules.h"

#include <algorithm>

namespace saga::core {

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
  return workflow.steps[step].compensation && (s.status == StepStatus::kCompleted || s.action.any_unknown);
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

std::vector<CallRef> operator_targets(const Workflow& workflow, const SagaState& state) {
  std::vector<CallRef> targets;
  if (is_pivot_unknown(state)) {
    targets.push_back({*workflow.pivot, Phase::kAction});
    return targets;
  }
  const bool suspended = state.status == SagaStatus::kSuspended;
  const SagaStatus as = suspended ? state.suspension->from : state.status;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    if (as == SagaStatus::kRunning && !state.stopping) {
      const bool delayed = step.status == StepStatus::kRetrying || step.status == StepStatus::kWaiting;
      const bool stopped = suspended && blocks(workflow, state, i);
      if (delayed || stopped) targets.push_back({i, Phase::kAction});
    } else if (as == SagaStatus::kCompensating) {
      const bool delayed = step.undo == CompensationStatus::kRetrying || step.undo == CompensationStatus::kWaiting;
      const bool stopped = suspended && step.undo == CompensationStatus::kFailed;
      if (delayed || stopped) targets.push_back({i, Phase::kCompensation});
    } else if (as == SagaStatus::kFailed && step.undo == CompensationStatus::kFailed) {
      targets.push_back({i, Phase::kCompensation});
    }
  }
  return targets;
}

std::vector<StepIndex> undo_order(const SagaState& state) {
  std::vector<StepIndex> order;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    if (state.steps[i].undo != CompensationStatus::kNone) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&state](StepIndex a, StepIndex b) { return state.steps[a].end_order > state.steps[b].end_order; });
  return order;
}

bool has_open_call(const SagaState& state) {
  return std::any_of(state.steps.begin(), state.steps.end(),
                     [](const StepState& step) { return step.action.open || step.compensation.open; });
}

bool awaits_service(const SagaState& state) {
  const auto turn = whose_turn(state);
  if (!turn) return false;
  const StepState& step = state.steps[turn->step];
  return turn->phase == Phase::kAction ? step.status == StepStatus::kWaiting
                                       : step.undo == CompensationStatus::kWaiting;
}

std::optional<CallRef> whose_turn(const SagaState& state) {
  if (state.status == SagaStatus::kRunning) {
    for (StepIndex i = 0; i < state.steps.size(); ++i) {
      const StepStatus status = state.steps[i].status;
      if (status != StepStatus::kPending && !has_ended_step(status)) return CallRef{i, Phase::kAction};
    }
  } else if (state.status == SagaStatus::kCompensating) {
    const std::vector<StepIndex> order = undo_order(state);
    for (const StepIndex i : order) {
      if (state.steps[i].compensation.open) return CallRef{i, Phase::kCompensation};
    }
    for (const StepIndex i : order) {
      if (!is_undo_due(state.steps[i].undo)) continue;
      if (state.steps[i].undo == CompensationStatus::kPending) return std::nullopt;
      return CallRef{i, Phase::kCompensation};
    }
  }
  return std::nullopt;
}

std::optional<Timestamp> next_due(const Workflow& workflow, const SagaState& state) {
  if (state.status == SagaStatus::kPending) return state.facts->start_at.value_or(state.updated_at);
  if (state.status != SagaStatus::kRunning && state.status != SagaStatus::kCompensating) return std::nullopt;
  std::optional<Timestamp> due = deadline_in_force(workflow, state);
  const auto sooner = [&due](std::optional<Timestamp> time) {
    if (time && (!due || *time < *due)) due = time;
  };
  const auto turn = whose_turn(state);
  if (!turn) {
    sooner(state.updated_at);
    return due;
  }
  const CallState& call = call_of(state, turn->step, turn->phase);
  if (!call.open) sooner(call.due_at ? call.due_at : budget_end(workflow.steps[turn->step], call));
  return due;
}

// ---- what people ask
// -------------------------------------------------------------------------------------------------

bool needs_attention(const SagaState& state) {
  if (state.status == SagaStatus::kFailed || state.status == SagaStatus::kSuspended) return true;
  if (awaits_service(state)) return true;
  if (state.status != SagaStatus::kCompensating) return false;
  return std::any_of(state.steps.begin(), state.steps.end(), [](const StepState& step) {
    return is_undo_due(step.undo) && step.compensation.failures >= kAttentionAfterFailures;
  });
}

std::vector<StuckCall> stuck_calls(const Workflow& workflow, const SagaState& state) {
  std::vector<StuckCall> stuck;
  if (!needs_attention(state)) return stuck;
  const auto add = [&](StepIndex i, Phase phase, const std::optional<Failure>& failure) {
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
    const bool action_stuck = step.status == StepStatus::kWaiting ||
                              (state.status == SagaStatus::kSuspended &&
                               state.suspension->from == SagaStatus::kRunning && blocks(workflow, state, i));
    if (action_stuck && !has_ended(state.status)) {
      add(i, Phase::kAction, step.status == StepStatus::kWaiting ? step.action.last_failure : step.failure);
    }
    const bool tired = is_undo_due(step.undo) && step.compensation.failures >= kAttentionAfterFailures;
    if (step.undo == CompensationStatus::kFailed || step.undo == CompensationStatus::kWaiting || tired) {
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
  if (!operator_targets(workflow, state).empty()) {
    verbs.push_back(Verb::kRetry);
    if (suspended || status == SagaStatus::kFailed) verbs.push_back(Verb::kSkip);
  }
  verbs.push_back(Verb::kTerminate);
  return verbs;
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
