// Which workflows the `saga` steps of others may run, and what is said of those they may not.
#include "workflows/children.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kCall = "service: s, action: /a";

std::string workflow(const std::string& name, int version, const std::string& steps) {
  return "name: " + name + "\nversion: " + std::to_string(version) + "\nsteps:\n" + steps;
}

/// A workflow without a pivot, and one that has one.
std::string plain(const std::string& name, int version) {
  return workflow(name, version, "  - { name: a, " + std::string(kCall) + " }\n");
}
std::string with_pivot(const std::string& name, int version) {
  return workflow(name, version, "  - { name: hand_over, " + std::string(kCall) + ", pivot: true }\n");
}

/// One step a line, from line 4.
std::string parent(const std::vector<std::string>& steps) {
  std::string lines;
  for (const std::string& step : steps) lines += "  - { " + step + " }\n";
  return workflow("parent", 1, lines);
}

std::vector<WorkflowRef> loaded(const std::string& text) {
  auto all = load_workflows(text, "flow.yaml");
  if (!all) {
    ADD_FAILURE() << format_problem(all.error().front()) << "\n" << text;
    return {};
  }
  return std::move(*all);
}

/// What is said of `text` where `known` is registered.
std::vector<std::string> problems(const std::string& text, const std::vector<std::string>& known = {}) {
  std::vector<WorkflowRef> registered;
  for (const std::string& one : known) registered.push_back(loaded(one).front());
  const auto find = [&registered](std::string_view name, std::optional<std::int64_t> version) {
    WorkflowRef found;
    for (const WorkflowRef& one : registered) {
      if (one->name != name || (version && one->version != *version)) continue;
      if (!found || one->version > found->version) found = one;
    }
    return found;
  };
  std::vector<std::string> said;
  for (const ChildProblem& problem : check_children(loaded(text), find))
    said.push_back(format_problem(problem.problem));
  return said;
}

const std::string kFirst = "flow.yaml:4:22: error: ";  // Of `name: a, saga: …` in the first step.
const std::string kRegister = ": register it before this workflow, or together with it";

TEST(Children, AreRegisteredBeforeOrTogether) {
  EXPECT_THAT(problems(parent({"name: a, saga: child"}), {plain("child", 1)}), IsEmpty());
  EXPECT_THAT(problems(parent({"name: a, saga: child/1"}), {plain("child", 1), plain("child", 2)}), IsEmpty());
  EXPECT_THAT(problems(parent({"name: a, saga: child"}) + "---\n" + plain("child", 1)), IsEmpty());
  EXPECT_THAT(problems(plain("child", 3) + "---\n" + parent({"name: a, saga: child/3"})), IsEmpty());
  EXPECT_THAT(problems(parent({"name: a, saga: child/2"}) + "---\n" + plain("child", 2), {plain("child", 1)}),
              IsEmpty());
}

TEST(Children, OneThatIsNotThereIsRefusedWhereItIsNamed) {
  EXPECT_THAT(problems(parent({"name: a, saga: child"})),
              ElementsAre(kFirst + "there is no workflow 'child'" + kRegister));
  EXPECT_THAT(problems(parent({"name: a, saga: child/2"})),
              ElementsAre(kFirst + "there is no workflow 'child'" + kRegister));
  EXPECT_THAT(problems(parent({"name: a, saga: child/2"}), {plain("child", 1), plain("child", 3)}),
              ElementsAre(kFirst + "workflow 'child' has no version 2, the newest is 3" + kRegister));
  EXPECT_THAT(problems(parent({"name: a, saga: child/2"}) + "---\n" + plain("child", 4), {plain("child", 1)}),
              ElementsAre(kFirst + "workflow 'child' has no version 2, the newest is 4" + kRegister));
  EXPECT_THAT(problems(parent({"name: a, saga: one", "name: b, wait: 1s", "name: c, saga: two"})),
              ElementsAre(kFirst + "there is no workflow 'one'" + kRegister,
                          "flow.yaml:6:22: error: there is no workflow 'two'" + kRegister));
  EXPECT_THAT(problems(workflow("parent", 1,
                                "  - parallel:\n    - [ { name: a, saga: one } ]\n    - [ { name: b, wait: "
                                "1s } ]\n")),
              ElementsAre("flow.yaml:5:26: error: there is no workflow 'one'" + kRegister));
}

TEST(Children, OneMayRunItself) { EXPECT_THAT(problems(parent({"name: a, saga: parent, when: false"})), IsEmpty()); }

TEST(Children, OneWithAPivotIsThePivotOrComesAfterIt) {
  const std::string child = with_pivot("child", 1);
  EXPECT_THAT(problems(parent({"name: a, saga: child, pivot: true"}), {child}), IsEmpty());
  EXPECT_THAT(problems(parent({"name: p, service: s, action: /a, pivot: true", "name: a, saga: child"}), {child}),
              IsEmpty());
  EXPECT_THAT(
      problems(workflow("parent", 1,
                        "  - { name: p, service: s, action: /a, pivot: true }\n  - parallel: [[{ name: a, saga: "
                        "child }], [{ name: b, wait: 1s }]]\n"),
               {child}),
      IsEmpty());
  const std::string refused =
      "child/1 cannot be undone once its pivot 'hand_over' is done: only the pivot of this workflow ('pivot: true'), "
      "or "
      "a step after it, may run it";
  EXPECT_THAT(problems(parent({"name: a, saga: child"}), {child}), ElementsAre(kFirst + refused));
  EXPECT_THAT(problems(parent({"name: a, saga: child/1"}), {child}), ElementsAre(kFirst + refused));
  EXPECT_THAT(problems(parent({"name: a, saga: child", "name: p, service: s, action: /a, pivot: true"}), {child}),
              ElementsAre(kFirst + refused));
}

TEST(Children, WithoutAVersionTheNewestCounts) {
  const std::string text = parent({"name: a, saga: child"});
  EXPECT_THAT(problems(text, {with_pivot("child", 1), plain("child", 2)}), IsEmpty());
  EXPECT_THAT(problems(text, {plain("child", 1), with_pivot("child", 2)}),
              ElementsAre(testing::HasSubstr("child/2 cannot be undone")));
  EXPECT_THAT(problems(text + "---\n" + with_pivot("child", 2), {plain("child", 1)}),
              ElementsAre(testing::HasSubstr("child/2 cannot be undone")));
  EXPECT_THAT(problems(text + "---\n" + with_pivot("child", 1), {plain("child", 2)}), IsEmpty());
  EXPECT_THAT(problems(parent({"name: a, saga: child/1"}), {plain("child", 1), with_pivot("child", 2)}), IsEmpty());
}

TEST(ChildrenOffline, WhatIsNotInTheFilesIsAWarning) {
  const auto check =
      check_children_offline(loaded(parent({"name: a, saga: there", "name: b, saga: other", "name: c, saga: there/7"}) +
                                    "---\n" + plain("there", 1)));
  EXPECT_THAT(check.errors, IsEmpty());
  std::vector<std::string> warnings;
  for (const Problem& problem : check.warnings) warnings.push_back(format_problem(problem, "warning"));
  const std::string must = " is not in these files: it must be registered before this one, or together with it";
  EXPECT_THAT(warnings, ElementsAre("flow.yaml:5:22: warning: workflow 'other'" + must,
                                    "flow.yaml:6:22: warning: version 7 of workflow 'there'" + must));
}

TEST(ChildrenOffline, WhatTheFilesShowToBeWrongIsAnError) {
  const auto check =
      check_children_offline(loaded(parent({"name: a, saga: child"}) + "---\n" + with_pivot("child", 1)));
  EXPECT_THAT(check.warnings, IsEmpty());
  ASSERT_EQ(check.errors.size(), 1U);
  EXPECT_THAT(format_problem(check.errors[0]), testing::StartsWith(kFirst + "child/1 cannot be undone"));
}

}  // namespace
}  // namespace saga::workflows
