// The invariants I2 to I6, followed event by event.
#include <fmt/format.h>

#include <algorithm>

#include "tests/engine/core/audit.h"

namespace saga::core {

using workflows::OnFailure;
using workflows::Workflow;

Auditor::Auditor(const Workflow& workflow)
    : workflow_(&workflow),
      steps_(workflow.steps.size()),
      order_(workflow.steps.size(), std::vector<Order>(workflow.steps.size(), Order::kBeside)) {
  std::vector<StepIndex> all;
  order_steps(workflow.plan, all);
  if (all.size() != workflow.steps.size()) wrong("the plan is not of all steps");
}

/// Appends the steps of `sequence` to `all`.
void Auditor::order_steps(const workflows::Sequence& sequence, std::vector<StepIndex>& all) {
  std::vector<StepIndex> before;
  for (const workflows::PlanNode& node : sequence) {
    std::vector<StepIndex> here;
    if (node.step) here.push_back(*node.step);
    for (const workflows::Sequence& branch : node.branches) order_steps(branch, here);
    for (const StepIndex first : before) {
      for (const StepIndex second : here) {
        order_[first][second] = Order::kBefore;
        order_[second][first] = Order::kAfter;
      }
    }
    before.insert(before.end(), here.begin(), here.end());
  }
  all.insert(all.end(), before.begin(), before.end());
}

bool Auditor::to_undo(const Step& step, StepIndex index) const {
  const workflows::Step& definition = workflow_->steps[index];
  const bool has_child = definition.kind == workflows::StepKind::kSaga && step.action.attempts > 0;
  const bool has_undo = definition.compensation || has_child;
  return has_undo && (step.done || step.unknown);
}

void Auditor::number(StepIndex index, Phase phase, int attempt) {
  Call& call = phase == Phase::kAction ? steps_[index].action : steps_[index].undo;
  const std::string& name = workflow_->steps[index].name;
  if (call.open || call.awaited) wrong(fmt::format("{}: an attempt is begun while another is under way", name));
  if (attempt != call.attempts + 1) wrong(fmt::format("I6: {} attempt {} follows {}", name, attempt, call.attempts));
  call.attempts = attempt;
}

void Auditor::begun(StepIndex index) {
  const std::string& name = workflow_->steps[index].name;
  Step& step = steps_[index];
  if (turned_back_) wrong(fmt::format("I3: {} is begun after undoing began", name));
  if (stopping_) wrong(fmt::format("I3: {} is begun while the saga stops", name));
  if (step.ended) wrong(fmt::format("{} is begun after it ended", name));
  step.begun = true;
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    const std::string& other = workflow_->steps[i].name;
    if (order_[i][index] == Order::kBefore && !steps_[i].passable) {
      wrong(fmt::format("I2: {} runs before {} ended well", name, other));
    }
    if (order_[i][index] == Order::kAfter && steps_[i].begun) wrong(fmt::format("I2: {} runs after {}", name, other));
  }
}

void Auditor::undo_begun(StepIndex index) {
  const std::string& name = workflow_->steps[index].name;
  const Step& step = steps_[index];
  if (!turned_back_) wrong(fmt::format("{} is undone in a saga that goes forward", name));
  if (!to_undo(step, index)) wrong(fmt::format("I4: {} is undone, but there is nothing to undo", name));
  if (step.undo_ended) wrong(fmt::format("I4: {} is undone a second time", name));
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    const std::string& other = workflow_->steps[i].name;
    if (order_[i][index] == Order::kAfter && to_undo(steps_[i], i) && !steps_[i].undo_ended) {
      wrong(fmt::format("I4: {} is undone before {}", name, other));
    }
    const bool at_once = steps_[i].undo.open || steps_[i].undo.awaited;
    if (i != index && order_[i][index] != Order::kBeside && at_once) {
      wrong(fmt::format("I4: {} is undone while {} is", name, other));
    }
  }
  if (!workflow_->pivot) return;
  const Step& pivot = steps_[*workflow_->pivot];
  if (pivot.done) wrong(fmt::format("I5: {} is undone past the pivot", name));
  if (*workflow_->pivot != index && pivot.unknown && !pivot.undone) {
    wrong(fmt::format("{} is undone while nobody knows whether the pivot happened", name));
  }
}

void Auditor::ended(StepIndex index, bool passable) {
  Step& step = steps_[index];
  step.action.awaited = false;
  step.ended = true;
  step.passable = passable;
  any_ended_ = true;
}

void Auditor::undoing_ends(bool all_undone) {
  if (!turned_back_ && any_ended_) wrong("undoing ends that never began");
  bool missing = false;
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    if (!to_undo(steps_[i], i)) continue;
    if (!steps_[i].undo_ended) wrong(fmt::format("I4: {} was never undone", workflow_->steps[i].name));
    missing = missing || !steps_[i].undone;
  }
  if (all_undone == missing) wrong("what the saga ended as is not what was undone");
}

void Auditor::see(const Event& event) {
  const EventBody& body = event.body;
  const bool reopens = std::holds_alternative<OperatorRetried>(body) || std::holds_alternative<OperatorSkipped>(body) ||
                       std::holds_alternative<SagaTerminated>(body) ||
                       (is_child_ && std::holds_alternative<CompensationBegun>(body));
  if (over_ && !reopens) wrong(fmt::format("{} follows the end", type_name(body)));
  see_call(body);
  see_kind(body);
  see_end(body);
  see_saga(body);
  see_operator(body);
}

void Auditor::see_call(const EventBody& body) {
  const auto call_of = [this](const auto& e) -> Call& {
    return e.phase == Phase::kAction ? steps_[e.step].action : steps_[e.step].undo;
  };
  if (const auto* begin = std::get_if<AttemptBegun>(&body)) {
    number(begin->step, begin->phase, begin->attempt);
    begin->phase == Phase::kAction ? begun(begin->step) : undo_begun(begin->step);
    call_of(*begin).open = true;
  } else if (const auto* failed = std::get_if<AttemptFailed>(&body)) {
    Call& call = call_of(*failed);
    if (!call.open && !call.awaited) wrong("an attempt fails that is not under way");
    call.open = call.awaited = false;
    if (failed->phase == Phase::kAction && failed->failure.outcome == Outcome::kUnknown) {
      steps_[failed->step].unknown = true;
    }
  } else if (const auto* deferred = std::get_if<CallDeferred>(&body)) {
    call_of(*deferred).open = false;
    call_of(*deferred).attempts -= 1;
  } else if (const auto* taken = std::get_if<CallTaken>(&body)) {
    if (!call_of(*taken).open) wrong("an attempt is taken that is not under way");
    call_of(*taken).open = false;
    call_of(*taken).awaited = true;
  } else if (const auto* beat = std::get_if<HeartbeatReceived>(&body)) {
    if (!call_of(*beat).awaited) wrong("a heartbeat counts for a call that was not taken");
  }
}

void Auditor::see_kind(const EventBody& body) {
  const auto wait = [this](StepIndex index) {
    begun(index);
    steps_[index].action.awaited = true;
  };
  if (const auto* waits = std::get_if<WaitBegun>(&body)) wait(waits->step);
  if (const auto* awaited = std::get_if<SignalAwaited>(&body)) wait(awaited->step);
  if (const auto* received = std::get_if<SignalReceived>(&body)) {
    Step& step = steps_[received->step];
    if (step.signalled) wrong("a second signal counts");
    if (step.ended || turned_back_) wrong("a signal counts that came too late");
    step.signalled = true;
  }
  if (const auto* child = std::get_if<ChildBegun>(&body)) {
    number(child->step, Phase::kAction, child->attempt);
    wait(child->step);
  }
  if (const auto* undo = std::get_if<ChildUndoBegun>(&body)) {
    steps_[undo->step].undo.awaited = false;  // Of the child before.
    number(undo->step, Phase::kCompensation, undo->attempt);
    undo_begun(undo->step);
    steps_[undo->step].undo.awaited = true;
  }
}

void Auditor::see_end(const EventBody& body) {
  if (const auto* completed = std::get_if<StepCompleted>(&body)) {
    Step& step = steps_[completed->step];
    const workflows::StepKind kind = workflow_->steps[completed->step].kind;
    if (kind == workflows::StepKind::kSignal) {
      if (!step.signalled) wrong("a signal is done that never came");
      if (!step.begun) begun(completed->step);  // It had come before its turn.
    }
    if (!step.begun) wrong("a step is done that never began");
    if (step.ended) wrong("a step is done that has ended");
    step.action.open = false;
    step.done = true;
    ended(completed->step, true);
  } else if (const auto* failed = std::get_if<StepFailed>(&body)) {
    Step& step = steps_[failed->step];
    const bool unknown = failed->failure.outcome == Outcome::kUnknown;
    if (step.action.open) wrong("a step fails while its call is under way");
    if (workflow_->steps[failed->step].kind == workflows::StepKind::kSaga) step.unknown = step.unknown || unknown;
    if (unknown != step.unknown) wrong("a step's outcome is not what its attempts left");
    ended(failed->step, workflow_->steps[failed->step].on_failure == OnFailure::kContinue);
  } else if (const auto* skipped = std::get_if<StepSkipped>(&body)) {
    ended(skipped->step, true);
  } else if (const auto* undone = std::get_if<StepCompensated>(&body)) {
    Step& step = steps_[undone->step];
    step.undo.open = step.undo.awaited = false;
    step.undo_ended = step.undone = true;
  } else if (const auto* not_undone = std::get_if<CompensationFailed>(&body)) {
    Step& step = steps_[not_undone->step];
    if (step.undo.open) wrong("a compensation fails while its call is under way");
    step.undo.awaited = false;
    step.undo_ended = true;
  }
}

void Auditor::see_saga(const EventBody& body) {
  if (const auto* accepted = std::get_if<SagaAccepted>(&body)) {
    is_child_ = !accepted->facts->parent_id.empty();
  } else if (std::holds_alternative<StopRequested>(body)) {
    stopping_ = true;
  } else if (std::holds_alternative<CompensationBegun>(body)) {
    if (workflow_->pivot && steps_[*workflow_->pivot].done) wrong("I5: turns back past the pivot");
    if (std::any_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.action.open || s.action.awaited; })) {
      wrong("I3: turns back while a step is under way");
    }
    turned_back_ = true;
    stopping_ = over_ = false;
  } else if (std::holds_alternative<SagaCompleted>(body)) {
    over_ = true;
    if (turned_back_) wrong("completes after undoing began");
    if (!std::all_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.passable; }))
      wrong("completes with steps left");
  } else if (std::holds_alternative<SagaCompensated>(body)) {
    over_ = true;
    undoing_ends(true);
  } else if (std::holds_alternative<SagaFailed>(body)) {
    over_ = true;
    undoing_ends(false);
  } else if (const auto* suspended = std::get_if<SagaSuspended>(&body)) {
    pivot_in_doubt_ = suspended->cause == SuspensionCause::kPivotUnknown;
    if (pivot_in_doubt_) stopping_ = false;
  } else if (std::holds_alternative<SagaTerminated>(body)) {
    over_ = true;
  }
}

void Auditor::see_operator(const EventBody& body) {
  if (std::holds_alternative<OperatorCancelled>(body)) {
    stopping_ = !turned_back_;
    if (pivot_in_doubt_) {
      steps_[*workflow_->pivot].unknown = false;
      steps_[*workflow_->pivot].undo_ended = steps_[*workflow_->pivot].undone = true;
      pivot_in_doubt_ = false;
    }
  }
  const auto called_again = [this](const std::vector<CallRef>& calls) {
    for (const CallRef& ref : calls) {
      Step& step = steps_[ref.step];
      over_ = false;
      if (ref.phase == Phase::kAction) {
        if (turned_back_ && !pivot_in_doubt_) wrong("I3: an action is retried in a saga that turned back");
        if (step.action.open || step.action.awaited) wrong("an action is retried that is under way");
        turned_back_ = step.undo_ended = step.undone = false;
        step.ended = step.passable = false;
      } else {
        if (step.undo.open || step.undo.awaited) wrong("a compensation is retried that is under way");
        step.undo_ended = false;
      }
    }
    pivot_in_doubt_ = false;
  };
  if (const auto* retried = std::get_if<OperatorRetried>(&body)) called_again(retried->calls);
  if (const auto* resumed = std::get_if<SagaResumed>(&body)) called_again(resumed->calls);
  const auto* settled = std::get_if<OperatorSkipped>(&body);
  if (settled == nullptr) return;
  Step& step = steps_[settled->call.step];
  if (settled->call.phase == Phase::kCompensation) {
    step.undo.awaited = false;
    step.undo_ended = step.undone = true;
    over_ = over_ && std::any_of(steps_.begin(), steps_.end(), [&](const Step& s) {
              return to_undo(s, static_cast<StepIndex>(&s - steps_.data())) && !s.undone;
            });
  } else {
    if (turned_back_ && !(pivot_in_doubt_ && settled->output))
      wrong("I3: an action is skipped in a saga that turned back");
    turned_back_ = false;
    step.undo_ended = step.undone = false;
    step.done = settled->output != nullptr;
    step.unknown = step.unknown || (step.action.awaited && step.action.attempts > 0);
    ended(settled->call.step, true);
  }
  pivot_in_doubt_ = false;
}

}  // namespace saga::core
