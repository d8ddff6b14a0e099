// The rulebook: what follows from an input. Reacting to the input and moving on are two things: `react` records what
// happened, `advance` then looks only at the state, so that a saga read back from its journal goes on by the same
// rules.
//
//   saga         moves on when                                               to
//   pending      its start time has come                                     running
//   pending      cancelled                                                   compensated
//   running      a step is at its turn                                       the step begun (below), or skipped
//   running      every step ended as the definition lets it go on            completed
//   running      a step failed that compensates, before the pivot:
//                 nothing else is under way                                  compensating
//                 in other branches something is                             stopping
//   running      a step failed that suspends, or any past the pivot          suspended (step_failed)
//   running      the pivot's outcome is unknown, and it has no undo          suspended (pivot_unknown)
//   running      the deadline passed                                         stopping
//   stopping     anything but a call in flight and a child is under way      that ended with what it left
//   stopping     no call is in flight, and no child under way                compensating
//   stopping     the pivot's outcome is unknown, and it has no undo          suspended (pivot_unknown)
//   compensating something is at its turn to be undone                       its compensation's call, or its child
//   compensating the pivot's own compensation failed                         suspended (pivot_unknown)
//   compensating a compensation failed, and the workflow suspends            suspended (compensation_failed)
//   compensating all is undone                                               compensated
//   compensating all was tried, something is not undone                      failed
//   suspended, completed, compensated, failed, terminated                    nothing, but for an operator (operator.cc)
//                                                                            or the parent (children.cc)
//
//   a step at its turn is begun as its kind is: a call (calls.cc), a wait (waits.cc), a signal (signals.cc), a child
//   saga (children.cc). A parallel group is at its turn in all of its branches at once (frontier.h).
#include "engine/core/decide.h"

#include <fmt/format.h>

#include "engine/core/decider.h"
#include "engine/core/frontier.h"

namespace saga::core {

using workflows::OnCompensationFailure;
using workflows::PlanNode;
using workflows::StepKind;
using workflows::Workflow;

/// Moves on every step at its turn.
class Decider::Forward {
 public:
  explicit Forward(Decider& decider) : decider_(decider) {}
  void enter(const PlanNode& group) { moved |= decider_.ask_group(group); }
  void turn(StepIndex step) { moved |= decider_.move_step(step); }

  bool moved = false;

 private:
  Decider& decider_;
};

class Decider::Backward {
 public:
  explicit Backward(Decider& decider) : decider_(decider) {}
  void turn(StepIndex step) { moved |= decider_.move_compensation(step); }

  bool moved = false;

 private:
  Decider& decider_;
};

Decider::Decider(const Workflow& workflow, SagaState state, const Moment& moment)
    : workflow_(workflow), moment_(moment), now_(std::max(moment.now, state.updated_at)), draw_(moment.draw) {
  decision_.before = state.status;
  decision_.after = std::move(state);
  decision_.events.reserve(2);  // A step ended, the next one begun.
}

void Decider::emit(EventBody body) {
  release_effects_of(body);
  Event event{now_, std::move(body)};
  const auto applied = apply(workflow_, decision_.after, event);
  if (!applied)
    throw Contradiction{fmt::format("{} cannot follow: {}", type_name(event.body), applied.error().message)};
  decision_.events.push_back(std::move(event));
}

/// What the event has done outside; `state()` is the one before it.
void Decider::release_effects_of(const EventBody& body) {
  if (const auto* begun = std::get_if<AttemptBegun>(&body)) {
    release(CallWorker{begun->step, begun->phase, begun->attempt});
  } else if (const auto* deferred = std::get_if<CallDeferred>(&body)) {
    release(AwaitService{deferred->step, deferred->phase});
  } else if (const auto* child = std::get_if<ChildBegun>(&body)) {
    release(StartChild{child->step, child->attempt});
  } else if (const auto* undo = std::get_if<ChildUndoBegun>(&body)) {
    release(UndoChild{undo->step, undo->child, undo->again});
  } else if (std::holds_alternative<StopRequested>(body) || std::holds_alternative<OperatorCancelled>(body)) {
    for (StepIndex i = 0; i < state().steps.size(); ++i) {
      const CallState& action = state().steps[i].action;
      if (awaits_child(action)) release(CancelChild{i, action.attempts});
    }
  } else if (const auto* skipped = std::get_if<OperatorSkipped>(&body)) {
    const CallState& action = state().steps[skipped->call.step].action;
    const bool left_out = skipped->call.phase == Phase::kAction && !skipped->output;
    if (left_out && awaits_child(action)) release(CancelChild{skipped->call.step, action.attempts});
  } else if (std::holds_alternative<SagaTerminated>(body)) {
    for (StepIndex i = 0; i < state().steps.size(); ++i) {
      const StepState& step = state().steps[i];
      const bool failed = step.status == StepStatus::kFailed || step.undo == CompensationStatus::kFailed;
      const bool left = awaits_child(step.action) || awaits_child(step.compensation) || failed;
      if (workflow_.steps[i].kind == StepKind::kSaga && step.action.attempts > 0 && left) {
        release(TerminateChild{i, step.action.attempts});
      }
    }
  }
}

Decision Decider::take() && { return std::move(decision_); }

Failure Decider::failure_of(StepIndex step, Phase phase, std::string_view code, std::string message) const {
  return Failure{workflow_.steps[step].name, phase, std::string(code),
                 std::move(message),         0,     call_of(state(), step, phase).attempts,
                 Outcome::kNotDone};
}

// ---- moving on -----------------------------------------------------------------------------------------------------

void Decider::advance() {
  bool moved = true;
  while (moved) {
    switch (state().status) {
      case SagaStatus::kPending:
        moved = advance_pending();
        break;
      case SagaStatus::kRunning:
        moved = state().stopping ? advance_stopping() : advance_running();
        break;
      case SagaStatus::kCompensating:
        moved = advance_compensating();
        break;
      default:
        moved = false;
    }
  }
}

bool Decider::advance_pending() {
  if (state().stopping) {
    emit(SagaCompensated{});
    return true;
  }
  if (!moment_.begin_calls) return false;
  if (state().facts->start_at && *state().facts->start_at > now_) return false;
  emit(SagaStarted{});
  return true;
}

bool Decider::advance_running() {
  if (const auto deadline = deadline_in_force(workflow_, state()); deadline && *deadline <= now_) {
    emit(StopRequested{Failure{"", std::nullopt, std::string(workers::codes::kDeadlineExceeded),
                               fmt::format("the deadline {} has passed", format_time(*deadline)), 0, 0,
                               Outcome::kNotDone}});
    return true;
  }
  if (turn_back()) return true;
  Forward forward(*this);
  const bool over = visit_forward(workflow_, state(), workflow_.plan, forward);
  if (forward.moved) return true;
  if (!over) return stop_at_failed_step();
  complete();
  return true;
}

/// After a failed step that compensates. Where other branches have something under way, the saga stops first.
bool Decider::turn_back() {
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    if (!turns_back(workflow_, state(), i)) continue;
    require(state().steps[i].failure.has_value(), "a failed step says why");
    Failure failure = *state().steps[i].failure;
    if (std::any_of(state().steps.begin(), state().steps.end(), is_under_way)) {
      emit(StopRequested{std::move(failure)});
    } else {
      emit(CompensationBegun{std::move(failure)});
    }
    return true;
  }
  return false;
}

/// What can still be begun in other branches has been; a failed step that does not turn the saga back stops it.
bool Decider::stop_at_failed_step() {
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    if (!blocks(workflow_, state(), i)) continue;
    require(state().steps[i].failure.has_value(), "a failed step says why");
    const Failure failure = *state().steps[i].failure;
    if (workflow_.pivot == i && failure.outcome == Outcome::kUnknown) {
      suspend_pivot_unknown(i, failure.message);
    } else {
      emit(SagaSuspended{SuspensionCause::kStepFailed, failure, {}});
    }
    return true;
  }
  return false;
}

/// A call in flight is let finish and a child is awaited; all else ends with what it left; then undoing begins.
bool Decider::advance_stopping() {
  bool moved = false;
  bool awaited = false;
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    const StepState& step = state().steps[i];
    if (step.action.open || awaits_child(step.action)) {
      awaited = true;
    } else if (is_under_way(step)) {
      end_waiting(i);
      moved = true;
    }
  }
  if (awaited) return moved;
  if (const auto pivot = undecided_pivot(workflow_, state())) {
    require(state().steps[*pivot].failure.has_value(), "a failed step says why");
    suspend_pivot_unknown(*pivot, state().steps[*pivot].failure->message);
    return true;
  }
  require(state().error.has_value(), "a stopping saga knows why");
  emit(CompensationBegun{*state().error});
  return true;
}

/// The step ends with what it left, since the saga stops.
void Decider::end_waiting(StepIndex i) {
  const CallState& action = state().steps[i].action;
  require(state().error.has_value(), "a stopping saga knows why");
  const Failure& cause = *state().error;
  const std::string code(cause.step.empty() ? cause.code : workers::codes::kCancelled);
  switch (action.awaits) {
    case Awaits::kCallback:
      give_up_taken(i, Phase::kAction, code, "the saga stopped before the callback came");
      break;
    case Awaits::kTime:
    case Awaits::kSignal:
      end_call_for_good(i, Phase::kAction, failure_of(i, Phase::kAction, code, "the saga stopped while it waited"));
      break;
    default:
      end_action(i);
  }
}

bool Decider::advance_compensating() {
  Backward backward(*this);
  const bool over = visit_backward(workflow_, state(), workflow_.plan, backward);
  if (backward.moved) return true;
  if (!over) return stop_at_failed_compensation();
  end_undoing();
  return true;
}

bool Decider::stop_at_failed_compensation() {
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    const StepState& step = state().steps[i];
    if (step.undo != CompensationStatus::kFailed || is_undo_over(workflow_, state(), i)) continue;
    if (workflow_.pivot == i) {
      suspend_pivot_unknown(i,
                            fmt::format("its outcome is unknown, and its compensation failed: {}",
                                        step.compensation.last_failure ? step.compensation.last_failure->message : ""));
    } else {
      emit(SagaSuspended{SuspensionCause::kCompensationFailed, std::nullopt, {}});
    }
    return true;
  }
  return false;
}

void Decider::end_undoing() {
  std::vector<StepIndex> not_undone;
  for (StepIndex i = 0; i < state().steps.size(); ++i) {
    if (state().steps[i].undo == CompensationStatus::kFailed) not_undone.push_back(i);
  }
  if (not_undone.empty()) {
    emit(SagaCompensated{});
  } else {
    emit(SagaFailed{std::move(not_undone)});
  }
}

void Decider::suspend_pivot_unknown(StepIndex pivot, std::string message) {
  Failure failure = failure_of(pivot, Phase::kAction, workers::codes::kPivotUnknown, std::move(message));
  failure.outcome = Outcome::kUnknown;
  emit(SagaSuspended{SuspensionCause::kPivotUnknown, std::move(failure), {}});
}

void Decider::complete() {
  if (!workflow_.output) {
    emit(SagaCompleted{share(nullptr), std::nullopt});
    return;
  }
  auto output = workflow_.output->evaluate(SagaScope(workflow_, state()));
  if (output) {
    emit(SagaCompleted{share(std::move(*output)), std::nullopt});
  } else {
    emit(SagaCompleted{share(nullptr), Failure{"", std::nullopt, std::string(workers::codes::kExpressionError),
                                               output.error().message, 0, 0, Outcome::kDone}});
  }
}

Decision decide(const Workflow& workflow, SagaState state, const Input& input, const Moment& moment) {
  Decider decider(workflow, std::move(state), moment);
  try {
    std::visit([&decider](const auto& what) { decider.react(what); }, input);
    return std::move(decider).take();
  } catch (Decider::Contradiction& contradiction) {
    Decision none;
    none.contradiction = std::move(contradiction.what);
    return none;
  }
}

}  // namespace saga::core
