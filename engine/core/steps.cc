// One step at its turn, and one that is to be undone.
//
//   the step                      kind     does
//   not begun                     any      asks its `when`: begins, is skipped, or fails (expression_error)
//   its group not begun           any      asks the group's `when` first: false skips every step of the group, an
//                                          error fails every one
//   between two attempts          call     calls again when it is due
//   waiting for a service         call     calls again when there is one, fails when total_timeout is over
//   waiting for its callback      call     fails (callback_timeout) when it is due
//   retried by an operator        other    begins again
//   waiting                       wait     is completed when it is due
//   waiting                       signal   is completed when the signal has come, fails (signal_timeout) when due
//   waiting                       saga     nothing, until the child is reported (children.cc)
#include <fmt/format.h>

#include "base/check.h"
#include "engine/core/decider.h"
#include "engine/core/frontier.h"
#include "workers/protocol/text.h"

namespace saga::core {

using workflows::PlanNode;
using workflows::StepKind;

bool Decider::move_step(StepIndex i) {
  const StepState& step = state().steps[i];
  if (step.action.open || has_ended_step(step.status)) return false;
  switch (step.action.awaits) {
    case Awaits::kNothing:
      if (step.status == StepStatus::kPending) return begin_step(i);
      return continue_call(i, Phase::kAction);
    case Awaits::kService:
      return continue_call(i, Phase::kAction);
    case Awaits::kCallback:
      return continue_taken(i, Phase::kAction);
    case Awaits::kTime:
      return continue_wait(i);
    case Awaits::kSignal:
      return continue_signal(i);
    case Awaits::kChild:
    case Awaits::kSuspendedChild:
      return false;
  }
  return false;
}

bool Decider::move_compensation(StepIndex i) {
  const StepState& step = state().steps[i];
  if (step.compensation.open || !is_undo_due(step.undo)) return false;
  if (workflow_.steps[i].kind == StepKind::kSaga) {
    return awaits_child(step.compensation) ? false : begin_child_undo(i);
  }
  if (step.compensation.awaits == Awaits::kCallback) return continue_taken(i, Phase::kCompensation);
  if (step.undo == CompensationStatus::kPending) return begin_call(i, Phase::kCompensation);
  return continue_call(i, Phase::kCompensation);
}

bool Decider::begin_step(StepIndex i) {
  if (!moment_.begin_calls) return false;
  const workflows::Step& definition = workflow_.steps[i];
  if (definition.when && state().steps[i].action.attempts == 0) {
    const auto go = ask_when(*definition.when, SagaScope(workflow_, state(), i, Phase::kAction));
    if (!go) {
      const auto& why = go.error().message;
      end_call_for_good(i, Phase::kAction, failure_of(i, Phase::kAction, workers::codes::kExpressionError, why));
      return true;
    }
    if (!*go) {
      emit(StepSkipped{i});
      return true;
    }
  }
  switch (definition.kind) {
    case StepKind::kCall:
      return begin_call(i, Phase::kAction);
    case StepKind::kWait:
      return begin_wait(i);
    case StepKind::kSignal:
      return begin_signal(i);
    case StepKind::kSaga:
      return begin_child(i);
  }
  return false;
}

/// Asks the `when` of a group of which nothing has begun.
bool Decider::ask_group(const PlanNode& group) {
  if (!group.when || !moment_.begin_calls) return false;
  bool begun = false;
  std::vector<StepIndex> left;
  for_each_step(group, [&](StepIndex i) {
    const StepState& step = state().steps[i];
    const bool retried = step.status == StepStatus::kRetrying && step.action.attempts == 0;
    if (step.status == StepStatus::kPending || retried) {
      left.push_back(i);
    } else {
      begun = begun || step.status != StepStatus::kFailed || step.action.attempts > 0;
    }
  });
  if (begun || left.empty()) return false;
  const auto go = ask_when(*group.when, SagaScope(workflow_, state(), left.front(), Phase::kAction));
  if (go && *go) return false;
  for (const StepIndex i : left) {
    if (go) {
      emit(StepSkipped{i});
    } else {
      const std::string why = fmt::format("{}: {}", group.name, go.error().message);
      end_call_for_good(i, Phase::kAction, failure_of(i, Phase::kAction, workers::codes::kExpressionError, why));
    }
  }
  return true;
}

Result<bool> Decider::ask_when(const workflows::Expression& when, const workflows::Scope& scope) const {
  auto value = when.evaluate(scope);
  if (!value) return tl::unexpected(std::move(value.error()));
  if (value->is_boolean()) return value->get<bool>();
  return fail(ErrorCode::kInvalid,
              fmt::format("when: expected true or false, but it is {}", workers::bounded_utf8(dump_json(*value), 80)));
}

}  // namespace saga::core
