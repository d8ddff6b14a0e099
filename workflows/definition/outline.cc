#include "workflows/definition/outline.h"

#include <fmt/format.h>

#include <utility>

#include "workflows/definition/fields.h"
#include "workflows/definition/step.h"
#include "workflows/workflow.h"

namespace saga::workflows {
namespace {

class Outliner {
 public:
  explicit Outliner(Problems& problems) : problems_(problems) {}

  std::vector<Outline> sequence(const std::vector<Node>& nodes, std::size_t depth) {
    std::vector<Outline> outlines;
    outlines.reserve(nodes.size());
    for (const Node& node : nodes) outlines.push_back(node.find("parallel") ? group(node, depth + 1) : step(node));
    return outlines;
  }

  std::vector<const Node*> take_steps() { return std::move(steps_); }

 private:
  Outline step(const Node& node) {
    Outline outline{&node, steps_.size(), steps_.size() + 1, false, "", {}};
    steps_.push_back(&node);
    return outline;
  }

  Outline group(const Node& node, std::size_t depth) {
    Outline outline{&node, steps_.size(), steps_.size(), true, name_group(node), {}};
    const Node& list = *node.find("parallel");
    if (!list.is_list() || list.items.empty()) {
      problems_.add(list.position,
                    fmt::format("'parallel' must be a list of branches, each a list of steps, but it is {}",
                                list.is_list() ? "empty" : describe(list)));
      return outline;
    }
    if (list.items.size() > kMaxBranches) {
      problems_.add(list.items[kMaxBranches].position,
                    fmt::format("a parallel group has at most {} branches, but this one has {}", kMaxBranches,
                                list.items.size()));
    }
    if (depth == kMaxParallelDepth + 1) {
      problems_.add(node.position,
                    fmt::format("parallel groups stand at most {} deep in each other: run a part of this as a child "
                                "saga, 'saga: NAME'",
                                kMaxParallelDepth));
    }
    for (const Node& branch : list.items) {
      if (!is_branch(branch)) continue;
      outline.branches.push_back(sequence(branch.items, depth));
    }
    outline.end = steps_.size();
    return outline;
  }

  bool is_branch(const Node& branch) {
    if (branch.is_list() && !branch.items.empty()) return true;
    std::string problem = fmt::format("a branch of 'parallel' must be a list of at least one step, but it is {}",
                                      branch.is_list() ? "empty" : describe(branch));
    if (branch.is_map()) problem += ": write [ { name: … } ], or begin it with '- -'";
    problems_.add(branch.position, std::move(problem));
    return false;
  }

  std::string name_group(const Node& node) {
    ++groups_;
    std::string name = fmt::format("parallel_{}", groups_);
    const Node* written = node.find("name");
    if (written == nullptr) return name;
    return read_name(*written, "name", kStepName, problems_).value_or(std::move(name));
  }

  Problems& problems_;
  std::vector<const Node*> steps_;
  std::size_t groups_ = 0;
};

}  // namespace

WorkflowOutline outline_steps(const std::vector<Node>& steps, Problems& problems) {
  Outliner outliner(problems);
  WorkflowOutline outline;
  outline.nodes = outliner.sequence(steps, 0);
  outline.steps = outliner.take_steps();
  if (outline.steps.size() <= kMaxSteps) return outline;
  problems.add(outline.steps[kMaxSteps]->position,
               fmt::format("a workflow has at most {} steps, but this one has {}", kMaxSteps, outline.steps.size()));
  return {};
}

}  // namespace saga::workflows
