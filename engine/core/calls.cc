// Making calls: when an attempt begins, how it ended, and what follows for the call.
//
//   the attempt                           retried while            the call then
//   done                                                           ends well
//   not done or unknown, may be retried   a place in max_attempts, retrying, due after the policy's delay
//                                         deadline, total_timeout
//   not done or unknown, otherwise                                 ends failed; unknown if any attempt was
//   not called: no instance                                        waiting; its number is given back
//   taken (202, Saga-Async)                                        waiting for its callback (callbacks.cc)
//   lost in a crash or a shutdown         deadline, total_timeout  retrying, due now; its place is not used up
//   late, repeated, of another number                              as it was: decides nothing
#include <fmt/format.h>

#include <cmath>

#include "engine/core/decider.h"
#include "workers/protocol/text.h"

namespace saga::core {

using workers::Verdict;
using workflows::StepKind;

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
  if (call_of(state(), input.step, input.phase).awaits != Awaits::kService) return;
  available_ = CallRef{input.step, input.phase};
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
  release_for_children();
  all_available_ = true;  // Its services may be others than before.
  advance();
}

// ---- an attempt begins ---------------------------------------------------------------------------------------------

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
  const bool waits = call.awaits == Awaits::kService;
  if (waits && !is_available(i, phase)) {
    const auto end = budget_end(workflow_.steps[i], call);
    if (!end || *end > now_) return false;
    require(call.last_failure.has_value(), "a waiting call says for what");
    end_call_for_good(i, phase, *call.last_failure);
    return true;
  }
  if (!waits && *call.due_at > now_) return false;
  if (const auto end = budget_end(workflow_.steps[i], call); end && *end < now_) {
    require(call.last_failure.has_value(), "a retried call says why");
    end_call_for_good(i, phase, *call.last_failure);
    return true;
  }
  // Where no attempt was ever made, its `when` may be what failed; what is no call begins again.
  const bool from_the_start =
      phase == Phase::kAction && (call.attempts == 0 || workflow_.steps[i].kind != StepKind::kCall);
  return from_the_start ? begin_step(i) : begin_call(i, phase);
}

/// The action ends with what its attempts left.
void Decider::end_action(StepIndex i) {
  const CallState& call = state().steps[i].action;
  require(call.last_failure.has_value(), "a step between two attempts has failed before");
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

bool Decider::is_available(StepIndex i, Phase phase) const { return all_available_ || available_ == CallRef{i, phase}; }

// ---- an attempt ended ----------------------------------------------------------------------------------------------

void Decider::react(const CallFinished& input) {
  const CallState& call = call_of(state(), input.step, input.phase);
  if (!call.open || call.attempts != input.attempt) return;
  const Verdict verdict = read_answer(input);
  switch (verdict.outcome) {
    case Outcome::kDone:
      record_done(input.step, input.phase, input.attempt, verdict.http_status, verdict.output, input.duration_ms);
      break;
    case Outcome::kNotCalled:
      emit(CallDeferred{input.step, input.phase, verdict.message});
      break;
    case Outcome::kPending:
      take_call(input);
      break;
    case Outcome::kNotDone:
    case Outcome::kUnknown:
      record_failure(input.step, input.phase, verdict, false, input.duration_ms);
      break;
  }
  // Another compensation may wait for a service that came while this one had its turn: it is tried.
  all_available_ = input.phase == Phase::kCompensation && verdict.outcome != Outcome::kNotCalled;
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
  if (step.error_code && verdict.outcome != Outcome::kPending) read_error_code(input, context, verdict);
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

void Decider::record_done(StepIndex i, Phase phase, int attempt, int http_status, JsonRef output,
                          std::int64_t duration_ms) {
  if (phase == Phase::kAction) {
    emit(StepCompleted{i, attempt, http_status, std::move(output), duration_ms});
    return;
  }
  emit(StepCompensated{i, attempt, http_status, duration_ms});
  // The pivot has not happened now; whether the rest is undone or not is for an operator to see first.
  const bool stops = workflow_.pivot == i && workflow_.steps[i].on_failure == workflows::OnFailure::kSuspend;
  if (stops && state().status == SagaStatus::kCompensating) {
    emit(SagaSuspended{SuspensionCause::kStepFailed, state().error, {}});
  }
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
  const Timestamp from = delay_from();
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
