// The steps of a definition and the plan they run by.
#pragma once

#include <vector>

#include "workflows/definition/expression_reader.h"
#include "workflows/definition/outline.h"
#include "workflows/definition/policies.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// Reads steps in the order of the file and knows at each which have ended by then: those before it in its sequence,
/// but none of another branch of the groups it stands in.
class PlanReader {
 public:
  /// What is passed in outlives the reader.
  PlanReader(const WorkflowOutline& outline, const Policies& policies, ExpressionReader& expressions,
             Problems& problems);

  /// Fills `steps`, `plan` and `pivot` of `workflow`.
  void read(Workflow& workflow);

  /// What `output` of the workflow sees, after `read`: all steps. The views live as long as the reader.
  [[nodiscard]] Visibility visible() const;

 private:
  Sequence read_sequence(const std::vector<Outline>& outlines, Workflow& workflow);
  PlanNode read_group(const Outline& outline, Workflow& workflow);
  void read_pivot(const Outline& outline, Workflow& workflow);
  void name_all(const std::vector<Outline>& outlines);
  void check_names_differ();
  void check_signals_differ(const Workflow& workflow);

  /// A name as the file gives it, or as a group without one is called.
  struct Name {
    std::string text;
    TextPosition position;
    bool of_group = false;
    bool written = true;
  };

  const WorkflowOutline& outline_;
  const Policies& policies_;
  ExpressionReader& expressions_;
  Problems& problems_;
  std::vector<Name> names_;
  std::vector<Visibility::Step> all_steps_;
  std::vector<std::string> groups_;
  std::vector<Visibility::Step> ended_;    ///< Where the reading is.
  std::vector<Visibility::Range> beside_;  ///< Where the reading is.
};

}  // namespace saga::workflows
