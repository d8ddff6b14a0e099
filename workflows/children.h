// Child sagas: whether the workflows that steps run are there, and may stand where they stand.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/load.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// Why `child` cannot be run by the step of `parent` at `step`; nothing when it can. Asked when a parent is registered,
/// and again when one starts: without a version the newest child is taken, which may be another by then.
[[nodiscard]] std::optional<std::string> why_not_child(const Workflow& parent, std::size_t step, const Workflow& child);

/// A version of a workflow that is known elsewhere, or without a version its newest; null where there is none.
using FindWorkflow = std::function<WorkflowRef(std::string_view name, std::optional<std::int64_t> version)>;

/// One `saga` step that cannot be run, and whom it names.
struct ChildProblem {
  Problem problem;
  std::string child;
  std::optional<std::int64_t> version;
  bool is_unknown = false;  ///< There is no such workflow or version; else it may not stand there.
};

/// What is wrong with the `saga` steps of `workflows`. They may run each other, and what `known_elsewhere` finds.
[[nodiscard]] std::vector<ChildProblem> check_children(const std::vector<WorkflowRef>& workflows,
                                                       const FindWorkflow& known_elsewhere);

/// What is wrong with them as far as these files can tell: what is not among them may be registered already, which is
/// worth a word and no error.
struct OfflineCheck {
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};
[[nodiscard]] OfflineCheck check_children_offline(const std::vector<WorkflowRef>& workflows);

}  // namespace saga::workflows
