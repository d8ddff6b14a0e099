// One event's effect on a saga's state, as it is worked out. Internal to the core; apply.cc holds what happens to the
// saga as a whole, apply_steps.cc what happens to one step.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/event.h"
#include "engine/core/rules.h"

namespace saga::core {

class Applier {
 public:
  Applier(const workflows::Workflow& workflow, SagaState& state, Timestamp at)
      : workflow_(workflow), s_(state), at_(at) {}

  Result<void> operator()(const SagaAccepted& e);
  Result<void> operator()(const SagaStarted& e);
  Result<void> operator()(const StopRequested& e);
  Result<void> operator()(const CompensationBegun& e);
  Result<void> operator()(const SagaCompleted& e);
  Result<void> operator()(const SagaCompensated& e);
  Result<void> operator()(const SagaFailed& e);
  Result<void> operator()(const SagaSuspended& e);
  Result<void> operator()(const SagaResumed& e);
  Result<void> operator()(const OperatorRetried& e);
  Result<void> operator()(const OperatorSkipped& e);
  Result<void> operator()(const OperatorCancelled& e);
  Result<void> operator()(const SagaTerminated& e);

  Result<void> operator()(const AttemptBegun& e);
  Result<void> operator()(const AttemptFailed& e);
  Result<void> operator()(const CallDeferred& e);
  Result<void> operator()(const CallTaken& e);
  Result<void> operator()(const HeartbeatReceived& e);
  Result<void> operator()(const WaitBegun& e);
  Result<void> operator()(const SignalAwaited& e);
  Result<void> operator()(const SignalReceived& e);
  Result<void> operator()(const ChildBegun& e);
  Result<void> operator()(const ChildSuspended& e);
  Result<void> operator()(const ChildResumed& e);
  Result<void> operator()(const ChildUndoBegun& e);
  Result<void> operator()(const StepCompleted& e);
  Result<void> operator()(const StepFailed& e);
  Result<void> operator()(const StepSkipped& e);
  Result<void> operator()(const StepCompensated& e);
  Result<void> operator()(const CompensationFailed& e);

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view expected) const;
  [[nodiscard]] CallState& call(StepIndex step, Phase phase);
  [[nodiscard]] bool is_kind(StepIndex step, workflows::StepKind kind) const;
  /// The step's action, where `step` is of `kind`, the saga runs, and the step is neither begun nor ended.
  [[nodiscard]] CallState* at_its_turn(StepIndex step, workflows::StepKind kind);
  [[nodiscard]] bool any_undo(CompensationStatus status) const;

  void set_status(StepIndex step, Phase phase, StepStatus forward, CompensationStatus back);
  void await(StepIndex step, Awaits what, std::optional<Timestamp> due_at);
  void end_step(StepState& step, StepStatus status);
  void end_undo(StepState& step, CompensationStatus status);
  Result<void> end_saga(SagaStatus status);
  void reopen();

  void leave_suspension();
  void turn_forward();
  Result<void> go_on(const std::vector<CallRef>& calls);
  void renew(const CallRef& ref);

  const workflows::Workflow& workflow_;
  SagaState& s_;
  Timestamp at_;
};

}  // namespace saga::core
