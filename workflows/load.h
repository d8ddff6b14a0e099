// From text to workflows. Strict: whatever the definition language does not know is an error that says where it stands
// and what would be right, and a file with one error gives no workflow at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// One thing wrong with a definition.
struct Problem {
  std::string file;
  TextPosition position;
  std::string message;

  bool operator==(const Problem& o) const {
    return file == o.file && position.line == o.position.line && position.column == o.position.column &&
           message == o.message;
  }
};

/// "order.yaml:12:5: error: unknown key 'retries': did you mean 'retry'?"
[[nodiscard]] std::string format_problem(const Problem& problem, std::string_view severity = "error");

template <typename T>
using Loaded = tl::expected<T, std::vector<Problem>>;  ///< The error is never empty, in the order of the file.

/// All workflows in `text`: YAML (documents separated by `---`) or one JSON document, told apart by what it begins
/// with. `file` is only used in messages.
[[nodiscard]] Loaded<std::vector<WorkflowRef>> load_workflows(std::string_view text, const std::string& file);

/// The same from a file on disk, or from every *.yaml, *.yml and *.json directly in a folder, in the order of names.
/// A name and version that two files share with other content is a problem too.
[[nodiscard]] Loaded<std::vector<WorkflowRef>> load_workflow_files(const std::vector<std::string>& paths);

}  // namespace saga::workflows
