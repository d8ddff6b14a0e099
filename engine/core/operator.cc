// What an operator may do to a saga, from which states.
//
//   verb        from                                                    does
//   cancel      pending, running, suspended before the pivot;           stops, then compensates
//               suspended with the pivot unknown: it did not happen
//   suspend     pending, running, compensating                          nothing follows until an operator says so
//   resume      suspended                                               goes on; after a failure calls again
//   retry       suspended, failed, or a call that waits to be made      calls what is stuck now, with fresh attempts
//   skip        suspended, failed                                       takes a compensation as undone, an action as
//                                                                       done (with output) or left out (without)
//   terminate   not ended, and failed                                   ends it as it stands
//
// One whose effect already holds decides nothing and is not refused.
#include <fmt/format.h>

#include "engine/core/decider.h"

namespace saga::core {

void Decider::react(const OperatorCommand& command) {
  const bool suspended = state().suspension.has_value();
  switch (command.verb) {
    case Verb::kCancel:
      cancel(command.actor);
      break;
    case Verb::kSuspend:
      suspend(command.actor);
      break;
    case Verb::kResume:
      resume(command.actor);
      break;
    case Verb::kRetry:
      retry(command);
      break;
    case Verb::kSkip:
      skip(command);
      break;
    case Verb::kTerminate:
      terminate(command.actor);
      break;
  }
  if (decision_.refusal || decision_.events.empty()) return;
  if (suspended && state().status == SagaStatus::kCompensating) ask_undoing_children();
  all_available_ = true;  // Whether a service is still missing is found by trying.
  advance();
}

void Decider::refuse(std::string message, Refusal::Kind kind) { decision_.refusal = Refusal{kind, std::move(message)}; }

bool Decider::allows(Verb verb) const {
  const auto verbs = allowed_verbs(workflow_, state());
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

void Decider::cancel(const Actor& actor) {
  const SagaStatus status = state().status;
  if (status == SagaStatus::kCompensating || status == SagaStatus::kCompensated) return;
  if (status == SagaStatus::kRunning && state().stopping) return;
  if (allows(Verb::kCancel)) return emit(OperatorCancelled{actor});
  if (status == SagaStatus::kRunning || status == SagaStatus::kSuspended) {
    if (is_pivot_reached(workflow_, state())) {
      return refuse(fmt::format("cancel is possible until the pivot step '{}' is called, but it has been",
                                workflow_.steps[*workflow_.pivot].name));
    }
    return refuse("the saga is turning back already");
  }
  refuse(fmt::format("cancel is for a saga that is pending, running or suspended, but it is {}", to_string(status)));
}

void Decider::suspend(const Actor& actor) {
  if (state().status == SagaStatus::kSuspended) return;
  if (allows(Verb::kSuspend)) return emit(SagaSuspended{SuspensionCause::kOperator, std::nullopt, actor});
  refuse(fmt::format("suspend is for a saga that has not ended, but it is {}", to_string(state().status)));
}

void Decider::resume(const Actor& actor) {
  const SagaStatus status = state().status;
  if (status == SagaStatus::kPending || status == SagaStatus::kRunning || status == SagaStatus::kCompensating) return;
  if (!allows(Verb::kResume)) {
    return refuse(fmt::format("resume is for a suspended saga, but it is {}", to_string(status)));
  }
  const bool after_failure = state().suspension->cause != SuspensionCause::kOperator;
  // What failed while an operator had suspended it, and would suspend it once more, is called again as well.
  emit(SagaResumed{after_failure ? retry_targets(workflow_, state()) : stopping_failures(workflow_, state()), actor});
}

void Decider::retry(const OperatorCommand& command) {
  const auto step = workflow_.step_index(command.step);
  if (!command.step.empty() && !step) {
    return misuse(fmt::format("{}/{} has no step '{}'", workflow_.name, workflow_.version, command.step));
  }
  std::vector<CallRef> calls = retry_targets(workflow_, state());
  if (calls.empty()) {
    return refuse(fmt::format(
        "retry is for a saga that is suspended, failed or waiting for its next attempt, but this one is {}{}",
        to_string(state().status), has_open_call(state()) ? " with its call under way" : ""));
  }
  if (step) {
    std::erase_if(calls, [&](const CallRef& ref) { return ref.step != *step; });
    if (calls.empty()) return refuse(fmt::format("step '{}' is not what the saga is stuck at", command.step));
  }
  emit(OperatorRetried{std::move(calls), command.actor});
}

void Decider::skip(const OperatorCommand& command) {
  if (command.step.empty()) return misuse("skip needs a step");
  const auto step = workflow_.step_index(command.step);
  if (!step) return misuse(fmt::format("{}/{} has no step '{}'", workflow_.name, workflow_.version, command.step));
  const StepState& skipped = state().steps[*step];
  const bool settled = (skipped.settled && skipped.undo == CompensationStatus::kNone) || skipped.undo_settled;
  if (settled) return;
  if (!allows(Verb::kSkip)) {
    return refuse(fmt::format("skip is for a step that a suspended or failed saga is stuck at, but the saga is {}",
                              to_string(state().status)));
  }
  for (const CallRef& call : skip_targets(workflow_, state())) {
    if (call.step != *step) continue;
    if (call.phase == Phase::kCompensation && command.output)
      return misuse("output is for an action that is skipped; this is a compensation");
    const bool may_have_happened = skipped.action.any_unknown || skipped.action.awaits > Awaits::kService;
    const bool in_doubt = workflow_.pivot == *step && call.phase == Phase::kAction && may_have_happened;
    if (in_doubt && !command.output) {
      return misuse(
          fmt::format("nobody knows whether the pivot step '{}' happened: skip it with output to say that it "
                      "did{}",
                      command.step, allows(Verb::kCancel) ? ", or cancel to say that it did not" : ""));
    }
    return emit(OperatorSkipped{call, command.output, command.actor});
  }
  refuse(fmt::format("step '{}' is not what the saga is stuck at", command.step));
}

void Decider::terminate(const Actor& actor) {
  if (state().status == SagaStatus::kTerminated) return;
  if (allows(Verb::kTerminate)) return emit(SagaTerminated{actor});
  refuse(fmt::format("terminate is for a saga that has not ended, or has failed, but it is {}",
                     to_string(state().status)));
}

}  // namespace saga::core
