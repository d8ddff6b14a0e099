// What a saga has done outside: a closed list, released after the events of its decision are durable.
#pragma once

#include <variant>

#include "engine/core/event.h"

namespace saga::core {

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
/// Start the child saga `child_id(…)`, or find it, and report how it stands (`ChildReported`), as at every change of
/// it. One that cannot be started is reported as `kCompensated`, with the failure that says why.
struct StartChild {
  StepIndex step = 0;
  int attempt = 1;

  bool operator==(const StartChild&) const = default;
};
/// Cancel the child and report how it stands. One that was never started never will be: report it as `kCompensated`.
struct CancelChild {
  StepIndex step = 0;
  int attempt = 1;

  bool operator==(const CancelChild&) const = default;
};
/// Have the child undo itself (`UndoSaga`) and report how it stands. One that has failed is only asked `again`, when an
/// operator retries it; else it is reported as it is.
struct UndoChild {
  StepIndex step = 0;
  int attempt = 1;
  bool again = false;

  bool operator==(const UndoChild&) const = default;
};
/// Terminate the child where it has not ended, or has failed. Nothing is reported.
struct TerminateChild {
  StepIndex step = 0;
  int attempt = 1;

  bool operator==(const TerminateChild&) const = default;
};
using Effect = std::variant<CallWorker, AwaitService, StartChild, CancelChild, UndoChild, TerminateChild>;

}  // namespace saga::core
