#include "workflows/definition/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "workflows/definition/kinds.h"
#include "workflows/definition/step.h"

namespace saga::workflows {

PlanReader::PlanReader(const WorkflowOutline& outline, const Policies& policies, ExpressionReader& expressions,
                       Problems& problems)
    : outline_(outline), policies_(policies), expressions_(expressions), problems_(problems) {
  for (std::size_t i = 0; i < outline.steps.size(); ++i) all_steps_.push_back({step_name(*outline.steps[i]), i});
  name_all(outline.nodes);
}

void PlanReader::read(Workflow& workflow) {
  workflow.plan = read_sequence(outline_.nodes, workflow);
  check_names_differ();
  check_signals_differ(workflow);
}

Visibility PlanReader::visible() const {
  Visibility visible;
  visible.steps = ended_;
  visible.all_steps = all_steps_;
  visible.beside = beside_;
  visible.groups = groups_;
  return visible;
}

Sequence PlanReader::read_sequence(const std::vector<Outline>& outlines, Workflow& workflow) {
  Sequence sequence;
  sequence.reserve(outlines.size());
  for (const Outline& outline : outlines) {
    if (outline.is_group) {
      sequence.push_back(read_group(outline, workflow));
      continue;
    }
    workflow.steps.push_back(read_step(*outline.node, visible(), policies_, expressions_, problems_));
    if (workflow.steps.back().pivot) read_pivot(outline, workflow);
    sequence.emplace_back().step = outline.first;
    ended_.push_back(all_steps_[outline.first]);
  }
  return sequence;
}

PlanNode PlanReader::read_group(const Outline& outline, Workflow& workflow) {
  PlanNode group;
  group.name = outline.group_name;
  check_group_keys(*outline.node, problems_);
  if (const Node* when = outline.node->find("when")) {
    group.when = expressions_.read_condition(*when, "when", visible());
  }
  const std::size_t before = ended_.size();
  std::vector<Visibility::Step> in_branches;
  for (const std::vector<Outline>& branch : outline.branches) {
    beside_.push_back({outline.first, branch.front().first});
    beside_.push_back({branch.back().end, outline.end});
    group.branches.push_back(read_sequence(branch, workflow));
    beside_.resize(beside_.size() - 2);
    in_branches.insert(in_branches.end(), ended_.begin() + static_cast<std::ptrdiff_t>(before), ended_.end());
    ended_.resize(before);
  }
  ended_.insert(ended_.end(), in_branches.begin(), in_branches.end());
  return group;
}

void PlanReader::read_pivot(const Outline& outline, Workflow& workflow) {
  const TextPosition position = outline.node->find("pivot")->position;
  if (!beside_.empty()) {
    problems_.add(
        position,
        "a pivot cannot stand inside 'parallel', where other branches are still under way: mark a step before "
        "or after the group");
  } else if (!workflow.pivot) {
    workflow.pivot = outline.first;
  } else {
    problems_.add(position, fmt::format("a workflow has at most one pivot, and step {} is one already (line {})",
                                        quote(workflow.steps[*workflow.pivot].name),
                                        outline_.steps[*workflow.pivot]->find("pivot")->position.line));
  }
}

void PlanReader::name_all(const std::vector<Outline>& outlines) {
  for (const Outline& outline : outlines) {
    const Node* written = outline.node->find("name");
    if (outline.is_group) {
      groups_.push_back(outline.group_name);
      names_.push_back(
          {outline.group_name, (written != nullptr ? written : outline.node)->position, true, written != nullptr});
      for (const std::vector<Outline>& branch : outline.branches) name_all(branch);
    } else if (std::string name = step_name(*outline.node); !name.empty()) {
      names_.push_back({std::move(name), written->position});
    }
  }
}

void PlanReader::check_names_differ() {
  // What the file says comes first, so that the name a group is given is nobody's mistake but theirs who write it.
  std::sort(names_.begin(), names_.end(), [](const Name& a, const Name& b) {
    return std::tie(b.written, a.position.line, a.position.column) <
           std::tie(a.written, b.position.line, b.position.column);
  });
  std::map<std::string_view, const Name*> first;
  for (const Name& name : names_) {
    const auto [there, is_new] = first.emplace(name.text, &name);
    if (is_new) continue;
    const Name& earlier = *there->second;
    if (name.written) {
      problems_.add(name.position,
                    fmt::format("{} name {} is there twice: the first stands in line {}",
                                name.of_group ? "group" : "step", quote(name.text), earlier.position.line));
    } else {
      problems_.add(earlier.position, fmt::format("{} is what the parallel group in line {} is called, which has no "
                                                  "'name': choose another name, or give it one",
                                                  quote(name.text), name.position.line));
    }
  }
}

void PlanReader::check_signals_differ(const Workflow& workflow) {
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    const std::string& signal = workflow.steps[i].signal;
    if (signal.empty()) continue;
    const TextPosition position = outline_.steps[i]->find("signal")->position;
    const auto [there, is_new] = first.emplace(signal, position.line);
    if (is_new) continue;
    problems_.add(position,
                  fmt::format("signal {} has a step already (line {}): a signal is for one step, so give this "
                              "one another name",
                              quote(signal), there->second));
  }
}

}  // namespace saga::workflows
