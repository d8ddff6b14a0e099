// A step that runs a child saga, seen from its parent; and a child that its parent undoes.
//
//   the step          its child is reported     then
//   at its turn       -                         waiting: the next child is started
//   waiting           completed                 completed, with its output
//   waiting           compensated               failed (child_failed), not done
//   waiting           failed, terminated        failed (child_failed), unknown
//   waiting, undoing  suspended                 as it was, and somebody has to look (child_suspended)
//   waiting, undoing  anything else             as it was
//   waiting           the saga stops            the child is cancelled and awaited
//   to be undone      -                         undoing: the newest child undoes itself
//   undoing           compensated               undone; where an older child of the step ended unknown, that first
//   undoing           failed, terminated        not undone (child_failed); an operator may have it tried again
//   otherwise         anything                  nothing: repeated, late, or of an older child
//
//   the child is      asked to undo itself by its parent
//   completed         compensating
//   pending, running, suspended before its pivot: cancelled, if it does not turn back already
//   failed            compensating: what it could not undo is tried again
//   past its pivot    refused
//   compensating, compensated, terminated: as it was
#include <fmt/format.h>

#include "base/check.h"
#include "engine/core/decider.h"

namespace saga::core {

using workflows::StepKind;

std::string child_id(std::string_view parent, std::string_view step, int attempt) {
  return attempt <= 1 ? fmt::format("{}~{}", parent, step) : fmt::format("{}~{}~{}", parent, step, attempt);
}

WrittenJson child_input(const workflows::Workflow& workflow, const SagaState& state, StepIndex step) {
  if (!workflow.steps[step].child_input) return state.facts->input;
  const auto& request = state.steps[step].action.request;
  return request ? request->body : WrittenJson();
}

std::optional<std::int64_t> child_version(const SagaState& state, StepIndex step) {
  for (const auto& [starts, version] : state.facts->child_versions) {
    if (starts == step) return version;
  }
  return std::nullopt;
}

bool Decider::begin_child(StepIndex i) {
  JsonRef input;
  const CallState& action = state().steps[i].action;
  if (const auto& given = workflow_.steps[i].child_input; given && action.attempts == 0) {
    auto value = given->evaluate(SagaScope(workflow_, state(), i, Phase::kAction));
    if (!value) {
      end_call_for_good(
          i, Phase::kAction,
          failure_of(i, Phase::kAction, workers::codes::kExpressionError, std::move(value.error().message)));
      return true;
    }
    input = share(std::move(*value));
  }
  emit(ChildBegun{i, action.attempts + 1, std::move(input)});
  return true;
}

bool Decider::begin_child_undo(StepIndex i) {
  if (!moment_.begin_calls) return false;
  const StepState& step = state().steps[i];
  const int undone_before = step.compensation.attempts;
  emit(ChildUndoBegun{i, undone_before + 1, step.action.attempts, undone_before > 0});
  return true;
}

/// What was to be done to children when the process stopped may not have been.
void Decider::release_for_children() {
  if (has_ended(state().status)) return;
  for (StepIndex i = 0; i < state().steps.size(); ++i) {
    const StepState& step = state().steps[i];
    const int child = step.action.attempts;
    if (workflow_.steps[i].kind != StepKind::kSaga || child == 0) continue;
    const bool left_out = step.settled && step.status == StepStatus::kSkipped;
    if (awaits_child(step.compensation)) {
      release(UndoChild{i, step.compensation.child, step.compensation.again});
    } else if (left_out || (awaits_child(step.action) && state().stopping)) {
      release(CancelChild{i, child});
    } else if (awaits_child(step.action)) {
      release(StartChild{i, child});
    }
  }
}

/// Children that undo themselves may have reported what a suspended saga does not follow.
void Decider::ask_undoing_children() {
  for (StepIndex i = 0; i < state().steps.size(); ++i) {
    const CallState& undo = state().steps[i].compensation;
    if (awaits_child(undo)) release(UndoChild{i, undo.child, undo.again});
  }
}

void Decider::react(const ChildReported& report) {
  if (report.step >= state().steps.size() || has_ended(state().status)) return;
  const StepState& step = state().steps[report.step];
  if (awaits_child(step.action) && report.attempt == step.action.attempts) {
    report_action(report);
  } else if (awaits_child(step.compensation) && report.attempt == step.compensation.child) {
    report_undo(report);
  }
  if (!decision_.events.empty()) advance();
}

void Decider::report_action(const ChildReported& report) {
  switch (report.status) {
    case SagaStatus::kCompleted:
      return emit(StepCompleted{report.step, report.attempt, 0, report.output ? report.output : share(nullptr), 0});
    case SagaStatus::kCompensated:
    case SagaStatus::kFailed:
    case SagaStatus::kTerminated: {
      Failure failure = child_failure(report, Phase::kAction, workers::codes::kChildFailed);
      const bool known = report.status == SagaStatus::kCompensated && !state().steps[report.step].action.any_unknown;
      failure.outcome = known ? Outcome::kNotDone : Outcome::kUnknown;
      return emit(StepFailed{report.step, std::move(failure)});
    }
    default:
      return report_progress(report, Phase::kAction);
  }
}

void Decider::report_undo(const ChildReported& report) {
  switch (report.status) {
    case SagaStatus::kCompensated: {
      const StepState& step = state().steps[report.step];
      const CallState& undo = step.compensation;
      const bool older = report.attempt > 1 && step.action.any_unknown;
      // It is asked again when the saga goes on, or the next process does.
      if (older && (state().suspension || !moment_.begin_calls)) return;
      if (older) return emit(ChildUndoBegun{report.step, undo.attempts + 1, report.attempt - 1, undo.again});
      return emit(StepCompensated{report.step, undo.attempts, 0, 0});
    }
    case SagaStatus::kFailed:
    case SagaStatus::kTerminated: {
      Failure failure = child_failure(report, Phase::kCompensation, workers::codes::kChildFailed);
      failure.outcome = Outcome::kUnknown;
      return emit(CompensationFailed{report.step, std::move(failure)});
    }
    case SagaStatus::kCompleted:
      return;  // It has not turned back yet.
    default:
      return report_progress(report, Phase::kCompensation);
  }
}

/// It has not ended: it waits for an operator, or goes on.
void Decider::report_progress(const ChildReported& report, Phase phase) {
  const Awaits awaits = call_of(state(), report.step, phase).awaits;
  if (report.status == SagaStatus::kSuspended && awaits == Awaits::kChild) {
    emit(ChildSuspended{report.step, phase, child_failure(report, phase, workers::codes::kChildSuspended)});
  } else if (report.status != SagaStatus::kSuspended && awaits == Awaits::kSuspendedChild) {
    emit(ChildResumed{report.step, phase});
  }
}

/// Names the child and what it says itself.
Failure Decider::child_failure(const ChildReported& report, Phase phase, std::string_view code) const {
  std::string message = fmt::format("child saga '{}' is {}",
                                    child_id(state().facts->id, workflow_.steps[report.step].name, report.attempt),
                                    to_string(report.status));
  if (report.failure) {
    const Failure& own = *report.failure;
    message += fmt::format(": {}{}{}{}{}", own.step, own.step.empty() ? "" : ": ", own.code,
                           own.message.empty() ? "" : ": ", own.message);
  }
  return failure_of(report.step, phase, code, std::move(message));
}

void Decider::react(const UndoSaga& input) {
  if (!state().facts) return;
  const SagaStatus status = state().status;
  const SagaStatus as = state().suspension ? state().suspension->from : status;
  if (status == SagaStatus::kCompleted) {
    const bool undoable = !is_past_pivot(workflow_, state()) && !state().facts->parent_id.empty();
    if (!undoable) return refuse("a saga is undone by its parent and before its pivot, but it is past it or has none");
    emit(CompensationBegun{Failure{"", std::nullopt, std::string(workers::codes::kCancelled),
                                   fmt::format("undone by its parent '{}'", state().facts->parent_id), 0, 0,
                                   Outcome::kDone}});
  } else if (status == SagaStatus::kFailed) {
    emit(OperatorRetried{retry_targets(workflow_, state()), input.actor});
  } else if (as == SagaStatus::kPending || as == SagaStatus::kRunning) {
    if (state().stopping) return;
    cancel(input.actor);
  }
  if (decision_.events.empty()) return;
  all_available_ = true;
  advance();
}

}  // namespace saga::core
