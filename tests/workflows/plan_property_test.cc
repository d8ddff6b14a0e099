// Any shape of branches within branches: the plan that is loaded is the one that was written, and each step sees
// exactly what has ended by then, with the reason for what it does not see.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "workflows/load.h"

namespace saga::workflows {
namespace {

constexpr int kMaxLeaves = 16;

/// Where a step stands: for each group around it, which group and which branch of it.
struct Leaf {
  std::vector<std::pair<int, int>> branches;
};

class RandomShape {
 public:
  RandomShape() { steps_ = sequence(0, {}); }

  [[nodiscard]] const std::vector<Leaf>& leaves() const { return leaves_; }
  [[nodiscard]] const Json& steps() const { return steps_; }
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  Json sequence(int depth, const std::vector<std::pair<int, int>>& branches) {
    Json steps = Json::array();
    const int count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i) {
      shown_ += i == 0 ? "" : " ";
      const bool group = depth < static_cast<int>(kMaxParallelDepth) && static_cast<int>(leaves_.size()) < kMaxLeaves &&
                         *rc::gen::inRange(0, 3) == 0;
      steps.push_back(group ? parallel(depth + 1, branches) : leaf(branches));
    }
    return steps;
  }

  Json parallel(int depth, const std::vector<std::pair<int, int>>& branches) {
    const int group = ++groups_;
    const std::string name = "parallel_" + std::to_string(group);
    shown_ += name + "(";
    Json list = Json::array();
    const int count = *rc::gen::inRange(1, 4);
    for (int branch = 0; branch < count; ++branch) {
      shown_ += branch == 0 ? "" : " | ";
      auto inside = branches;
      inside.emplace_back(group, branch);
      list.push_back(sequence(depth, inside));
    }
    shown_ += ")";
    Json json{{"parallel", std::move(list)}};
    if (*rc::gen::arbitrary<bool>()) json["name"] = name;
    return json;
  }

  Json leaf(const std::vector<std::pair<int, int>>& branches) {
    const std::string name = "s" + std::to_string(leaves_.size());
    shown_ += name;
    leaves_.push_back({branches});
    return {{"name", name}, {"service", "s"}, {"action", "/a"}};
  }

  std::vector<Leaf> leaves_;
  int groups_ = 0;
  Json steps_;
  std::string shown_;
};

bool run_at_once(const Leaf& a, const Leaf& b) {
  for (const auto& [group, branch] : a.branches) {
    for (const auto& [other_group, other_branch] : b.branches) {
      if (group == other_group && branch != other_branch) return true;
    }
  }
  return false;
}

/// Why step `reader` cannot read step `read`; none when it can.
std::optional<std::string> refusal(const std::vector<Leaf>& leaves, std::size_t reader, std::size_t read) {
  const std::string name = "step 's" + std::to_string(read) + "' ";
  if (run_at_once(leaves[reader], leaves[read]))
    return name + "runs at the same time, in another branch: it can be read after the group";
  if (read >= reader) return name + "has not ended by the time this is read";
  return std::nullopt;
}

std::string shown(const Workflow& workflow, const Sequence& sequence, std::size_t& next) {
  std::string line;
  for (const PlanNode& node : sequence) {
    if (!line.empty()) line += ' ';
    if (node.step) {
      RC_ASSERT(*node.step == next++);
      line += workflow.steps.at(*node.step).name;
      continue;
    }
    line += node.name + "(";
    for (std::size_t i = 0; i < node.branches.size(); ++i)
      line += (i == 0 ? "" : " | ") + shown(workflow, node.branches[i], next);
    line += ")";
  }
  return line;
}

/// The step named so, wherever it stands.
Json* find_step(Json& steps, const std::string& name) {
  for (Json& step : steps) {
    if (step.contains("parallel")) {
      for (Json& branch : step["parallel"]) {
        if (Json* found = find_step(branch, name)) return found;
      }
    } else if (step["name"] == name) {
      return &step;
    }
  }
  return nullptr;
}

std::string workflow_text(const Json& steps, const Json& output = nullptr) {
  return Json{{"name", "w"}, {"version", 1}, {"steps", steps}, {"output", output}}.dump();
}

/// An expression for each step.
Json read_all(std::size_t steps) {
  Json list = Json::array();
  for (std::size_t i = 0; i < steps; ++i) list.push_back("${ steps.s" + std::to_string(i) + ".output }");
  return list;
}

RC_GTEST_PROP(Plan, IsWhatWasWritten, ()) {
  const RandomShape shape;
  const auto loaded = load_workflows(workflow_text(shape.steps(), read_all(shape.leaves().size())), "f");
  RC_ASSERT(loaded.has_value());
  const Workflow& workflow = *loaded->front();
  RC_ASSERT(workflow.steps.size() == shape.leaves().size());
  std::size_t next = 0;
  RC_ASSERT(shown(workflow, workflow.plan, next) == shape.shown());
  RC_ASSERT(next == workflow.steps.size());
}

RC_GTEST_PROP(Plan, EachStepSeesWhatHasEndedByThen, ()) {
  const RandomShape shape;
  const std::size_t count = shape.leaves().size();
  const auto reader = *rc::gen::inRange<std::size_t>(0, count);
  Json steps = shape.steps();
  (*find_step(steps, "s" + std::to_string(reader)))["input"] = read_all(count);
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < count; ++i) {
    if (auto why = refusal(shape.leaves(), reader, i)) expected.push_back(std::move(*why));
  }
  const auto loaded = load_workflows(workflow_text(steps), "f");
  RC_ASSERT(!loaded.has_value());  // No step reads itself.
  std::vector<std::string> came;
  for (const Problem& problem : loaded.error()) came.push_back(problem.message);
  RC_ASSERT(came == expected);
}

}  // namespace
}  // namespace saga::workflows
