// The examples of step kinds are good definitions, and show what they say they show.
#include <gmock/gmock.h>

#include <map>
#include <string>

#include "workflows/children.h"
#include "workflows/load.h"

namespace saga::workflows {
namespace {

class Examples : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto loaded = load_workflow_files({EXAMPLES});
    ASSERT_TRUE(loaded) << format_problem(loaded.error().front());
    all_ = *loaded;
    for (const WorkflowRef& workflow : all_) by_name_[workflow->name] = workflow;
  }

  /// The kinds of its steps in order, and where branches are.
  std::string shape(const std::string& name) { return shape(*by_name_.at(name), by_name_.at(name)->plan); }

  static std::string shape(const Workflow& workflow, const Sequence& sequence) {
    const std::map<StepKind, std::string> names{
        {StepKind::kCall, "call"}, {StepKind::kWait, "wait"}, {StepKind::kSignal, "signal"}, {StepKind::kSaga, "saga"}};
    std::string line;
    for (const PlanNode& node : sequence) {
      if (!line.empty()) line += ' ';
      if (node.step) {
        line += names.at(workflow.steps[*node.step].kind);
        continue;
      }
      line += '(';
      for (std::size_t i = 0; i < node.branches.size(); ++i)
        line += (i == 0 ? "" : " | ") + shape(workflow, node.branches[i]);
      line += ')';
    }
    return line;
  }

  std::vector<WorkflowRef> all_;
  std::map<std::string, WorkflowRef> by_name_;
};

TEST_F(Examples, ThereIsOneForEachKind) {
  EXPECT_EQ(all_.size(), 5U);
  EXPECT_EQ(shape("trip"), "(call call | call) call");
  EXPECT_EQ(shape("cooling-off"), "call wait call");
  EXPECT_EQ(shape("expense"), "call signal call");
  EXPECT_EQ(shape("holiday"), "call saga call");
  EXPECT_EQ(shape("brochure"), "call call call");
  EXPECT_TRUE(by_name_.at("brochure")->steps[1].total_timeout);
}

TEST_F(Examples, ChildrenAreAmongThem) {
  const OfflineCheck check = check_children_offline(all_);
  EXPECT_THAT(check.errors, ::testing::IsEmpty());
  EXPECT_THAT(check.warnings, ::testing::IsEmpty());
}

}  // namespace
}  // namespace saga::workflows
