// Where a saga is in its plan. Going forward, a sequence stands at its first step that is not over, a parallel group in
// all of its branches at once; undoing goes the same way back. The steps a saga stands at are its frontier: they are at
// their turn. Internal to the core.
#pragma once

#include <optional>

#include "engine/core/rules.h"

namespace saga::core {

/// True when the step is passed over on the way forward.
[[nodiscard]] inline bool is_over(const workflows::Workflow& workflow, const SagaState& state, StepIndex step) {
  return has_ended_step(state.steps[step].status) && !blocks(workflow, state, step);
}

/// Visits the frontier on the way forward, in the order of the plan: `visitor.enter(group)` for every group, from the
/// outside in, then `visitor.turn(step)`. True when the whole sequence is over. The visitor may change `state`.
template <typename Visitor>
bool visit_forward(const workflows::Workflow& workflow, const SagaState& state, const workflows::Sequence& sequence,
                   Visitor& visitor) {
  for (const workflows::PlanNode& node : sequence) {
    if (node.step) {
      if (is_over(workflow, state, *node.step)) continue;
      visitor.turn(*node.step);
      return false;
    }
    visitor.enter(node);
    bool over = true;
    for (const workflows::Sequence& branch : node.branches) {
      over = visit_forward(workflow, state, branch, visitor) && over;
    }
    if (!over) return false;
  }
  return true;
}

/// True when nothing is left to undo of the step. One that failed is passed over, but where the saga stops for it.
[[nodiscard]] bool is_undo_over(const workflows::Workflow& workflow, const SagaState& state, StepIndex step);

/// Calls `visit(index)` for every step of the node.
template <typename Visit>
void for_each_step(const workflows::PlanNode& node, const Visit& visit) {
  if (node.step) return visit(*node.step);
  for (const workflows::Sequence& branch : node.branches) {
    for (const workflows::PlanNode& inner : branch) for_each_step(inner, visit);
  }
}

/// True when nothing is left to undo of any step in it.
[[nodiscard]] bool is_undone(const workflows::Workflow& workflow, const SagaState& state,
                             const workflows::PlanNode& node);

/// True while something of it is being undone: a compensation under way or awaiting its callback, a child.
[[nodiscard]] bool is_undoing(const SagaState& state, const workflows::PlanNode& node);

template <typename Visitor>
bool visit_backward(const workflows::Workflow& workflow, const SagaState& state, const workflows::Sequence& sequence,
                    Visitor& visitor);

template <typename Visitor>
bool visit_node_backward(const workflows::Workflow& workflow, const SagaState& state, const workflows::PlanNode& node,
                         Visitor& visitor) {
  if (node.step) {
    if (is_undo_over(workflow, state, *node.step)) return true;
    visitor.turn(*node.step);
    return false;
  }
  bool over = true;
  for (const workflows::Sequence& branch : node.branches) {
    over = visit_backward(workflow, state, branch, visitor) && over;
  }
  return over;
}

/// Visits the frontier of undoing: in each sequence the last that is not undone; `visitor.turn(step)`. Where an
/// operator retries one while another of its sequence is under way, what is in flight there is let end first, and
/// nothing more of it is begun. True when the whole sequence is undone.
template <typename Visitor>
bool visit_backward(const workflows::Workflow& workflow, const SagaState& state, const workflows::Sequence& sequence,
                    Visitor& visitor) {
  const workflows::PlanNode* busy = nullptr;
  for (const workflows::PlanNode& node : sequence) {
    if (is_undoing(state, node)) busy = &node;
  }
  for (auto node = sequence.rbegin(); node != sequence.rend(); ++node) {
    if (busy == nullptr || &*node == busy) {
      if (!visit_node_backward(workflow, state, *node, visitor)) return false;
    } else if (!is_undone(workflow, state, *node)) {
      for_each_step(*busy, [&](StepIndex step) {
        if (state.steps[step].undo == CompensationStatus::kRunning) visitor.turn(step);
      });
      return false;
    }
  }
  return true;
}

}  // namespace saga::core
