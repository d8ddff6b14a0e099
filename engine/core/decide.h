// The whole rulebook. `decide` is the only place that chooses, `apply` the only place that changes a saga, live and on
// replay alike. No clock, no I/O, no randomness, no logging: equal arguments give equal decisions.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/core/event.h"
#include "engine/core/state.h"
#include "workers/protocol/protocol.h"
#include "workflows/workflow.h"

namespace saga::core {

// ---- inputs: what happened outside
// -----------------------------------------------------------------------------------

/// The first input of a saga. The workflow's version is fixed and the input fits its schema.
struct StartSaga {
  std::shared_ptr<const SagaFacts> facts;
  std::string actor;
  bool verified = false;
};
/// One attempt ended so. An attempt that is not open any more (given up, late, repeated) decides nothing.
struct CallFinished {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;
  workers::CallOutcome outcome;
  std::int64_t duration_ms = 0;
};
/// `next_due` has come.
struct TimerFired {};
/// A service that a call waits for has an instance.
struct ServiceAvailable {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
};
/// The saga was read back from its journal: whatever call was open is lost.
struct Recovered {};

enum class Verb { kCancel, kSuspend, kResume, kRetry, kSkip, kTerminate };
[[nodiscard]] std::string_view to_string(Verb verb);
[[nodiscard]] std::optional<Verb> verb_from(std::string_view name);

struct OperatorCommand {
  Verb verb = Verb::kCancel;
  std::string step;  ///< Empty: none named.
  JsonRef output;    ///< For `skip` of an action.
  Actor actor;
};

using Input = std::variant<StartSaga, CallFinished, TimerFired, ServiceAvailable, Recovered, OperatorCommand>;

/// What is drawn outside for one decision.
struct Moment {
  Timestamp now;
  std::uint64_t draw = 0;   ///< Random bits, for jitter.
  bool begin_calls = true;  ///< False while there is no room or the process drains: what could begin waits.
};

// ---- effects: a closed list, released after the events are durable
// -----------------------------------------------------

/// Make this attempt (`render_call` says what is sent) and report it as `CallFinished`.
struct CallWorker {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;

  bool operator==(const CallWorker&) const = default;
};
/// Report `ServiceAvailable` once the call's service has an instance.
struct AwaitService {
  StepIndex step = 0;
  Phase phase = Phase::kAction;

  bool operator==(const AwaitService&) const = default;
};
using Effect = std::variant<CallWorker, AwaitService>;

// ---- decisions
// ---------------------------------------------------------------------------------------------------------

/// An operator's command that does not hold in this state.
struct Refusal {
  bool conflict = true;  ///< False: the command itself does not fit (an unknown step, no reason).
  std::string message;   ///< "expected …, but …"
};

struct Decision {
  std::vector<Event> events;    ///< Empty for a refused, late or repeated input: nothing is written.
  std::vector<Effect> effects;  ///< Released after the events are durable.
  SagaState after;              ///< `state` with `events` applied.
  std::optional<Refusal> refusal;
};

/// Chooses what happens next. Time never runs backwards for a saga: an earlier `now` counts as the last event's.
[[nodiscard]] Decision decide(const workflows::Workflow& workflow, const SagaState& state, const Input& input,
                              const Moment& moment);

/// Folds one event into `state`. `kCorruption`: the event cannot follow this state; `state` is then unspecified.
[[nodiscard]] Result<void> apply(const workflows::Workflow& workflow, SagaState& state, const Event& event);

/// When the saga has to be looked at again by itself (`TimerFired`): not later than its last event for one that has
/// something to begin, none for one that only waits for an answer or an operator, or has ended.
[[nodiscard]] std::optional<Timestamp> next_due(const workflows::Workflow& workflow, const SagaState& state);

/// True while an attempt is under way.
[[nodiscard]] bool has_open_call(const SagaState& state);

/// True while a call waits for a service with no instance.
[[nodiscard]] bool awaits_service(const SagaState& state);

// ---- what people ask of a saga
// -------------------------------------------------------------------------------------------

/// A call that waits for an operator.
struct StuckCall {
  std::string step;
  std::optional<Phase> phase;
  std::string code;
  std::string message;
  int attempts = 0;
};

[[nodiscard]] bool needs_attention(const SagaState& state);
[[nodiscard]] std::vector<StuckCall> stuck_calls(const workflows::Workflow& workflow, const SagaState& state);

/// The verbs `decide` would not refuse now, in the order of the enumeration.
[[nodiscard]] std::vector<Verb> allowed_verbs(const workflows::Workflow& workflow, const SagaState& state);

// ---- what a call sends
// -----------------------------------------------------------------------------------------------------

struct CallRequest {
  std::string service;  ///< Empty when `url` says where.
  std::string url;
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;
  Millis timeout{0};
};

/// The HTTP request of the newest attempt of a call.
[[nodiscard]] CallRequest render_call(const workflows::Workflow& workflow, const SagaState& state, StepIndex step,
                                      Phase phase);

/// The JSON an action was or would be sent with: its `input`, or the saga's input. None for GET and DELETE without.
[[nodiscard]] JsonRef action_input(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

}  // namespace saga::core
