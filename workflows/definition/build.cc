#include "workflows/definition/build.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

#include "workflows/definition/fields.h"
#include "workflows/definition/outline.h"
#include "workflows/definition/plan.h"
#include "workflows/definition/policies.h"

namespace saga::workflows {
namespace {

constexpr std::array<std::string_view, 9> kWorkflowKeys{"name",     "version",      "description",
                                                        "deadline", "input_schema", "defaults",
                                                        "steps",    "output",       "on_compensation_failure"};
constexpr std::array<std::string_view, 2> kOnCompensationFailure{"continue", "suspend"};  // As in the enum.
class WorkflowReader {
 public:
  WorkflowReader(const Document& document, Problems& problems)
      : document_(document), root_(document.root), problems_(problems) {}

  WorkflowRef read() {
    if (!root_.is_map()) {
      problems_.add(root_.position,
                    fmt::format("expected a workflow, a mapping with name, version and steps, but the document is {}",
                                describe(root_)));
      return nullptr;
    }
    const std::size_t before = problems_.count();
    check_keys(root_, "a workflow", kWorkflowKeys, problems_);
    read_head();
    read_input_schema();
    const Node* defaults = root_.find("defaults");
    const Policies policies = defaults == nullptr ? Policies{} : read_defaults(*defaults, problems_);
    const WorkflowOutline outline = outline_steps(step_nodes(), problems_);
    ExpressionReader expressions(problems_);
    PlanReader plan(outline, policies, expressions, problems_);
    plan.read(workflow_);
    if (const Node* output = root_.find("output")) {
      workflow_.output = expressions.read_value(*output, plan.visible());
    }
    if (problems_.count() != before) return nullptr;
    workflow_.definition = root_.to_json();
    workflow_.file = problems_.file();
    workflow_.source = document_.source;
    return std::make_shared<const Workflow>(std::move(workflow_));
  }

 private:
  void read_head() {
    if (const Node* name = root_.find("name")) {
      workflow_.name = read_name(*name, "name", kWorkflowName, problems_).value_or("");
    } else {
      problems_.add(root_.position, "the workflow has no 'name'");
    }
    if (const Node* version = root_.find("version")) {
      workflow_.version = read_whole(*version, "version", 1, kNoLargest, problems_).value_or(1);
    } else {
      problems_.add(root_.position, "the workflow has no 'version': expected a whole number, such as version: 1");
    }
    if (const Node* description = root_.find("description")) {
      workflow_.description = read_text(*description, "description", problems_).value_or("");
    }
    if (const Node* deadline = root_.find("deadline"))
      workflow_.deadline = read_duration(*deadline, "deadline", problems_);
    if (const Node* policy = root_.find("on_compensation_failure")) {
      const auto choice = read_choice(*policy, "on_compensation_failure", kOnCompensationFailure, problems_);
      if (choice) workflow_.on_compensation_failure = static_cast<OnCompensationFailure>(*choice);
    }
  }

  void read_input_schema() {
    const Node* node = root_.find("input_schema");
    if (node == nullptr) return;
    auto schema = Schema::compile(node->to_json());
    if (schema) {
      workflow_.input_schema = std::move(*schema);
    } else {
      // The message begins with the JSON Pointer of what is wrong.
      const std::string& message = schema.error().message;
      const Node* place = node->find_pointer(std::string_view(message).substr(0, message.find(": ")));
      problems_.add((place != nullptr ? place : node)->position, fmt::format("'input_schema': {}", message));
    }
  }

  const std::vector<Node>& step_nodes() {
    static const std::vector<Node> kNone;
    const Node* steps = root_.find("steps");
    if (steps == nullptr) {
      problems_.add(root_.position, "the workflow has no 'steps': expected a list of at least one step");
      return kNone;
    }
    if (!steps->is_list() || steps->items.empty()) {
      problems_.add(steps->position, fmt::format("'steps' must be a list of at least one step, but it is {}",
                                                 steps->is_list() ? "empty" : describe(*steps)));
      return kNone;
    }
    return steps->items;
  }

  const Document& document_;
  const Node& root_;
  Problems& problems_;
  Workflow workflow_;
};

}  // namespace

WorkflowRef build_workflow(const Document& document, Problems& problems) {
  return WorkflowReader(document, problems).read();
}

}  // namespace saga::workflows
