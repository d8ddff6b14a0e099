// The rulebook: what follows from an input. Reacting to the input and moving on are two things: `react` records what
// happened, `advance` then looks only at the state, so that a saga read back from its journal goes on by the same
// rules.
//
//   saga         moves on when                                               to
//   pending      its start time has come                                     running
//   pending      cancelled                                                   compensated
//   running      a step is next                                              the step's call, or the step skipped
//   running      every step ended as the definition lets it go on            completed
//   running      a step failed that compensates, before the pivot            compensating
//   running      a step failed that suspends, or any past the pivot          suspended (step_failed)
//   running      the pivot's outcome is unknown, and it has no undo          suspended (pivot_unknown)
//   running      the deadline passed                                         stopping
//   stopping     no call is in flight                                        compensating
//   stopping     the pivot's outcome is unknown, and it has no undo          suspended (pivot_unknown)
//   compensating something is to undo                                        its compensation's call
//   compensating the pivot's own compensation failed                         suspended (pivot_unknown)
//   compensating a compensation failed, and the workflow suspends            suspended (compensation_failed)
//   compensating all is undone                                               compensated
//   compensating all was tried, something is not undone                      failed
//   suspended, completed, compensated, failed, terminated                    nothing, but for an operator (operator.cc)
#include "engine/core/decide.h"

#include <fmt/format.h>

#include "base/check.h"
#include "engine/core/decider.h"
#include "workers/protocol/text.h"

namespace saga::core {

using workflows::OnCompensationFailure;
using workflows::OnFailure;
using workflows::Step;
using workflows::Workflow;

Decider::Decider(const Workflow& workflow, const SagaState& state, const Moment& moment)
    : workflow_(workflow), moment_(moment), now_(std::max(moment.now, state.updated_at)), draw_(moment.draw) {
  decision_.after = state;
}

void Decider::emit(EventBody body) {
  if (const auto* begun = std::get_if<AttemptBegun>(&body)) {
    decision_.effects.push_back(CallWorker{begun->step, begun->phase, begun->attempt});
  } else if (const auto* deferred = std::get_if<CallDeferred>(&body)) {
    decision_.effects.push_back(AwaitService{deferred->step, deferred->phase});
  }
  Event event{now_, std::move(body)};
  const auto applied = apply(workflow_, decision_.after, event);
  if (!applied) check_failed(__FILE__, __LINE__, applied.error().message.c_str(), "every decided event applies");
  decision_.events.push_back(std::move(event));
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
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    const StepState& step = state().steps[i];
    if (step.action.open) return false;
    switch (step.status) {
      case StepStatus::kCompleted:
      case StepStatus::kSkipped:
        continue;
      case StepStatus::kFailed:
        if (!blocks(workflow_, state(), i)) continue;
        follow_failed_step(i);
        return true;
      case StepStatus::kPending:
        return begin_step(i);
      case StepStatus::kRetrying:
      case StepStatus::kWaiting:
        return continue_call(i, Phase::kAction);
      case StepStatus::kRunning:
        SAGA_CHECK(false, "a running step has an open call");
    }
  }
  complete();
  return true;
}

/// A call in flight is let finish; a step in a retry delay ends with what its attempts left; then undoing begins.
bool Decider::advance_stopping() {
  if (has_open_call(state())) return false;
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    const StepStatus status = state().steps[i].status;
    if (status == StepStatus::kRetrying || status == StepStatus::kWaiting) end_action(i);
  }
  if (const auto pivot = undecided_pivot(workflow_, state())) {
    suspend_pivot_unknown(*pivot, state().steps[*pivot].failure->message);
    return true;
  }
  SAGA_CHECK(state().error.has_value(), "a stopping saga knows why");
  emit(CompensationBegun{*state().error});
  return true;
}

/// One at a time, also where an operator retries one while another is under way.
bool Decider::advance_compensating() {
  if (has_open_call(state())) return false;
  for (const StepIndex i : undo_order(state())) {
    const StepState& step = state().steps[i];
    switch (step.undo) {
      case CompensationStatus::kFailed:
        if (workflow_.pivot == i) {
          suspend_pivot_unknown(
              i, fmt::format("its outcome is unknown, and its compensation failed: {}",
                             step.compensation.last_failure ? step.compensation.last_failure->message : ""));
          return true;
        }
        if (workflow_.on_compensation_failure == OnCompensationFailure::kSuspend) {
          emit(SagaSuspended{SuspensionCause::kCompensationFailed, std::nullopt, {}});
          return true;
        }
        continue;
      case CompensationStatus::kPending:
        return begin_call(i, Phase::kCompensation);
      case CompensationStatus::kRunning:
        SAGA_CHECK(false, "a running compensation has an open call");
      case CompensationStatus::kRetrying:
      case CompensationStatus::kWaiting:
        return continue_call(i, Phase::kCompensation);
      case CompensationStatus::kNone:
      case CompensationStatus::kCompleted:
      case CompensationStatus::kSkipped:
        continue;
    }
  }
  std::vector<StepIndex> not_undone;
  for (StepIndex i = 0; i < state().steps.size(); ++i) {
    if (state().steps[i].undo == CompensationStatus::kFailed) not_undone.push_back(i);
  }
  if (not_undone.empty()) {
    emit(SagaCompensated{});
  } else {
    emit(SagaFailed{std::move(not_undone)});
  }
  return true;
}

void Decider::follow_failed_step(StepIndex i) {
  const Step& definition = workflow_.steps[i];
  SAGA_CHECK(state().steps[i].failure.has_value(), "a failed step says why");
  const Failure failure = *state().steps[i].failure;
  const bool suspends = definition.on_failure == OnFailure::kSuspend;
  if (workflow_.pivot == i && failure.outcome == Outcome::kUnknown && (suspends || !definition.compensation)) {
    suspend_pivot_unknown(i, failure.message);
  } else if (is_past_pivot(workflow_, state()) || suspends) {
    emit(SagaSuspended{SuspensionCause::kStepFailed, failure, {}});
  } else {
    emit(CompensationBegun{failure});
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

// ---- one call ------------------------------------------------------------------------------------------------------

bool Decider::begin_step(StepIndex i) {
  if (!moment_.begin_calls) return false;
  if (const auto& when = workflow_.steps[i].when) {
    const auto value = when->evaluate(SagaScope(workflow_, state(), i, Phase::kAction));
    if (!value || !value->is_boolean()) {
      end_call_for_good(i, Phase::kAction,
                        failure_of(i, Phase::kAction, workers::codes::kExpressionError,
                                   value ? fmt::format("when: expected true or false, but it is {}",
                                                       workers::bounded_utf8(dump_json(*value), 80))
                                         : value.error().message));
      return true;
    }
    if (!value->get<bool>()) {
      emit(StepSkipped{i});
      return true;
    }
  }
  return begin_call(i, Phase::kAction);
}

bool Decider::begin_call(StepIndex i, Phase phase) {
  if (!moment_.begin_calls) return false;
  const CallState& call = call_of(state(), i, phase);
  std::shared_ptr<const PreparedRequest> request;
  if (call.attempts == 0) {
    auto prepared = prepare_request(workflow_, state(), i, phase);
    if (!prepared) {
      end_call_for_good(i, phase, failure_of(i, phase, workers::codes::kExpressionError, prepared.error().message));
      return true;
    }
    request = std::move(*prepared);
  }
  emit(AttemptBegun{i, phase, call.attempts + 1, std::move(request)});
  return true;
}

/// A call between two attempts: begins the next when it is due, or ends it when its `total_timeout` is over.
bool Decider::continue_call(StepIndex i, Phase phase) {
  const CallState& call = call_of(state(), i, phase);
  const bool waits = !call.due_at;
  if (waits && !available_) {
    const auto end = budget_end(workflow_.steps[i], call);
    if (!end || *end > now_) return false;
    SAGA_CHECK(call.last_failure.has_value(), "a waiting call says for what");
    end_call_for_good(i, phase, *call.last_failure);
    return true;
  }
  if (!waits && *call.due_at > now_) return false;
  if (const auto end = budget_end(workflow_.steps[i], call); end && *end < now_) {
    SAGA_CHECK(call.last_failure.has_value(), "a retried call says why");
    end_call_for_good(i, phase, *call.last_failure);
    return true;
  }
  available_ = false;
  // Where no attempt was ever made, its `when` may be what failed.
  return phase == Phase::kAction && call.attempts == 0 ? begin_step(i) : begin_call(i, phase);
}

/// The action ends with what its attempts left.
void Decider::end_action(StepIndex i) {
  const CallState& call = state().steps[i].action;
  SAGA_CHECK(call.last_failure.has_value(), "a step between two attempts has failed before");
  end_call_for_good(i, Phase::kAction, *call.last_failure);
}

void Decider::end_call_for_good(StepIndex i, Phase phase, Failure failure) {
  if (phase == Phase::kCompensation) {
    emit(CompensationFailed{i, std::move(failure)});
    return;
  }
  failure.outcome = state().steps[i].action.any_unknown ? Outcome::kUnknown : Outcome::kNotDone;
  emit(StepFailed{i, std::move(failure)});
}

Decision decide(const Workflow& workflow, const SagaState& state, const Input& input, const Moment& moment) {
  Decider decider(workflow, state, moment);
  std::visit([&decider](const auto& what) { decider.react(what); }, input);
  return std::move(decider).take();
}

}  // namespace saga::core
