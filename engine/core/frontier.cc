#include "engine/core/frontier.h"

#include <algorithm>

namespace saga::core {

using workflows::OnCompensationFailure;
using workflows::PlanNode;
using workflows::Workflow;

bool is_undo_over(const Workflow& workflow, const SagaState& state, StepIndex step) {
  const CompensationStatus undo = state.steps[step].undo;
  if (undo == CompensationStatus::kFailed) {
    return workflow.pivot != step && workflow.on_compensation_failure == OnCompensationFailure::kContinue;
  }
  return !is_undo_due(undo);
}

bool is_undone(const Workflow& workflow, const SagaState& state, const PlanNode& node) {
  bool undone = true;
  for_each_step(node, [&](StepIndex i) { undone = undone && is_undo_over(workflow, state, i); });
  return undone;
}

bool is_undoing(const SagaState& state, const PlanNode& node) {
  bool undoing = false;
  for_each_step(node, [&](StepIndex i) { undoing = undoing || state.steps[i].undo == CompensationStatus::kRunning; });
  return undoing;
}

namespace {

/// The earliest time at which something at the frontier has to be looked at.
class Due {
 public:
  Due(const Workflow& workflow, const SagaState& state, Phase phase)
      : workflow_(workflow), state_(state), phase_(phase) {}

  void enter(const PlanNode&) {}

  void turn(StepIndex i) {
    const StepState& step = state_.steps[i];
    const bool begun = phase_ == Phase::kAction ? step.status != StepStatus::kPending && !has_ended_step(step.status)
                                                : is_undo_due(step.undo) && step.undo != CompensationStatus::kPending;
    if (!begun) return sooner(state_.updated_at);
    const CallState& call = call_of(state_, i, phase_);
    if (call.open) return;
    sooner(call.awaits == Awaits::kService ? budget_end(workflow_.steps[i], call) : call.due_at);
  }

  void sooner(std::optional<Timestamp> time) {
    if (time && (!earliest_ || *time < *earliest_)) earliest_ = time;
  }

  [[nodiscard]] std::optional<Timestamp> earliest() const { return earliest_; }

 private:
  const Workflow& workflow_;
  const SagaState& state_;
  Phase phase_;
  std::optional<Timestamp> earliest_;
};

/// A stopping saga waits for calls in flight and for children only.
bool is_stopped(const SagaState& state) {
  return std::none_of(state.steps.begin(), state.steps.end(),
                      [](const StepState& step) { return step.action.open || awaits_child(step.action); });
}

}  // namespace

std::optional<Timestamp> next_due(const Workflow& workflow, const SagaState& state) {
  if (state.status == SagaStatus::kPending) return state.facts->start_at.value_or(state.updated_at);
  if (state.status == SagaStatus::kRunning && state.stopping) {
    return is_stopped(state) ? std::optional(state.updated_at) : std::nullopt;
  }
  if (state.status == SagaStatus::kRunning) {
    Due due(workflow, state, Phase::kAction);
    due.sooner(deadline_in_force(workflow, state));
    if (visit_forward(workflow, state, workflow.plan, due)) due.sooner(state.updated_at);
    return due.earliest();
  }
  if (state.status == SagaStatus::kCompensating) {
    Due due(workflow, state, Phase::kCompensation);
    if (visit_backward(workflow, state, workflow.plan, due)) due.sooner(state.updated_at);
    return due.earliest();
  }
  return std::nullopt;
}

}  // namespace saga::core
