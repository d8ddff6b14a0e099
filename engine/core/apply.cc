// What each event does to the saga as a whole; apply_steps.cc has those of its steps. It chooses nothing: an event that
// cannot follow the state is corruption, never a reason to do something else.
//
//   event                 needs                              leaves
//   saga_accepted         no event before it                 pending
//   saga_started          pending                            running
//   stop_requested        running                            running, stopping
//   compensation_begun    running, or a completed child      compensating; what is to undo is pending
//   saga_completed        running                            completed
//   saga_compensated      compensating, or pending stopped   compensated
//   saga_failed           compensating                       failed
//   saga_suspended        not ended                          suspended, remembering what it was
//   saga_resumed          suspended                          what it was; times put off by as long as it lasted
//   operator_retried      suspended, failed, or a call that  the calls retrying, due now, with a fresh budget
//                         waits to be made
//   operator_skipped      suspended or failed                the call settled
//   operator_cancelled    pending, running, suspended        stopping, or compensating
//   saga_terminated       not ended, or failed               terminated
#include <fmt/format.h>

#include "engine/core/applier.h"
#include "engine/core/decide.h"

namespace saga::core {

using workflows::Workflow;

namespace {

void give_up(CallState& call) {
  call.any_unknown = call.any_unknown || call.open || call.awaits == Awaits::kCallback || awaits_child(call);
  call.open = false;
  call.awaits = Awaits::kNothing;
  call.due_at.reset();
}

void renew_budget(CallState& call) {
  call.counted = 0;
  call.failures = 0;
  call.budget_from.reset();
}

/// Every step index in an event comes from `decide` or from a name that was looked up; this is for a damaged record.
bool names_a_step(const EventBody& body, std::size_t steps) {
  return std::visit(
      [steps](const auto& e) {
        if constexpr (requires { e.step; }) {
          return e.step < steps;
        } else if constexpr (requires { e.call; }) {
          return e.call.step < steps;
        } else if constexpr (requires { e.calls; }) {
          for (const CallRef& ref : e.calls) {
            if (ref.step >= steps) return false;
          }
          return true;
        } else {
          return true;
        }
      },
      body);
}

}  // namespace

Result<void> Applier::operator()(const SagaAccepted& e) {
  if (s_.facts) return wrong("no event before it");
  s_.facts = e.facts;
  s_.deadline = e.deadline;
  s_.status = SagaStatus::kPending;
  s_.steps.resize(workflow_.steps.size());
  return {};
}

Result<void> Applier::operator()(const SagaStarted&) {
  if (s_.status != SagaStatus::kPending) return wrong("a pending saga");
  s_.status = SagaStatus::kRunning;
  s_.started_at = at_;
  return {};
}

Result<void> Applier::operator()(const StopRequested& e) {
  if (s_.status != SagaStatus::kRunning) return wrong("a running saga");
  s_.stopping = true;
  s_.error = e.failure;
  return {};
}

Result<void> Applier::operator()(const CompensationBegun& e) {
  const bool undone_by_parent = s_.status == SagaStatus::kCompleted && !s_.facts->parent_id.empty();
  if (s_.status != SagaStatus::kRunning && !undone_by_parent) return wrong("a running saga");
  s_.status = SagaStatus::kCompensating;
  s_.stopping = false;
  s_.finished_at.reset();
  s_.output.reset();
  s_.error = e.failure;
  for (std::size_t i = 0; i < s_.steps.size(); ++i) {
    if (is_undoable(workflow_, s_, i)) s_.steps[i].undo = CompensationStatus::kPending;
  }
  return {};
}

Result<void> Applier::operator()(const SagaCompleted& e) {
  if (s_.status != SagaStatus::kRunning) return wrong("a running saga");
  s_.output = e.output;
  if (e.error) s_.error = e.error;
  return end_saga(SagaStatus::kCompleted);
}

Result<void> Applier::operator()(const SagaCompensated&) {
  const bool stopped_before_start = s_.status == SagaStatus::kPending && s_.stopping;
  if (s_.status != SagaStatus::kCompensating && !stopped_before_start) return wrong("a compensating saga");
  return end_saga(SagaStatus::kCompensated);
}

Result<void> Applier::operator()(const SagaFailed&) {
  if (s_.status != SagaStatus::kCompensating) return wrong("a compensating saga");
  return end_saga(SagaStatus::kFailed);
}

Result<void> Applier::operator()(const SagaSuspended& e) {
  if (has_ended(s_.status) || s_.status == SagaStatus::kSuspended) return wrong("a saga that has not ended");
  if (e.cause == SuspensionCause::kPivotUnknown) {
    if (!workflow_.pivot) return wrong("a workflow with a pivot");
    s_.stopping = false;  // Whether to go on or back is the operator's to say.
  }
  s_.suspension = Suspension{e.cause, s_.status, at_};
  s_.status = SagaStatus::kSuspended;
  if (e.failure) s_.error = e.failure;
  return {};
}

Result<void> Applier::operator()(const SagaResumed& e) {
  if (s_.status != SagaStatus::kSuspended) return wrong("a suspended saga");
  return go_on(e.calls);
}

Result<void> Applier::operator()(const OperatorRetried& e) {
  if (has_ended(s_.status) && s_.status != SagaStatus::kFailed) return wrong("a saga that has not ended");
  return go_on(e.calls);
}

Result<void> Applier::operator()(const OperatorSkipped& e) {
  if (s_.status != SagaStatus::kSuspended && s_.status != SagaStatus::kFailed)
    return wrong("a suspended or failed saga");
  StepState& step = s_.steps[e.call.step];
  const Settlement settlement{e.actor, at_};
  if (e.call.phase == Phase::kCompensation) {
    leave_suspension();
    give_up(step.compensation);
    step.undo_settled = settlement;
    end_undo(step, CompensationStatus::kSkipped);
    if (s_.status == SagaStatus::kFailed && !any_undo(CompensationStatus::kFailed)) reopen();
    return {};
  }
  turn_forward();
  leave_suspension();
  give_up(step.action);
  step.settled = settlement;
  step.output = e.output;
  step.failure.reset();
  s_.error.reset();
  end_step(step, e.output ? StepStatus::kCompleted : StepStatus::kSkipped);
  return {};
}

Result<void> Applier::operator()(const OperatorCancelled& e) {
  if (has_ended(s_.status)) return wrong("a saga that has not ended");
  const bool pivot_unknown = s_.suspension && s_.suspension->cause == SuspensionCause::kPivotUnknown;
  leave_suspension();
  if (pivot_unknown) {
    StepState& pivot = s_.steps[*workflow_.pivot];
    pivot.settled = Settlement{e.actor, at_};
    pivot.action.any_unknown = false;
    if (s_.status == SagaStatus::kCompensating) {
      pivot.undo_settled = pivot.settled;
      end_undo(pivot, CompensationStatus::kSkipped);
    }
  }
  if (!s_.error) {
    s_.error =
        Failure{"", std::nullopt, std::string(workers::codes::kCancelled), e.actor.reason, 0, 0, Outcome::kNotDone};
  }
  s_.stopping = s_.status != SagaStatus::kCompensating;
  return {};
}

Result<void> Applier::operator()(const SagaTerminated&) {
  if (has_ended(s_.status) && s_.status != SagaStatus::kFailed) return wrong("a saga that has not ended");
  for (StepState& step : s_.steps) {
    give_up(step.action);
    give_up(step.compensation);
  }
  s_.suspension.reset();
  return end_saga(SagaStatus::kTerminated);
}

tl::unexpected<Error> Applier::wrong(std::string_view expected) const {
  return fail(ErrorCode::kCorruption, fmt::format("expected {}, but the saga is {}", expected, to_string(s_.status)));
}

CallState& Applier::call(StepIndex step, Phase phase) {
  return phase == Phase::kAction ? s_.steps[step].action : s_.steps[step].compensation;
}

bool Applier::is_kind(StepIndex step, workflows::StepKind kind) const { return workflow_.steps[step].kind == kind; }

bool Applier::any_undo(CompensationStatus status) const {
  for (const StepState& step : s_.steps) {
    if (step.undo == status) return true;
  }
  return false;
}

Result<void> Applier::end_saga(SagaStatus status) {
  s_.status = status;
  s_.stopping = false;
  s_.finished_at = at_;
  return {};
}

void Applier::reopen() {
  s_.status = SagaStatus::kCompensating;
  s_.finished_at.reset();
}

/// Back to what it was, its times put off by as long as the suspension lasted.
void Applier::leave_suspension() {
  if (!s_.suspension) return;
  const Millis lasted = at_ - s_.suspension->since;
  const auto put_off = [lasted](std::optional<Timestamp>& time) {
    if (time) time = *time + lasted;
  };
  put_off(s_.deadline);
  for (StepState& step : s_.steps) {
    put_off(step.action.due_at);
    put_off(step.action.budget_from);
    put_off(step.compensation.due_at);
    put_off(step.compensation.budget_from);
  }
  s_.status = s_.suspension->from;
  s_.suspension.reset();
}

/// A saga that stopped while undoing its pivot and is now told to go forward: nothing is to undo any more.
void Applier::turn_forward() {
  if (!s_.suspension || s_.suspension->from != SagaStatus::kCompensating) return;
  s_.suspension->from = SagaStatus::kRunning;
  for (StepState& step : s_.steps) {
    step.undo = CompensationStatus::kNone;
    step.undone_at.reset();
    step.undo_settled.reset();
    renew_budget(step.compensation);
    step.compensation.due_at.reset();
  }
}

Result<void> Applier::go_on(const std::vector<CallRef>& calls) {
  for (const CallRef& ref : calls) {
    const CallState& called = call(ref.step, ref.phase);
    if (called.open || called.awaits > Awaits::kService) return wrong("a call that is not under way");
    if (ref.phase == Phase::kCompensation && s_.steps[ref.step].undo == CompensationStatus::kNone) {
      return wrong("a compensation that was due");
    }
  }
  for (const CallRef& ref : calls) {
    if (ref.phase == Phase::kAction) turn_forward();
  }
  leave_suspension();
  for (const CallRef& ref : calls) renew(ref);
  return {};
}

/// Due now, with a fresh budget.
void Applier::renew(const CallRef& ref) {
  CallState& renewed = call(ref.step, ref.phase);
  StepState& step = s_.steps[ref.step];
  renew_budget(renewed);
  renewed.awaits = Awaits::kNothing;
  renewed.due_at = at_;
  if (ref.phase == Phase::kAction) {
    step.status = StepStatus::kRetrying;
    step.failure.reset();
    step.finished_at.reset();
    s_.error.reset();
  } else {
    step.undo = CompensationStatus::kRetrying;
    step.undone_at.reset();
    if (s_.status == SagaStatus::kFailed) reopen();
  }
}

Result<void> apply(const Workflow& workflow, SagaState& state, const Event& event) {
  const bool first = std::holds_alternative<SagaAccepted>(event.body);
  if (!first && !state.facts) return fail(ErrorCode::kCorruption, "expected saga_accepted as the first event");
  if (!names_a_step(event.body, workflow.steps.size())) {
    return fail(ErrorCode::kCorruption, fmt::format("expected a step of {}/{}", workflow.name, workflow.version));
  }
  if (auto applied = std::visit(Applier(workflow, state, event.at), event.body); !applied) {
    applied.error().message = fmt::format("{}: {}", type_name(event.body), applied.error().message);
    return applied;
  }
  state.seq += 1;
  state.updated_at = event.at;
  if (!needs_attention(state)) {
    state.attention_since.reset();
  } else if (!state.attention_since) {
    state.attention_since = event.at;
  }
  return {};
}

}  // namespace saga::core
