#include "engine/core/state.h"

namespace saga::core {
namespace {

template <typename T>
bool same_shared(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

std::string_view to_string(SagaStatus status) {
  switch (status) {
    case SagaStatus::kPending:
      return "pending";
    case SagaStatus::kRunning:
      return "running";
    case SagaStatus::kCompensating:
      return "compensating";
    case SagaStatus::kSuspended:
      return "suspended";
    case SagaStatus::kCompleted:
      return "completed";
    case SagaStatus::kCompensated:
      return "compensated";
    case SagaStatus::kFailed:
      return "failed";
    case SagaStatus::kTerminated:
      return "terminated";
  }
  return "?";
}

std::string_view to_string(StepStatus status) {
  switch (status) {
    case StepStatus::kPending:
      return "pending";
    case StepStatus::kRunning:
      return "running";
    case StepStatus::kRetrying:
      return "retrying";
    case StepStatus::kWaiting:
      return "waiting";
    case StepStatus::kCompleted:
      return "completed";
    case StepStatus::kFailed:
      return "failed";
    case StepStatus::kSkipped:
      return "skipped";
  }
  return "?";
}

std::string_view to_string(CompensationStatus status) {
  switch (status) {
    case CompensationStatus::kNone:
      return "none";
    case CompensationStatus::kPending:
      return "pending";
    case CompensationStatus::kRunning:
      return "running";
    case CompensationStatus::kRetrying:
    case CompensationStatus::kWaiting:
      return "retrying";
    case CompensationStatus::kCompleted:
      return "completed";
    case CompensationStatus::kFailed:
      return "failed";
    case CompensationStatus::kSkipped:
      return "skipped";
  }
  return "?";
}

std::string_view to_string(SuspensionCause cause) {
  switch (cause) {
    case SuspensionCause::kOperator:
      return "operator";
    case SuspensionCause::kStepFailed:
      return "step_failed";
    case SuspensionCause::kCompensationFailed:
      return "compensation_failed";
    case SuspensionCause::kPivotUnknown:
      return "pivot_unknown";
  }
  return "?";
}

bool has_ended(SagaStatus status) {
  return status == SagaStatus::kCompleted || status == SagaStatus::kCompensated || status == SagaStatus::kFailed ||
         status == SagaStatus::kTerminated;
}

bool CallState::operator==(const CallState& o) const {
  return attempts == o.attempts && counted == o.counted && failures == o.failures && open == o.open &&
         any_unknown == o.any_unknown && child == o.child && again == o.again && awaits == o.awaits &&
         due_at == o.due_at && budget_from == o.budget_from && last_failure == o.last_failure &&
         same_shared(request, o.request);
}

bool StepState::operator==(const StepState& o) const {
  return status == o.status && undo == o.undo && action == o.action && compensation == o.compensation &&
         same_json(output, o.output) && same_json(signal, o.signal) && failure == o.failure &&
         started_at == o.started_at && finished_at == o.finished_at && undone_at == o.undone_at &&
         settled == o.settled && undo_settled == o.undo_settled;
}

bool SagaFacts::operator==(const SagaFacts& o) const {
  return id == o.id && workflow == o.workflow && version == o.version && input == o.input && tags == o.tags &&
         created_at == o.created_at && start_at == o.start_at && trace_id == o.trace_id &&
         parent_span == o.parent_span && parent_id == o.parent_id && parent_step == o.parent_step &&
         parent_attempt == o.parent_attempt && child_versions == o.child_versions;
}

bool SagaState::operator==(const SagaState& o) const {
  return same_shared(facts, o.facts) && seq == o.seq && status == o.status && stopping == o.stopping &&
         suspension == o.suspension && deadline == o.deadline && started_at == o.started_at &&
         finished_at == o.finished_at && attention_since == o.attention_since && updated_at == o.updated_at &&
         error == o.error && same_json(output, o.output) && steps == o.steps;
}

}  // namespace saga::core
