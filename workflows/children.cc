#include "workflows/children.h"

#include <fmt/format.h>

#include <utility>

#include "workflows/document/node.h"

namespace saga::workflows {
namespace {

/// The version of a workflow that a step means: the one it names, or the newest of all that are there.
WorkflowRef find_child(const Step& step, const std::vector<WorkflowRef>& workflows,
                       const FindWorkflow& known_elsewhere) {
  WorkflowRef found = known_elsewhere(step.child_workflow, step.child_version);
  for (const WorkflowRef& workflow : workflows) {
    if (workflow->name != step.child_workflow) continue;
    if (step.child_version ? workflow->version == *step.child_version
                           : found == nullptr || workflow->version > found->version) {
      found = workflow;
    }
  }
  return found;
}

std::string unknown(const Step& step, const WorkflowRef& newest) {
  constexpr std::string_view kWhatToDo = "register it before this workflow, or together with it";
  if (!newest) return fmt::format("there is no workflow {}: {}", quote(step.child_workflow), kWhatToDo);
  return fmt::format("workflow {} has no version {}, the newest is {}: {}", quote(step.child_workflow),
                     *step.child_version, newest->version, kWhatToDo);
}

}  // namespace

std::optional<std::string> why_not_child(const Workflow& parent, std::size_t step, const Workflow& child) {
  if (!child.pivot || (parent.pivot && step >= *parent.pivot)) return std::nullopt;
  return fmt::format(
      "{}/{} cannot be undone once its pivot {} is done: only the pivot of this workflow ('pivot: true'), or a step "
      "after it, may run it",
      child.name, child.version, quote(child.steps[*child.pivot].name));
}

std::vector<ChildProblem> check_children(const std::vector<WorkflowRef>& workflows,
                                         const FindWorkflow& known_elsewhere) {
  std::vector<ChildProblem> found;
  for (const WorkflowRef& workflow : workflows) {
    for (std::size_t i = 0; i < workflow->steps.size(); ++i) {
      const Step& step = workflow->steps[i];
      if (step.kind != StepKind::kSaga) continue;
      const WorkflowRef child = find_child(step, workflows, known_elsewhere);
      std::optional<std::string> message;
      if (child) {
        message = why_not_child(*workflow, i, *child);
      } else {
        Step newest = step;
        newest.child_version.reset();
        message = unknown(step, find_child(newest, workflows, known_elsewhere));
      }
      if (!message) continue;
      found.push_back({{workflow->file, step.child_at, std::move(*message)},
                       step.child_workflow,
                       step.child_version,
                       child == nullptr});
    }
  }
  return found;
}

OfflineCheck check_children_offline(const std::vector<WorkflowRef>& workflows) {
  OfflineCheck check;
  for (ChildProblem& found : check_children(workflows, [](auto, auto) { return nullptr; })) {
    if (!found.is_unknown) {
      check.errors.push_back(std::move(found.problem));
      continue;
    }
    const std::string version = found.version ? fmt::format("version {} of ", *found.version) : "";
    found.problem.message =
        fmt::format("{}workflow {} is not in these files: it must be registered before this one, or together with it",
                    version, quote(found.child));
    check.warnings.push_back(std::move(found.problem));
  }
  return check;
}

}  // namespace saga::workflows
