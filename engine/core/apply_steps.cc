// What each event does to the step it speaks of.
//
//   event                 needs                               leaves
//   attempt_begun         running or compensating, the call   the call open, its number spent
//                         not open, the next number
//   attempt_failed        that attempt open, or taken         retrying; with no due time, what follows ends it
//   call_deferred         the call open                       waiting for a service, the number given back
//   call_taken            that attempt open                   waiting for its callback
//   heartbeat_received    a call that was taken               its callback's time begun anew
//   wait_begun            a wait at its turn                  waiting
//   signal_awaited        a signal at its turn                waiting
//   signal_received       no signal yet, the step not ended   the payload kept
//   child_begun           a child saga at its turn, the next  waiting for the child
//                         number
//   child_suspended       the child awaited                   waiting for the child's operator
//   child_resumed         the child suspended                 waiting for the child
//   child_undo_begun      compensating, the undo due, the     undoing; waiting for the child
//                         next number, the next older child
//   step_completed        begun and not ended; of a call any  completed, with its output
//                         attempt, of a child the newest
//   step_failed           the action not open, not ended      failed
//   step_skipped          the step never called, not ended    skipped
//   step_compensated      the compensation begun, not ended   undone
//   compensation_failed   the compensation not open, due      not undone
#include "base/check.h"
#include "engine/core/applier.h"

namespace saga::core {

using workflows::StepKind;

Result<void> Applier::operator()(const AttemptBegun& e) {
  if (s_.status != (e.phase == Phase::kAction ? SagaStatus::kRunning : SagaStatus::kCompensating)) {
    return wrong("a saga that makes calls of this phase");
  }
  if (!is_kind(e.step, StepKind::kCall)) return wrong("a step that calls a service");
  CallState& call = this->call(e.step, e.phase);
  if (call.open || e.attempt != call.attempts + 1) return wrong("the call's next attempt");
  StepState& step = s_.steps[e.step];
  if (e.phase == Phase::kAction ? has_ended_step(step.status) : !is_undo_due(step.undo)) {
    return wrong("a call that has not ended");
  }
  call.attempts = e.attempt;
  call.open = true;
  call.awaits = Awaits::kNothing;
  call.due_at.reset();
  if (!call.budget_from) call.budget_from = at_;
  if (e.request) call.request = e.request;
  set_status(e.step, e.phase, StepStatus::kRunning, CompensationStatus::kRunning);
  if (e.phase == Phase::kAction && !step.started_at) step.started_at = at_;
  return {};
}

Result<void> Applier::operator()(const AttemptFailed& e) {
  CallState& call = this->call(e.step, e.phase);
  const bool under_way = call.open || call.awaits == Awaits::kCallback;
  if (!under_way || e.failure.attempt != call.attempts) return wrong("an attempt that is under way");
  call.open = false;
  call.awaits = Awaits::kNothing;
  call.counted += e.counted ? 1 : 0;
  call.failures += 1;
  call.any_unknown = call.any_unknown || e.failure.outcome == Outcome::kUnknown;
  call.last_failure = e.failure;
  call.due_at = e.due_at;
  set_status(e.step, e.phase, StepStatus::kRetrying, CompensationStatus::kRetrying);
  return {};
}

Result<void> Applier::operator()(const CallDeferred& e) {
  CallState& call = this->call(e.step, e.phase);
  if (!call.open) return wrong("an attempt that is under way");
  call.open = false;
  call.awaits = Awaits::kService;
  call.attempts -= 1;
  call.last_failure = Failure{workflow_.steps[e.step].name,
                              e.phase,
                              std::string(workers::codes::kNoInstance),
                              e.message,
                              0,
                              0,
                              Outcome::kNotDone};
  set_status(e.step, e.phase, StepStatus::kWaiting, CompensationStatus::kWaiting);
  return {};
}

Result<void> Applier::operator()(const CallTaken& e) {
  CallState& call = this->call(e.step, e.phase);
  if (!call.open || e.attempt != call.attempts) return wrong("an attempt that is under way");
  call.open = false;
  call.awaits = Awaits::kCallback;
  call.due_at = e.until;
  set_status(e.step, e.phase, StepStatus::kWaiting, CompensationStatus::kRunning);
  return {};
}

Result<void> Applier::operator()(const HeartbeatReceived& e) {
  CallState& call = this->call(e.step, e.phase);
  if (call.awaits != Awaits::kCallback) return wrong("a call that was taken");
  call.due_at = e.until;
  if (const auto& total = workflow_.steps[e.step].total_timeout) call.budget_from = e.until - *total;
  return {};
}

Result<void> Applier::operator()(const WaitBegun& e) {
  if (at_its_turn(e.step, StepKind::kWait) == nullptr) return wrong("a wait at its turn");
  await(e.step, Awaits::kTime, e.until);
  return {};
}

Result<void> Applier::operator()(const SignalAwaited& e) {
  if (at_its_turn(e.step, StepKind::kSignal) == nullptr) return wrong("a signal at its turn");
  await(e.step, Awaits::kSignal, e.until);
  return {};
}

Result<void> Applier::operator()(const SignalReceived& e) {
  StepState& step = s_.steps[e.step];
  if (!is_kind(e.step, StepKind::kSignal) || step.signal || has_ended_step(step.status) || !e.payload) {
    return wrong("a step whose signal has not come");
  }
  step.signal = e.payload;
  return {};
}

Result<void> Applier::operator()(const ChildBegun& e) {
  CallState* action = at_its_turn(e.step, StepKind::kSaga);
  if (action == nullptr || e.attempt != action->attempts + 1) return wrong("the step's next child, at its turn");
  action->attempts = e.attempt;
  if (e.input) action->request = std::make_shared<const PreparedRequest>(PreparedRequest{"", {}, e.input});
  await(e.step, Awaits::kChild, std::nullopt);
  return {};
}

Result<void> Applier::operator()(const ChildSuspended& e) {
  CallState& call = this->call(e.step, e.phase);
  if (call.awaits != Awaits::kChild) return wrong("a child that goes on");
  call.awaits = Awaits::kSuspendedChild;
  call.last_failure = e.failure;
  return {};
}

Result<void> Applier::operator()(const ChildResumed& e) {
  CallState& call = this->call(e.step, e.phase);
  if (call.awaits != Awaits::kSuspendedChild) return wrong("a child that is suspended");
  call.awaits = Awaits::kChild;
  call.last_failure.reset();
  return {};
}

Result<void> Applier::operator()(const ChildUndoBegun& e) {
  StepState& step = s_.steps[e.step];
  CallState& call = step.compensation;
  const bool due = s_.status == SagaStatus::kCompensating && is_kind(e.step, StepKind::kSaga) && is_undo_due(step.undo);
  const bool next = awaits_child(call) ? e.child < call.child : e.child == step.action.attempts;
  if (!due || !next || e.child < 1 || e.attempt != call.attempts + 1) return wrong("a child that is to be undone");
  call.attempts = e.attempt;
  call.child = e.child;
  call.again = e.again;
  call.awaits = Awaits::kChild;
  call.due_at.reset();
  step.undo = CompensationStatus::kRunning;
  return {};
}

Result<void> Applier::operator()(const StepCompleted& e) {
  StepState& step = s_.steps[e.step];
  CallState& action = step.action;
  if (has_ended_step(step.status)) return wrong("a step that has not ended");
  switch (workflow_.steps[e.step].kind) {
    case StepKind::kCall:
      if (e.attempt < 1 || e.attempt > action.attempts) return wrong("an attempt that was begun");
      break;
    case StepKind::kWait:
      if (action.awaits != Awaits::kTime) return wrong("a wait that was begun");
      break;
    case StepKind::kSignal:
      if (!step.signal) return wrong("a signal that has come");
      break;
    case StepKind::kSaga:
      if (!awaits_child(action) || e.attempt != action.attempts) return wrong("a child that is under way");
      break;
  }
  action.open = false;
  action.awaits = Awaits::kNothing;
  action.due_at.reset();
  step.output = e.output;
  step.failure.reset();
  if (!step.started_at) step.started_at = at_;  // A signal that had come before its turn.
  end_step(step, StepStatus::kCompleted);
  return {};
}

Result<void> Applier::operator()(const StepFailed& e) {
  StepState& step = s_.steps[e.step];
  if (step.action.open || has_ended_step(step.status)) return wrong("a step that has not ended");
  step.action.awaits = Awaits::kNothing;
  step.action.due_at.reset();
  step.action.any_unknown = step.action.any_unknown || e.failure.outcome == Outcome::kUnknown;
  step.action.last_failure = e.failure;
  step.failure = e.failure;
  end_step(step, StepStatus::kFailed);
  return {};
}

Result<void> Applier::operator()(const StepSkipped& e) {
  StepState& step = s_.steps[e.step];
  if (step.action.attempts != 0 || has_ended_step(step.status)) return wrong("a step that has not begun");
  step.action.awaits = Awaits::kNothing;
  step.action.due_at.reset();
  end_step(step, StepStatus::kSkipped);
  return {};
}

Result<void> Applier::operator()(const StepCompensated& e) {
  StepState& step = s_.steps[e.step];
  CallState& call = step.compensation;
  const bool of_call = is_kind(e.step, StepKind::kCall) && e.attempt >= 1 && e.attempt <= call.attempts;
  const bool of_child = awaits_child(call) && e.attempt == call.attempts;
  if (!is_undo_due(step.undo) || !(of_call || of_child)) return wrong("a compensation that was begun");
  call.open = false;
  call.awaits = Awaits::kNothing;
  call.due_at.reset();
  end_undo(step, CompensationStatus::kCompleted);
  return {};
}

Result<void> Applier::operator()(const CompensationFailed& e) {
  StepState& step = s_.steps[e.step];
  if (step.compensation.open || !is_undo_due(step.undo)) return wrong("a compensation that has not ended");
  step.compensation.awaits = Awaits::kNothing;
  step.compensation.due_at.reset();
  step.compensation.last_failure = e.failure;
  end_undo(step, CompensationStatus::kFailed);
  return {};
}

CallState* Applier::at_its_turn(StepIndex i, StepKind kind) {
  StepState& step = s_.steps[i];
  const bool begun = step.status == StepStatus::kRunning || step.status == StepStatus::kWaiting;
  if (s_.status != SagaStatus::kRunning || !is_kind(i, kind) || begun || has_ended_step(step.status)) return nullptr;
  return &step.action;
}

void Applier::set_status(StepIndex step, Phase phase, StepStatus forward, CompensationStatus back) {
  if (phase == Phase::kAction) {
    s_.steps[step].status = forward;
  } else {
    s_.steps[step].undo = back;
  }
}

/// The step waits for something else than the answer to a call.
void Applier::await(StepIndex i, Awaits what, std::optional<Timestamp> due_at) {
  StepState& step = s_.steps[i];
  step.status = StepStatus::kWaiting;
  step.action.awaits = what;
  step.action.due_at = due_at;
  if (!step.started_at) step.started_at = at_;
}

void Applier::end_step(StepState& step, StepStatus status) {
  step.status = status;
  step.finished_at = at_;
}

void Applier::end_undo(StepState& step, CompensationStatus status) {
  step.undo = status;
  step.undone_at = at_;
}

}  // namespace saga::core
