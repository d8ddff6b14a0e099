// What can happen to a saga from outside: the closed list of what `decide` is asked about.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "engine/core/event.h"
#include "engine/core/state.h"
#include "workers/protocol/protocol.h"

namespace saga::core {

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
/// A worker called back. Not 410 (`kGone`) while that call of the step has not ended: a success of any of its attempts
/// then counts, a failure only of the newest (else `kConflict`).
struct CallbackArrived {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;
  bool succeeded = false;
  JsonRef output;    ///< Of a success; none: null.
  std::string code;  ///< Of a failure, which is not done.
  std::string message;
  std::optional<bool> retryable;  ///< As the worker said. Else an action's failure is final, a compensation's is not.
};
/// The worker of a call is still at work on it: its callback's time starts anew. `kGone` as for callbacks.
struct HeartbeatArrived {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 1;
};
/// `kMisfit` where no step awaits a signal of that name; `kConflict` where it comes too late, or another came before.
struct SignalArrived {
  std::string name;
  JsonRef payload;
  std::string actor;
  bool verified = false;
};
/// How the child of a step stands now; `attempt` says which child. Repeated and late reports decide nothing.
struct ChildReported {
  StepIndex step = 0;
  int attempt = 1;
  SagaStatus status = SagaStatus::kRunning;
  JsonRef output;           ///< Of a completed one.
  Sparse<Failure> failure;  ///< Why it turned back, stopped, or could not be started.
};
/// The parent undoes this saga: a completed one turns back, one that has not ended is cancelled, a failed one tries
/// again what it could not undo. Refused (`kConflict`) where nothing can be undone: then it stands as it failed.
struct UndoSaga {
  Actor actor;
};
/// `next_due` has come.
struct TimerFired {};
/// A service that a call waits for has an instance.
struct ServiceAvailable {
  StepIndex step = 0;
  Phase phase = Phase::kAction;
};
/// The saga was read back from its journal: whatever call was open is lost. What was to be done to its children may be
/// lost as well: those effects are released again, where need be by a decision without events.
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

using Input = std::variant<StartSaga, CallFinished, TimerFired, ServiceAvailable, Recovered, OperatorCommand,
                           CallbackArrived, HeartbeatArrived, SignalArrived, ChildReported, UndoSaga>;

}  // namespace saga::core
