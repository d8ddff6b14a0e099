// The whole rulebook. `decide` is the only place that chooses, `apply` the only place that changes a saga, live and on
// replay alike. No clock, no I/O, no randomness, no logging: equal arguments give equal decisions.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/core/effect.h"
#include "engine/core/event.h"
#include "engine/core/input.h"
#include "engine/core/state.h"
#include "workers/protocol/header_lines.h"
#include "workflows/workflow.h"

namespace saga::core {

/// What is drawn outside for one decision.
struct Moment {
  Timestamp now;
  std::uint64_t draw = 0;   ///< Random bits, for jitter.
  bool begin_calls = true;  ///< False while there is no room or the process drains: what could begin waits.
};

/// A command, signal or callback that does not hold in this state.
struct Refusal {
  enum class Kind {
    kConflict,  ///< Not in this state.
    kMisfit,    ///< In no state: an unknown step or signal, no reason.
    kGone,      ///< What it speaks of has ended.
  };
  Kind kind = Kind::kConflict;
  std::string message;  ///< "expected …, but …"
};

struct Decision {
  std::vector<Event> events;                 ///< Empty for a refused, late or repeated input: nothing is written.
  std::vector<Effect> effects;               ///< Released after the events are durable.
  SagaState after;                           ///< `state` with `events` applied.
  SagaStatus before = SagaStatus::kPending;  ///< The status of `state`.
  std::optional<Refusal> refusal;
  /// What cannot be, and is: the state, or what follows from it by the rules. All else is then empty or unspecified.
  std::optional<std::string> contradiction;
};

/// Chooses what happens next. Time never runs backwards for a saga: an earlier `now` counts as the last event's. One
/// saga that contradicts itself, by a damaged record or by our own mistake, is told of and harms no other. Who needs
/// `state` no more hands it over: it becomes `after`.
[[nodiscard]] Decision decide(const workflows::Workflow& workflow, SagaState state, const Input& input,
                              const Moment& moment);

/// Folds one event into `state`. `kCorruption`: the event cannot follow this state; `state` is then unspecified.
[[nodiscard]] Result<void> apply(const workflows::Workflow& workflow, SagaState& state, const Event& event);

/// When the saga has to be looked at again by itself (`TimerFired`): not later than its last event for one that has
/// something to begin, none for one that only waits for an answer or an operator, or has ended.
[[nodiscard]] std::optional<Timestamp> next_due(const workflows::Workflow& workflow, const SagaState& state);

/// True while an attempt is under way; not one whose callback is awaited.
[[nodiscard]] bool has_open_call(const SagaState& state);

/// True while a call waits for a service with no instance.
[[nodiscard]] bool awaits_service(const SagaState& state);

// ---- child sagas ----------------------------------------------------------------------------------------------------

/// "order-42~ship"; from the second child of a step on "order-42~ship~2".
[[nodiscard]] std::string child_id(std::string_view parent, std::string_view step, int attempt);

/// What the step's newest child is started with.
[[nodiscard]] WrittenJson child_input(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

/// The version that was fixed when the parent started; none if it was not.
[[nodiscard]] std::optional<std::int64_t> child_version(const SagaState& state, StepIndex step);

// ---- what people ask of a saga --------------------------------------------------------------------------------------

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

// ---- what a call sends ----------------------------------------------------------------------------------------------

struct CallRequest {
  std::string service;  ///< Empty when `url` says where.
  std::string url;
  std::string method;
  std::string path;
  workers::HeaderLines headers;
  std::optional<std::string> body;
  Millis timeout{0};
};

/// The HTTP request of the newest attempt of a call.
[[nodiscard]] CallRequest render_call(const workflows::Workflow& workflow, const SagaState& state, StepIndex step,
                                      Phase phase);

/// The JSON an action was or would be sent with: its `input`, or the saga's input. None for GET and DELETE without.
[[nodiscard]] WrittenJson action_input(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

}  // namespace saga::core
