// Everything that ever happens to a saga, in the past tense, with all that a replay needs: an expression's value, a
// jittered delay and an id are written here once and never worked out again.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/core/state.h"
#include "workflows/workflow.h"

namespace saga::core {

using StepIndex = std::size_t;

struct SagaAccepted {
  std::shared_ptr<const SagaFacts> facts;
  std::optional<Timestamp> deadline;
  std::string actor;
  bool verified = false;  ///< The actor is.

  bool operator==(const SagaAccepted& o) const {
    return *facts == *o.facts && deadline == o.deadline && actor == o.actor && verified == o.verified;
  }
};
struct SagaStarted {
  bool operator==(const SagaStarted&) const = default;
};
/// The intent of a call; durable before its first byte leaves.
struct AttemptBegun {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;
  std::shared_ptr<const PreparedRequest> request;  ///< On the first attempt, where there is one.

  bool operator==(const AttemptBegun& o) const {
    return step == o.step && phase == o.phase && attempt == o.attempt &&
           (request == o.request || (request && o.request && *request == *o.request));
  }
};
struct AttemptFailed {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  Failure failure;
  bool counted = true;              ///< False for one lost in a crash: it keeps its place in `max_attempts`.
  std::optional<Timestamp> due_at;  ///< The next attempt; none: there will be none by itself.
  std::int64_t duration_ms = 0;

  bool operator==(const AttemptFailed&) const = default;
};
/// The attempt was not made for want of an instance; its number is not spent.
struct CallDeferred {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  std::string message;

  bool operator==(const CallDeferred&) const = default;
};
/// A durable 202 with Saga-Async: the worker took the call and calls back.
struct CallTaken {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;
  Timestamp until;  ///< When its callback is given up.

  bool operator==(const CallTaken&) const = default;
};
/// The worker of a call that was taken is still at work.
struct HeartbeatReceived {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;  ///< Whose callback URL it came to.
  Timestamp until;

  bool operator==(const HeartbeatReceived&) const = default;
};
struct WaitBegun {
  StepIndex step = 0;
  Timestamp until;

  bool operator==(const WaitBegun&) const = default;
};
struct SignalAwaited {
  StepIndex step = 0;
  std::optional<Timestamp> until;

  bool operator==(const SignalAwaited&) const = default;
};
/// The step's signal came, at its turn or before; `StepCompleted` follows at its turn.
struct SignalReceived {
  StepIndex step = 0;
  JsonRef payload;
  std::string actor;
  bool verified = false;  ///< The actor is.

  bool operator==(const SignalReceived& o) const {
    return step == o.step && same_json(payload, o.payload) && actor == o.actor && verified == o.verified;
  }
};
/// The intent of a child saga; durable before it is started.
struct ChildBegun {
  StepIndex step = 0;
  int attempt = 1;
  JsonRef input;  ///< On the first attempt, where the definition has one.

  bool operator==(const ChildBegun& o) const {
    return step == o.step && attempt == o.attempt && same_json(input, o.input);
  }
};
/// The child saga waits for an operator, and so does its parent.
struct ChildSuspended {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  Failure failure;

  bool operator==(const ChildSuspended&) const = default;
};
struct ChildResumed {
  StepIndex step = 0;
  Phase phase = Phase::kAction;

  bool operator==(const ChildResumed&) const = default;
};
/// The intent of undoing one of the step's children: the newest, then those before it that may have left something.
struct ChildUndoBegun {
  StepIndex step = 0;
  int attempt = 1;
  int child = 1;       ///< Which: the attempt of the action that started it.
  bool again = false;  ///< An operator retries it.

  bool operator==(const ChildUndoBegun&) const = default;
};
/// Ends a step of any kind well. `attempt`: which of a call was done, not always the newest; of a child saga which
/// child; 0 of a wait and of a signal.
struct StepCompleted {
  StepIndex step = 0;
  int attempt = 1;
  int http_status = 0;
  JsonRef output;
  std::int64_t duration_ms = 0;

  bool operator==(const StepCompleted& o) const {
    return step == o.step && attempt == o.attempt && http_status == o.http_status && same_json(output, o.output) &&
           duration_ms == o.duration_ms;
  }
};
struct StepFailed {
  StepIndex step = 0;
  Failure failure;  ///< Its outcome is the step's: unknown if any attempt was.

  bool operator==(const StepFailed&) const = default;
};
struct StepSkipped {  ///< Its `when` is false.
  StepIndex step = 0;

  bool operator==(const StepSkipped&) const = default;
};
struct StopRequested {  ///< The deadline, or a branch that failed while others were under way.
  Failure failure;

  bool operator==(const StopRequested&) const = default;
};
struct CompensationBegun {
  Failure failure;

  bool operator==(const CompensationBegun&) const = default;
};
struct StepCompensated {
  StepIndex step = 0;
  int attempt = 1;
  int http_status = 0;
  std::int64_t duration_ms = 0;

  bool operator==(const StepCompensated&) const = default;
};
struct CompensationFailed {
  StepIndex step = 0;
  Failure failure;

  bool operator==(const CompensationFailed&) const = default;
};
struct SagaCompleted {
  JsonRef output;
  Sparse<Failure> error;  ///< The output could not be worked out.

  bool operator==(const SagaCompleted& o) const { return same_json(output, o.output) && error == o.error; }
};
struct SagaCompensated {
  bool operator==(const SagaCompensated&) const = default;
};
struct SagaFailed {
  std::vector<StepIndex> not_undone;

  bool operator==(const SagaFailed&) const = default;
};
struct SagaSuspended {
  SuspensionCause cause = SuspensionCause::kOperator;
  Sparse<Failure> failure;
  Actor actor;  ///< Where the cause is an operator.

  bool operator==(const SagaSuspended&) const = default;
};

/// A call that gets a fresh budget.
struct CallRef {
  StepIndex step = 0;
  Phase phase = Phase::kAction;

  bool operator==(const CallRef&) const = default;
};
struct SagaResumed {
  std::vector<CallRef> calls;  ///< After a failure: called again, as by a retry.
  Actor actor;

  bool operator==(const SagaResumed&) const = default;
};
struct OperatorRetried {
  std::vector<CallRef> calls;
  Actor actor;

  bool operator==(const OperatorRetried&) const = default;
};
struct OperatorSkipped {
  CallRef call;
  JsonRef output;  ///< An action that is said to have happened.
  Actor actor;

  bool operator==(const OperatorSkipped& o) const {
    return call == o.call && same_json(output, o.output) && actor == o.actor;
  }
};
struct OperatorCancelled {
  Actor actor;

  bool operator==(const OperatorCancelled&) const = default;
};
struct SagaTerminated {
  Actor actor;

  bool operator==(const SagaTerminated&) const = default;
};

using EventBody =
    std::variant<SagaAccepted, SagaStarted, AttemptBegun, AttemptFailed, CallDeferred, StepCompleted, StepFailed,
                 StepSkipped, StopRequested, CompensationBegun, StepCompensated, CompensationFailed, SagaCompleted,
                 SagaCompensated, SagaFailed, SagaSuspended, SagaResumed, OperatorRetried, OperatorSkipped,
                 OperatorCancelled, SagaTerminated, CallTaken, HeartbeatReceived, WaitBegun, SignalAwaited,
                 SignalReceived, ChildBegun, ChildSuspended, ChildResumed, ChildUndoBegun>;

struct Event {
  Timestamp at;
  EventBody body;

  bool operator==(const Event&) const = default;
};

/// "attempt_begun": the name an event is stored and shown by.
[[nodiscard]] std::string_view type_name(const EventBody& body);

/// The event's own fields as a JSON object; steps by name. `decode_event` reads it back equal.
[[nodiscard]] std::string encode_event(const workflows::Workflow& workflow, const EventBody& body);

/// `kCorruption` names the type and what is missing or does not fit `workflow`.
[[nodiscard]] Result<Event> decode_event(const workflows::Workflow& workflow, Timestamp at, std::string_view type,
                                         std::string_view data);

}  // namespace saga::core
