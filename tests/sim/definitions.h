// Random workflows, each by a number: every kind of step, groups in groups, pivots, policies, conditions and child
// sagas. A number gives the same workflow in every world, so that a process reads and compiles it once.
#pragma once

#include <map>
#include <vector>

#include "workflows/workflow.h"

namespace saga::sim {

/// Of one thread.
class Definitions {
 public:
  static constexpr int kCount = 3'000;  ///< Numbers go from 0 to this.

  /// The workflow and its children, those first.
  [[nodiscard]] std::vector<workflows::WorkflowRef> with_children(int number);

 private:
  struct Made {
    workflows::WorkflowRef workflow;
    std::vector<int> children;
  };
  const Made& make(int number);

  std::map<int, Made> made_;
};

}  // namespace saga::sim
