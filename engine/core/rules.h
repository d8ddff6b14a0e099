// Questions about a saga's state that more than one machine of the rulebook asks. Internal to the core.
#pragma once

#include <vector>

#include "engine/core/decide.h"

namespace saga::core {

/// A compensation that failed this often and goes on wants somebody to look.
inline constexpr int kAttentionAfterFailures = 10;

[[nodiscard]] bool has_ended_step(StepStatus status);

/// Pending, running, retrying or waiting: still to be undone.
[[nodiscard]] bool is_undo_due(CompensationStatus status);

/// A child saga is under way, or being undone.
[[nodiscard]] inline bool awaits_child(const CallState& call) {
  return call.awaits == Awaits::kChild || call.awaits == Awaits::kSuspendedChild;
}

/// Begun and not ended: a call in flight or between two attempts, or anything else the step waits for.
[[nodiscard]] inline bool is_under_way(const StepState& step) {
  return step.status == StepStatus::kRunning || step.status == StepStatus::kRetrying ||
         step.status == StepStatus::kWaiting;
}

/// Done, or left any attempt unknown, and there is a compensation, or a child that was begun.
[[nodiscard]] bool is_undoable(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

/// The pivot is done: from here the saga only goes forward.
[[nodiscard]] bool is_past_pivot(const workflows::Workflow& workflow, const SagaState& state);

/// From the pivot's first call until it fails, and ever after once it is done: cancel is refused, the deadline does
/// nothing.
[[nodiscard]] bool is_pivot_reached(const workflows::Workflow& workflow, const SagaState& state);

/// The saga stops at the pivot because nobody can know whether it happened.
[[nodiscard]] bool is_pivot_unknown(const SagaState& state);

/// The pivot, where it has ended without anybody knowing whether it happened, and nothing can undo it.
[[nodiscard]] std::optional<StepIndex> undecided_pivot(const workflows::Workflow& workflow, const SagaState& state);

/// Failed, and not to be passed over.
[[nodiscard]] bool blocks(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

/// The retry policy a call goes by.
[[nodiscard]] const workflows::RetryPolicy& policy_of(const workflows::Workflow& workflow, const SagaState& state,
                                                      StepIndex step, Phase phase);

/// The deadline, where it bounds what may begin now.
[[nodiscard]] std::optional<Timestamp> deadline_in_force(const workflows::Workflow& workflow, const SagaState& state);

/// When the budget of a call's `total_timeout` ends; none without one, or before its first attempt.
[[nodiscard]] std::optional<Timestamp> budget_end(const workflows::Step& step, const CallState& call);

/// A failed step after which the saga turns back, where it goes forward.
[[nodiscard]] bool turns_back(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

/// Failed steps and compensations for which the saga would stop again if it only went on.
[[nodiscard]] std::vector<CallRef> stopping_failures(const workflows::Workflow& workflow, const SagaState& state);

/// The calls an operator's `retry` speaks of now.
[[nodiscard]] std::vector<CallRef> retry_targets(const workflows::Workflow& workflow, const SagaState& state);

/// The calls an operator's `skip` speaks of now, when suspended or failed: those of `retry`, and what is waited for.
[[nodiscard]] std::vector<CallRef> skip_targets(const workflows::Workflow& workflow, const SagaState& state);

[[nodiscard]] const CallState& call_of(const SagaState& state, StepIndex step, Phase phase);

/// What an expression of `step` reads; `phase` says whose.
class SagaScope final : public workflows::Scope {
 public:
  SagaScope(const workflows::Workflow& workflow, const SagaState& state, StepIndex step, Phase phase);
  /// For the workflow's output.
  SagaScope(const workflows::Workflow& workflow, const SagaState& state);
  void set_body(const Json* body) { body_ = body; }

  [[nodiscard]] const Json* input() const override;
  [[nodiscard]] workflows::StepFacts step(std::size_t index) const override;
  [[nodiscard]] Json saga(std::string_view name) const override;
  [[nodiscard]] const Json* output() const override;
  [[nodiscard]] const Json* action_input() const override;
  [[nodiscard]] const Json* body() const override { return body_; }

 private:
  const workflows::Workflow& workflow_;
  const SagaState& state_;
  StepIndex step_ = 0;
  bool own_call_ = false;
  WrittenJson action_input_;
  const Json* body_ = nullptr;
};

/// Works out what `step`'s call sends; null where nothing in it depends on the saga. `kInvalid`: an expression failed.
[[nodiscard]] Result<std::shared_ptr<const PreparedRequest>> prepare_request(const workflows::Workflow& workflow,
                                                                             const SagaState& state, StepIndex step,
                                                                             Phase phase);

}  // namespace saga::core
