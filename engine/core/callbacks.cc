// A call whose worker calls back: it answered 202 with Saga-Async, or calls back before its answer is here.
//
//   the call                what comes                     then
//   open                    202 with Saga-Async            taken: waits for its callback, an hour or total_timeout
//   open, taken, delayed    success, of any attempt        ends well; an answer that comes later decides nothing
//   open, taken             failure of the newest attempt  not done; retried where the worker says so, an action by
//                                                          its own word only, a compensation but for its word
//   delayed                 failure of the newest attempt  where it is not to be retried: ends failed
//   open, taken, delayed    failure of an older attempt    refused (conflict)
//   taken                   heartbeat                      its time starts anew
//   open, delayed           heartbeat                      nothing
//   taken                   nothing, until it is due       callback_timeout, unknown; an action then ends failed, a
//                                                          compensation is retried by its policy
//   taken, an action        the saga stops                 ends unknown
//   not begun, or ended     anything                       refused (gone)
//
// "Delayed" is between two attempts, or waiting for an instance.
#include <fmt/format.h>

#include "engine/core/decider.h"
#include "workers/protocol/text.h"

namespace saga::core {

using workers::Verdict;

namespace {

constexpr Millis kCallbackPatience = std::chrono::hours(1);  ///< Where the step has no `total_timeout`.
constexpr std::size_t kMaxCode = 200;                        ///< As for the codes of answers.
constexpr std::size_t kMaxMessage = 1'000;

}  // namespace

void Decider::take_call(const CallFinished& input) {
  const auto end = budget_end(workflow_.steps[input.step], call_of(state(), input.step, input.phase));
  emit(CallTaken{input.step, input.phase, input.attempt, end.value_or(delay_from() + kCallbackPatience)});
}

/// Given up when its time is over.
bool Decider::continue_taken(StepIndex i, Phase phase) {
  if (*call_of(state(), i, phase).due_at > now_) return false;
  give_up_taken(i, phase, workers::codes::kCallbackTimeout, "taken, but the callback did not come in time");
  return true;
}

void Decider::give_up_taken(StepIndex i, Phase phase, std::string_view code, std::string message) {
  Verdict verdict;
  verdict.outcome = Outcome::kUnknown;
  verdict.retryable = phase == Phase::kCompensation;  // One unknown attempt is no reason to leave it not undone.
  verdict.code = code;
  verdict.message = std::move(message);
  record_failure(i, phase, verdict, false, 0);
}

/// The attempt was begun, and its call has not ended.
bool Decider::is_call_open(StepIndex i, Phase phase, int attempt) const {
  if (i >= state().steps.size() || has_ended(state().status)) return false;
  if (workflow_.steps[i].kind != workflows::StepKind::kCall) return false;
  const StepState& step = state().steps[i];
  const bool ended = phase == Phase::kAction ? has_ended_step(step.status) : !is_undo_due(step.undo);
  return !ended && attempt >= 1 && attempt <= call_of(state(), i, phase).attempts;
}

void Decider::react(const CallbackArrived& input) {
  if (!is_call_open(input.step, input.phase, input.attempt)) {
    return refuse("a callback is for a call that has not ended, but this one has", Refusal::Kind::kGone);
  }
  if (input.succeeded) {
    record_done(input.step, input.phase, input.attempt, 0, input.output ? input.output : share(nullptr), 0);
  } else if (input.attempt < call_of(state(), input.step, input.phase).attempts) {
    return refuse(fmt::format("a failure is taken from the newest attempt, which is {}, but this is of attempt {}",
                              call_of(state(), input.step, input.phase).attempts, input.attempt));
  } else {
    record_callback_failure(input);
  }
  all_available_ = input.phase == Phase::kCompensation;
  advance();
}

void Decider::record_callback_failure(const CallbackArrived& input) {
  Verdict verdict;
  verdict.outcome = Outcome::kNotDone;
  verdict.code = workers::bounded_utf8(input.code.empty() ? "failed" : input.code, kMaxCode);
  verdict.message = workers::bounded_utf8(input.message, kMaxMessage);
  verdict.retryable = input.retryable.value_or(input.phase == Phase::kCompensation);
  const auto& ruled_out = policy_of(workflow_, state(), input.step, input.phase).non_retryable;
  if (std::find(ruled_out.begin(), ruled_out.end(), verdict.code) != ruled_out.end()) verdict.retryable = false;
  const CallState& call = call_of(state(), input.step, input.phase);
  if (call.open || call.awaits == Awaits::kCallback) {
    record_failure(input.step, input.phase, verdict, false, 0);
  } else if (!verdict.retryable) {
    end_call_for_good(input.step, input.phase,
                      failure_of(input.step, input.phase, verdict.code, std::move(verdict.message)));
  }
}

void Decider::react(const HeartbeatArrived& input) {
  if (!is_call_open(input.step, input.phase, input.attempt)) {
    return refuse("a heartbeat is for a call that has not ended, but this one has", Refusal::Kind::kGone);
  }
  if (call_of(state(), input.step, input.phase).awaits != Awaits::kCallback) return;
  const Millis patience = workflow_.steps[input.step].total_timeout.value_or(kCallbackPatience);
  emit(HeartbeatReceived{input.step, input.phase, input.attempt, delay_from() + patience});
  advance();  // The deadline may have come before this did.
}

}  // namespace saga::core
