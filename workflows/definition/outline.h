// The shape of a workflow's steps before any of them is read: which follow each other, which run at once, and the index
// of each. What an expression may see depends on it, and later steps belong to the shape as well.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

/// A step, or a parallel group with the steps in it. Points into the document.
struct Outline {
  const Node* node = nullptr;
  std::size_t first = 0;  ///< Index of its first step.
  std::size_t end = 0;    ///< One past its last; equal to `first` only where a group is malformed.
  bool is_group = false;
  std::string group_name;  ///< Of a group: as written, or "parallel_1", … by its place among all groups.
  std::vector<std::vector<Outline>> branches;
};

struct WorkflowOutline {
  std::vector<Outline> nodes;
  std::vector<const Node*> steps;  ///< By index.
};

/// Adds to `problems` what is wrong with the shape. Empty when there are more than `kMaxSteps` steps.
[[nodiscard]] WorkflowOutline outline_steps(const std::vector<Node>& steps, Problems& problems);

}  // namespace saga::workflows
