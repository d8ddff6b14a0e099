#include "tests/sim/ledger_check.h"

#include <fmt/format.h>

namespace saga::sim {
namespace {

using core::CompensationStatus;
using core::SagaStatus;
using core::StepStatus;

class Check {
 public:
  Check(Setting& setting, Book& book, const std::unordered_map<std::string, Deed>& ledger)
      : setting_(setting), book_(book), ledger_(ledger) {}

  void saga(const SagaRecord& saga) {
    if (saga.state.status == SagaStatus::kTerminated) return;
    for (core::StepIndex i = 0; i < saga.state.steps.size(); ++i) {
      const workflows::StepKind kind = saga.workflow->steps[i].kind;
      if (kind == workflows::StepKind::kCall) call(saga, i);
      if (kind == workflows::StepKind::kSaga) child(saga, i);
    }
  }

 private:
  void call(const SagaRecord& saga, core::StepIndex i) {
    const workflows::Step& definition = saga.workflow->steps[i];
    const core::StepState& step = saga.state.steps[i];
    const auto found = ledger_.find(fmt::format("{}/{}", saga.id, definition.name));
    const Deed* deed = found == ledger_.end() ? nullptr : &found->second;
    const bool in_effect = deed != nullptr && deed->done;
    const bool by_hand = step.settled || step.undo_settled;
    const auto wrong = [&](std::string_view invariant, std::string_view what) {
      setting_.violated(invariant, fmt::format("saga {} has ended {}, {}: {}", saga.id,
                                               core::to_string(saga.state.status), definition.name, what));
    };
    if (step.status == StepStatus::kSkipped && !step.settled && deed != nullptr)
      wrong("I2", "skipped, but it was called");
    // Somebody who has the pivot called again overrules a compensation that may still be on its way to the worker.
    const bool overruled = saga.state.status == SagaStatus::kCompleted && step.compensation.attempts > 0;
    if (by_hand || overruled) return;
    const bool unknown = step.action.any_unknown;
    if (step.status == StepStatus::kFailed && !unknown && in_effect) wrong("I4", "not done, but its effect is there");
    if (saga.state.status == SagaStatus::kCompleted) {
      if (step.status == StepStatus::kCompleted && !in_effect) wrong("I1", "done, but its effect is not there");
      if (deed != nullptr && deed->undone) wrong("I5", "it was undone");
      return;
    }
    if (!definition.compensation || step.undo == CompensationStatus::kFailed) return;
    if (in_effect) wrong("I4", "its effect was left behind");
    if (step.status == StepStatus::kPending && deed != nullptr) wrong("I2", "never begun, but it was called");
  }

  void child(const SagaRecord& saga, core::StepIndex i) {
    const core::StepState& step = saga.state.steps[i];
    if (step.settled || step.undo_settled || step.action.attempts == 0) return;
    const std::string& name = saga.workflow->steps[i].name;
    for (int attempt = 1; attempt <= step.action.attempts; ++attempt) {
      const std::string id = core::child_id(saga.id, name, attempt);
      const SagaRecord* child = book_.find(id);
      const auto status = child == nullptr ? SagaStatus::kCompensated : child->state.status;
      const auto wrong = [&](std::string_view invariant) {
        setting_.violated(invariant, fmt::format("saga {} has ended {}, its child {} {}", saga.id,
                                                 core::to_string(saga.state.status), id, core::to_string(status)));
      };
      if (saga.state.status == SagaStatus::kCompensated && status != SagaStatus::kCompensated) wrong("I4");
      const bool counts = attempt == step.action.attempts && step.status == StepStatus::kCompleted;
      if (saga.state.status == SagaStatus::kCompleted && counts && status != SagaStatus::kCompleted) wrong("I2");
    }
  }

  Setting& setting_;
  Book& book_;
  const std::unordered_map<std::string, Deed>& ledger_;
};

}  // namespace

void check_ledger(Setting& setting, Book& book, const std::unordered_map<std::string, Deed>& ledger) {
  Check check(setting, book, ledger);
  for (const auto& saga : book.sagas()) check.saga(*saga);
}

}  // namespace saga::sim
