// How a call's attempt ended, and what follows for the call.
//
//   the attempt                           retried while            the call then
//   done                                                           ends well
//   not done or unknown, may be retried   a place in max_attempts, retrying, due after the policy's delay
//                                         deadline, total_timeout
//   not done or unknown, otherwise                                 ends failed; unknown if any attempt was
//   not called: no instance                                        waiting; its number is given back
//   lost in a crash or a shutdown         deadline, total_timeout  retrying, due now; its place is not used up
//   late, repeated, of another number                              as it was: decides nothing
#include <fmt/format.h>

#include <cmath>

#include "engine/core/decider.h"
#include "workers/protocol/text.h"

namespace saga::core {

using workers::Verdict;

namespace {

constexpr std::size_t kMaxCode = 200;  ///< As for the codes that a worker names itself.

}  // namespace

void Decider::react(const StartSaga& input) {
  if (state().facts) return;
  std::optional<Timestamp> deadline;
  if (workflow_.deadline) deadline = std::max(input.facts->start_at.value_or(now_), now_) + *workflow_.deadline;
  emit(SagaAccepted{input.facts, deadline, input.actor, input.verified});
  advance();
}

void Decider::react(const TimerFired&) { advance(); }

void Decider::react(const ServiceAvailable& input) {
  const StepState& step = state().steps[input.step];
  const bool waits =
      input.phase == Phase::kAction ? step.status == StepStatus::kWaiting : step.undo == CompensationStatus::kWaiting;
  if (!waits) return;
  available_ = true;
  advance();
}

void Decider::react(const Recovered&) {
  Verdict lost;
  lost.outcome = Outcome::kUnknown;
  lost.retryable = true;
  lost.code = workers::codes::kConnectionLost;
  lost.message = "the orchestrator stopped while the call was under way";
  for (StepIndex i = 0; i < workflow_.steps.size(); ++i) {
    for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
      if (call_of(state(), i, phase).open) record_failure(i, phase, lost, true, 0);
    }
  }
  available_ = awaits_service(state());  // Its services may be others than before.
  advance();
}

void Decider::react(const CallFinished& input) {
  const CallState& call = call_of(state(), input.step, input.phase);
  if (!call.open || call.attempts != input.attempt) return;
  const Verdict verdict = read_answer(input);
  switch (verdict.outcome) {
    case Outcome::kDone:
      if (input.phase == Phase::kAction) {
        emit(StepCompleted{input.step, input.attempt, verdict.http_status, verdict.output, input.duration_ms});
      } else {
        emit(StepCompensated{input.step, input.attempt, verdict.http_status, input.duration_ms});
      }
      break;
    case Outcome::kNotCalled:
      emit(CallDeferred{input.step, input.phase, verdict.message});
      break;
    case Outcome::kNotDone:
    case Outcome::kUnknown:
    case Outcome::kPending:
      record_failure(input.step, input.phase, verdict, false, input.duration_ms);
      break;
  }
  // Another call may wait for a service that came while this one had its turn: it is tried.
  if (verdict.outcome != Outcome::kNotCalled) available_ = true;
  advance();
}

Verdict Decider::read_answer(const CallFinished& input) const {
  const workflows::Step& step = workflow_.steps[input.step];
  const workflows::Call& definition = input.phase == Phase::kAction ? step.action : *step.compensation;
  workers::AnswerContext context;
  context.phase = input.phase;
  context.accept = definition.accept;
  context.non_retryable = policy_of(workflow_, state(), input.step, input.phase).non_retryable;
  context.earlier_attempt_unknown = call_of(state(), input.step, input.phase).any_unknown;
  Verdict verdict = workers::interpret(input.outcome, context, now_);
  if (verdict.outcome == Outcome::kPending) {
    verdict.code = workers::codes::kBadAnswer;
    verdict.message = "answered 202 with Saga-Async: this version of sagad takes no callbacks";
    verdict.retryable = false;
    verdict.outcome = Outcome::kUnknown;
  }
  if (step.error_code) read_error_code(input, context, verdict);
  return verdict;
}

/// What the step's `error_code` makes of the answer: a refusal of one that would mean done, the code of a failure.
void Decider::read_error_code(const CallFinished& input, const workers::AnswerContext& context,
                              Verdict& verdict) const {
  const auto* answer = std::get_if<workers::Answered>(&input.outcome);
  if (answer == nullptr) return;
  const bool done = verdict.outcome == Outcome::kDone;
  JsonRef body = verdict.output;
  if (!done) {
    auto parsed = read_json(answer->body);
    if (!parsed) return;
    body = share(std::move(*parsed));
  }
  SagaScope scope(workflow_, state(), input.step, input.phase);
  scope.set_body(body.get());
  const auto code = workflow_.steps[input.step].error_code->evaluate(scope);
  if (!code) {
    if (!done) return;                    // A failure keeps the code it has.
    verdict.outcome = Outcome::kUnknown;  // What was done is not taken back by our failing to read it.
    verdict.code = workers::codes::kExpressionError;
    verdict.message = code.error().message;
    return;
  }
  if (!code->is_string()) return;
  verdict.code = workers::bounded_utf8(code->get_ref<const std::string&>(), kMaxCode);
  if (done) {
    verdict.outcome = Outcome::kNotDone;
    verdict.retryable = input.phase == Phase::kCompensation;  // A compensation is never refused.
    verdict.message = fmt::format("refused with status {}", verdict.http_status);
  }
  const auto& ruled_out = context.non_retryable;
  if (std::find(ruled_out.begin(), ruled_out.end(), verdict.code) != ruled_out.end()) verdict.retryable = false;
}

void Decider::record_failure(StepIndex i, Phase phase, const Verdict& verdict, bool lost, std::int64_t duration_ms) {
  Failure failure = failure_of(i, phase, verdict.code, verdict.message);
  failure.http_status = verdict.http_status;
  failure.outcome = verdict.outcome;
  const auto due = next_attempt(i, phase, verdict, lost);
  emit(AttemptFailed{i, phase, failure, !lost, due, duration_ms});
  if (!due) end_call_for_good(i, phase, std::move(failure));
}

std::optional<Timestamp> Decider::next_attempt(StepIndex i, Phase phase, const Verdict& verdict, bool lost) {
  if (!verdict.retryable || (phase == Phase::kAction && state().stopping)) return std::nullopt;
  const workflows::RetryPolicy& policy = policy_of(workflow_, state(), i, phase);
  const CallState& call = call_of(state(), i, phase);
  // A suspended saga's time stands still: what is due is put off when it goes on.
  const Timestamp from = state().suspension ? state().suspension->since : now_;
  Timestamp due = from;
  if (!lost) {
    const int used = call.counted + 1;
    if (used >= policy.max_attempts) return std::nullopt;
    const double plain = static_cast<double>(policy.initial_interval.count()) * std::pow(policy.multiplier, used - 1);
    const double capped = std::min(plain, static_cast<double>(policy.max_interval.count()));
    const double spread = capped * (1.0 - policy.jitter + 2.0 * policy.jitter * draw_unit());
    Millis delay{static_cast<std::int64_t>(std::llround(spread))};
    if (verdict.retry_after && *verdict.retry_after > delay) delay = *verdict.retry_after;
    due = from + delay;
  }
  if (phase == Phase::kAction) {
    if (const auto deadline = deadline_in_force(workflow_, state()); deadline && due >= *deadline) return std::nullopt;
  }
  if (const auto end = budget_end(workflow_.steps[i], call); end && due > *end) return std::nullopt;
  return due;
}

/// 0 to 1, from the bits that were drawn outside (splitmix64).
double Decider::draw_unit() {
  draw_ += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = draw_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

}  // namespace saga::core
