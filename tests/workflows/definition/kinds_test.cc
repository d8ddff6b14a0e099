// Parallel groups, waits, signals and child sagas: what each may say, with the plan that comes of it, and each rule
// broken once with the whole message and where it points.
#include <gmock/gmock.h>

#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Two calls and what stands between them: it begins in line 5, its keys in column 5.
std::string between(const std::string& step) {
  return "name: w\nversion: 1\nsteps:\n  - { name: first, service: s, action: /a }\n  - " + step +
         "\n  - { name: last, service: s, action: /a }\n";
}

/// The plan as one line: "a b parallel_1(c d | e) f".
std::string shown(const Workflow& workflow, const Sequence& sequence) {
  std::string line;
  for (const PlanNode& node : sequence) {
    if (!line.empty()) line += ' ';
    if (node.step) {
      line += workflow.steps.at(*node.step).name;
      continue;
    }
    line += node.name + (node.when ? "?(" : "(");
    for (std::size_t i = 0; i < node.branches.size(); ++i)
      line += (i == 0 ? "" : " | ") + shown(workflow, node.branches[i]);
    line += ")";
  }
  return line;
}

std::string plan_of(const std::string& text) {
  const WorkflowRef workflow = load_one(text);
  return workflow ? shown(*workflow, workflow->plan) : "";
}

std::string call(const std::string& name) { return "{ name: " + name + ", service: s, action: /a }"; }

void expect_refused(const std::string& step, const std::string& problem) {
  EXPECT_THAT(problems_of(between(step)), ElementsAre(problem)) << step;
}

TEST(Plan, StepsAloneAreTheirOrder) { EXPECT_EQ(plan_of(between(call("middle"))), "first middle last"); }

TEST(Plan, AGroupHasItsBranches) {
  const std::string two = "parallel:\n      - - " + call("a") + "\n        - " + call("b") + "\n      - - " + call("c");
  EXPECT_EQ(plan_of(between(two)), "first parallel_1(a b | c) last");
  EXPECT_EQ(plan_of(between(two + "\n    name: both")), "first both(a b | c) last");
  EXPECT_EQ(plan_of(between(two + "\n    when: ${ input.x }")), "first parallel_1?(a b | c) last");
  EXPECT_EQ(plan_of(between("parallel: [[" + call("a") + "]]")), "first parallel_1(a) last");
}

TEST(Plan, StepsKeepTheOrderOfTheFile) {
  const WorkflowRef workflow =
      load_one(between("parallel: [[" + call("a") + ", " + call("b") + "], [" + call("c") + "]]"));
  ASSERT_TRUE(workflow);
  std::string names;
  for (const Step& step : workflow->steps) names += step.name + " ";
  EXPECT_EQ(names, "first a b c last ");
}

TEST(Plan, GroupsStandInGroupsAndAreCountedInTheOrderOfTheFile) {
  const std::string inner = "{ parallel: [[" + call("b") + "], [" + call("c") + "]] }";
  EXPECT_EQ(plan_of(between("parallel: [[" + call("a") + ", " + inner + "], [" + call("d") + "]]\n  - parallel: [[" +
                            call("e") + "]]")),
            "first parallel_1(a parallel_2(b | c) | d) parallel_3(e) last");
  std::string deep = call("x");
  for (int depth = 0; depth < 4; ++depth) deep = "{ parallel: [[" + deep + "]] }";
  EXPECT_EQ(plan_of(between(deep)), "first parallel_1(parallel_2(parallel_3(parallel_4(x)))) last");
  deep = "{ parallel: [[" + deep + "]] }";
  EXPECT_THAT(problems_of(between(deep)),
              ElementsAre("5:61: parallel groups stand at most 4 deep in each other: run a part of this as a child "
                          "saga, 'saga: NAME'"));
}

TEST(Plan, AGroupHasAtMost32Branches) {
  std::string branches;
  for (int i = 0; i < 32; ++i) branches += "\n      - [" + call("b" + std::to_string(i)) + "]";
  const WorkflowRef workflow = load_one(between("parallel:" + branches));
  ASSERT_TRUE(workflow);
  EXPECT_EQ(workflow->plan.at(1).branches.size(), 32U);
  expect_refused("parallel:" + branches + "\n      - [" + call("more") + "]",
                 "38:9: a parallel group has at most 32 branches, but this one has 33");
}

TEST(Plan, StepsInBranchesCount) {
  std::string branch;
  for (int i = 0; i < 998; ++i) branch += "\n        - " + call("b" + std::to_string(i));
  const std::string group = "parallel:\n      -" + branch;
  EXPECT_EQ(load_one(between(group))->steps.size(), 1'000U);
  EXPECT_THAT(problems_of(between(group + "\n        - " + call("more"))),
              ElementsAre("1006:5: a workflow has at most 1000 steps, but this one has 1001"));
}

TEST(Plan, WhatIsNoListOfListsIsRefused) {
  const std::string branches = "'parallel' must be a list of branches, each a list of steps, but it is ";
  const std::string branch = "a branch of 'parallel' must be a list of at least one step, but it is ";
  expect_refused("parallel: []", "5:15: " + branches + "empty");
  expect_refused("parallel:", "5:5: " + branches + "empty (null)");
  expect_refused("parallel: a", "5:15: " + branches + "the text 'a'");
  expect_refused("parallel: { a: [] }", "5:15: " + branches + "a mapping");
  expect_refused("parallel: [[]]", "5:16: " + branch + "empty");
  expect_refused("parallel: [[" + call("a") + "], 5]", "5:55: " + branch + "the number 5");
  expect_refused("parallel:\n      - " + call("a") + "\n      - [" + call("b") + "]",
                 "6:9: " + branch + "a mapping: write [ { name: … } ], or begin it with '- -'");
  expect_refused("parallel: [[a]]",
                 "5:17: a step must be a mapping with name, service and action, but it is the text 'a'");
}

TEST(Plan, AGroupSaysOnlyNameAndWhen) {
  const std::string group = "parallel: [[" + call("a") + "]]\n    ";
  const auto refused = [&](const std::string& line, const std::string& why) {
    const std::string key = line.substr(0, line.find(':'));
    expect_refused(group + line, "6:5: '" + key + "' has no place in a 'parallel' group: " + why +
                                     " (a 'parallel' group has name, parallel, when)");
  };
  const std::string one_thing = "a step is one thing, so make two steps of it";
  const std::string give = "a group calls nobody itself; give it to the steps in its branches";
  refused("service: s", one_thing);
  refused("url: http://h", one_thing);
  refused("action: /a", one_thing);
  refused("wait: 1s", one_thing);
  refused("signal: paid", one_thing);
  refused("saga: other", one_thing);
  refused("compensation: /b", "a group is undone by the compensations of its steps");
  refused("compensation_retry: {}", give);
  refused("input: 1", give);
  refused("error_code: x", give);
  refused("timeout: 1s", give);
  refused("total_timeout: 1s", give);
  refused("retry: {}", give);
  refused("on_failure: continue", "each step in its branches says its own");
  refused("pivot: true", "a group cannot be the pivot; mark a step before or after it");
  expect_refused(group + "whenn: true",
                 "6:5: unknown key 'whenn': did you mean 'when'? (a 'parallel' group has name, parallel, when)");
  expect_refused(
      group + "deadline: 1s",
      "6:5: unknown key 'deadline': it belongs in the workflow; a 'parallel' group has name, parallel, when");
}

TEST(Plan, NamesAreThereOnce) {
  const std::string group = "parallel: [[" + call("a") + "], [" + call("b") + "]]";
  expect_refused("parallel: [[" + call("a") + "], [" + call("a") + "]]",
                 "5:64: step name 'a' is there twice: the first stands in line 5");
  expect_refused("parallel: [[" + call("last") + "]]",
                 "6:13: step name 'last' is there twice: the first stands in line 5");
  expect_refused(group + "\n    name: a", "6:11: group name 'a' is there twice: the first stands in line 5");
  expect_refused(group + "\n    name: Both",
                 "6:11: 'name' must be a name of the form [a-z][a-z0-9_]*, at most 48 characters, but it is the text "
                 "'Both'");
  expect_refused(group + "\n  - " + call("parallel_1"),
                 "6:13: 'parallel_1' is what the parallel group in line 5 is called, which has no 'name': choose "
                 "another name, or give it one");
}

TEST(Plan, NoPivotStandsInABranch) {
  const std::string refused =
      ": a pivot cannot stand inside 'parallel', where other branches are still under way: mark a step before or after "
      "the group";
  expect_refused("parallel: [[{ name: a, service: s, action: /a, pivot: true }], [" + call("b") + "]]",
                 "5:59" + refused);
  expect_refused("parallel: [[{ name: a, saga: other, pivot: true }]]", "5:48" + refused);
  const WorkflowRef workflow = load_one(between("parallel: [[" + call("a") + "], [" + call("b") +
                                                "]]\n  - { name: p, service: s, action: /a, pivot: "
                                                "true }\n  - parallel: [[" +
                                                call("c") + "], [" + call("d") + "]]"));
  ASSERT_TRUE(workflow);
  EXPECT_EQ(workflow->pivot, 3U);
  EXPECT_EQ(shown(*workflow, workflow->plan), "first parallel_1(a | b) p parallel_2(c | d) last");
}

/// A group of two branches, [a, b] and [c, d], with `input` in each step, and a step after it.
std::string reading(const std::string& in_a, const std::string& in_b, const std::string& in_c,
                    const std::string& after) {
  const auto step = [](const std::string& name, const std::string& read) {
    return "{ name: " + name + ", service: s, action: /a" + (read.empty() ? "" : ", input: '${ " + read + " }'") + " }";
  };
  return between("parallel:\n      - - " + step("a", in_a) + "\n        - " + step("b", in_b) + "\n      - - " +
                 step("c", in_c) + "\n  - " + step("after", after));
}

TEST(PlanVisibility, ABranchReadsWhatEndedBeforeTheGroupAndItsOwn) {
  EXPECT_THAT(problems_of(reading("steps.first.output", "steps.a.output", "steps.first.output", "")), IsEmpty());
}

TEST(PlanVisibility, AfterTheGroupAllOfItIsRead) {
  EXPECT_THAT(
      problems_of(reading("", "", "", "steps.first.output or steps.a.output or steps.b.output or steps.c.status")),
      IsEmpty());
  EXPECT_THAT(problems_of(reading("", "", "", "") + "output: '${ steps.b.output or steps.last.output }'\n"), IsEmpty());
}

TEST(PlanVisibility, NoBranchReadsAnother) {
  const auto beside = [](const std::string& step) {
    return "step '" + step + "' runs at the same time, in another branch: it can be read after the group";
  };
  const auto later = [](const std::string& step) {
    return "step '" + step + "' has not ended by the time this is read";
  };
  EXPECT_THAT(problems_of(reading("", "", "steps.a.output", "")), ElementsAre("8:63: " + beside("a")));
  EXPECT_THAT(problems_of(reading("steps.c.output", "", "", "")), ElementsAre("6:63: " + beside("c")));
  EXPECT_THAT(problems_of(reading("", "steps.c.output", "", "")), ElementsAre("7:63: " + beside("c")));
  EXPECT_THAT(problems_of(reading("steps.b.output", "", "", "")), ElementsAre("6:63: " + later("b")));
  EXPECT_THAT(problems_of(reading("steps.a.output", "", "", "")), ElementsAre("6:63: " + later("a")));
  EXPECT_THAT(problems_of(reading("", "", "steps.last.output", "")), ElementsAre("8:63: " + later("last")));
  EXPECT_THAT(problems_of(reading("", "", "", "steps.last.output")), ElementsAre("9:61: " + later("last")));
}

TEST(PlanVisibility, InnerGroupsSeeTheirOwnBranchOnly) {
  const auto text = [](const std::string& read) {
    return between("parallel:\n      - - " + call("a") +
                   "\n        - parallel:\n          - [ { name: b, service: s, "
                   "action: /a, input: '${ steps." +
                   read + ".output }' } ]\n          - [ " + call("c") + " ]\n        - " + call("d") + "\n      - - " +
                   call("e"));
  };
  EXPECT_THAT(problems_of(text("first")), IsEmpty());
  EXPECT_THAT(problems_of(text("a")), IsEmpty());
  for (const std::string other : {"c", "e"}) {
    EXPECT_THAT(problems_of(text(other)),
                ElementsAre("8:67: step '" + other +
                            "' runs at the same time, in another branch: it can be read after the group"));
  }
  EXPECT_THAT(problems_of(text("d")), ElementsAre("8:67: step 'd' has not ended by the time this is read"));
}

TEST(PlanVisibility, TheConditionOfAGroupSeesWhatEndedBeforeIt) {
  const std::string group = "parallel: [[" + call("a") + "]]\n    when: ";
  EXPECT_THAT(problems_of(between(group + "${ steps.first.output.x }")), IsEmpty());
  EXPECT_THAT(problems_of(between(group + "true")), IsEmpty());
  expect_refused(group + "${ steps.a.output.x }", "6:20: step 'a' has not ended by the time this is read");
  expect_refused(
      group + "yes",
      "6:11: 'when' must be one expression, such as \"${ input.amount >= 1000 }\", but it is the text 'yes'");
}

TEST(PlanVisibility, AGroupHasNoOutput) {
  const std::string problem = " is a parallel group, which has no output of its own: read that of its steps";
  const std::string group = "parallel: [[" + call("a") + "]]\n    name: both";
  EXPECT_THAT(problems_of(between(group) + "output: ${ steps.both.output }\n"), ElementsAre("8:18: 'both'" + problem));
}

TEST(Kinds, AWait) {
  const WorkflowRef workflow = load_one(between("name: pause\n    wait: 1h30m\n    when: ${ input.slow }"));
  ASSERT_TRUE(workflow);
  const Step& step = workflow->steps.at(1);
  EXPECT_EQ(step.kind, StepKind::kWait);
  EXPECT_EQ(step.wait, Millis{5'400'000});
  EXPECT_TRUE(step.when);
  EXPECT_EQ(step.service, "");
  EXPECT_EQ(shown(*workflow, workflow->plan), "first pause last");
}

TEST(Kinds, WhatAWaitMayNotSay) {
  const auto refused = [](const std::string& line, const std::string& why) {
    const std::string key = line.substr(0, line.find(':'));
    expect_refused("name: pause\n    wait: 1s\n    " + line, "7:5: '" + key + "' has no place in a 'wait' step: " +
                                                                 why + " (a 'wait' step has name, wait, when)");
  };
  const std::string one_thing = "a step is one thing, so make two steps of it";
  refused("service: s", one_thing);
  refused("url: http://h", one_thing);
  refused("action: /a", one_thing);
  refused("signal: paid", one_thing);
  refused("saga: other", one_thing);
  refused("compensation: /b", "there is nothing to undo about time that has passed");
  refused("compensation_retry: {}", "there is nothing to undo about time that has passed");
  refused("input: 1", "a wait is sent nothing");
  refused("error_code: x", "a wait calls nobody, so there is no answer to read");
  refused("timeout: 1s", "'wait' says how long it takes");
  refused("total_timeout: 1s", "'wait' says how long it takes");
  refused("retry: {}", "a wait does not fail");
  refused("on_failure: continue", "a wait does not fail");
  refused("pivot: true", "a wait does nothing that cannot be taken back; mark a call or a child saga");
  const std::string duration = "'wait' must be a duration such as 250ms, 2s or 1h30m, but it is ";
  expect_refused("wait: 30\n    name: pause", "5:11: " + duration + "the number 30");
  expect_refused("wait:\n    name: pause", "5:5: " + duration + "empty (null)");
  expect_refused("wait: 0s\n    name: pause",
                 "5:11: 'wait': '0s' is not a duration: expected a number and a unit (ms, s, m, h, d), such as 250ms, "
                 "2s or 1h30m");
  expect_refused("wait: 4000d\n    name: pause", "5:11: 'wait': '4000d' is too long: at most 3650d");
  expect_refused("wait: 1s", "5:5: the step has no 'name'");
}

TEST(Kinds, ASignal) {
  const WorkflowRef workflow =
      load_one(between("name: approval\n    signal: approved-by_2\n    timeout: 1d\n    when: true\n    on_failure: "
                       "continue\n  - { name: "
                       "open_end, signal: s }"));
  ASSERT_TRUE(workflow);
  const Step& step = workflow->steps.at(1);
  EXPECT_EQ(step.kind, StepKind::kSignal);
  EXPECT_EQ(step.signal, "approved-by_2");
  EXPECT_EQ(step.signal_timeout, Millis{86'400'000});
  EXPECT_EQ(step.on_failure, OnFailure::kContinue);
  EXPECT_TRUE(step.when);
  EXPECT_EQ(workflow->steps.at(2).signal_timeout, std::nullopt);
  EXPECT_EQ(workflow->steps.at(2).on_failure, OnFailure::kCompensate);
}

TEST(Kinds, TheDefaultTimeoutIsNoneOfASignal) {
  const WorkflowRef workflow =
      load_one("name: w\nversion: 1\ndefaults: { timeout: 1s }\nsteps: [{ name: a, signal: a }]\n");
  ASSERT_TRUE(workflow);
  EXPECT_EQ(workflow->steps.at(0).signal_timeout, std::nullopt);
}

TEST(Kinds, WhatASignalMayNotSay) {
  const auto refused = [](const std::string& line, const std::string& why) {
    const std::string key = line.substr(0, line.find(':'));
    expect_refused("name: approval\n    signal: paid\n    " + line,
                   "7:5: '" + key + "' has no place in a 'signal' step: " + why +
                       " (a 'signal' step has name, signal, timeout, when, on_failure)");
  };
  const std::string one_thing = "a step is one thing, so make two steps of it";
  refused("service: s", one_thing);
  refused("url: http://h", one_thing);
  refused("action: /a", one_thing);
  refused("wait: 1s", one_thing);
  refused("saga: other", one_thing);
  refused("compensation: /b",
          "a signal calls nobody, so there is nothing to undo; give it to the call that acts on the signal");
  refused("compensation_retry: {}", "a signal calls nobody, so there is nothing to undo");
  refused("input: 1", "a signal is sent nothing; what comes with it is its output");
  refused("error_code: x", "a signal calls nobody, so there is no answer to read");
  refused("total_timeout: 1s", "'timeout' says how long a signal is awaited");
  refused("retry: {}", "a signal is awaited once, for as long as 'timeout' says");
  refused("pivot: true",
          "a signal does nothing that cannot be taken back; mark the call or the child saga that follows");
  const std::string name = "'signal' must be a name of the form [a-z][a-z0-9_-]*, at most 64 characters, but it is ";
  expect_refused("signal: Paid\n    name: a", "5:13: " + name + "the text 'Paid'");
  expect_refused("signal: 1paid\n    name: a", "5:13: " + name + "the text '1paid'");
  expect_refused("signal: pa.id\n    name: a", "5:13: " + name + "the text 'pa.id'");
  expect_refused("signal: ''\n    name: a", "5:13: " + name + "the text ''");
  expect_refused("signal: " + std::string(65, 'a') + "\n    name: a",
                 "5:13: " + name + "the text '" + std::string(64, 'a') + "…'");
  expect_refused("signal: 5\n    name: a", "5:13: 'signal' must be a text, but it is the number 5: write it in quotes");
  expect_refused("signal:\n    name: a", "5:5: 'signal' must be a text, but it is empty (null)");
  expect_refused("signal: paid", "5:5: the step has no 'name'");
  EXPECT_TRUE(load_one(between("signal: " + std::string(64, 'a') + "\n    name: a")));
}

TEST(Kinds, ASignalIsForOneStep) {
  expect_refused("{ name: a, signal: paid }\n  - { name: b, signal: paid }",
                 "6:24: signal 'paid' has a step already (line 5): a signal is for one step, so give this one another "
                 "name");
  expect_refused("parallel: [[{ name: a, signal: paid }], [{ name: b, signal: paid }]]",
                 "5:65: signal 'paid' has a step already (line 5): a signal is for one step, so give this one another "
                 "name");
}

TEST(Kinds, AChildSaga) {
  const WorkflowRef workflow = load_one(between(
      "name: ship\n    saga: ship-parcel/12\n    input: { id: \"${ steps.first.output.id }\" }\n    when: true\n"
      "    pivot: true\n    on_failure: suspend\n  - { name: newest, saga: 1_other }"));
  ASSERT_TRUE(workflow);
  const Step& step = workflow->steps.at(1);
  EXPECT_EQ(step.kind, StepKind::kSaga);
  EXPECT_EQ(step.child_workflow, "ship-parcel");
  EXPECT_EQ(step.child_version, 12);
  EXPECT_EQ(step.child_at.line, 6U);
  EXPECT_EQ(step.child_at.column, 11U);
  EXPECT_TRUE(step.child_input);
  EXPECT_TRUE(step.when);
  EXPECT_TRUE(step.pivot);
  EXPECT_EQ(workflow->pivot, 1U);
  EXPECT_EQ(step.on_failure, OnFailure::kSuspend);
  const Step& newest = workflow->steps.at(2);
  EXPECT_EQ(newest.child_workflow, "1_other");
  EXPECT_EQ(newest.child_version, std::nullopt);
  EXPECT_FALSE(newest.child_input);
}

TEST(Kinds, WhatAChildSagaMayNotSay) {
  const auto refused = [](const std::string& line, const std::string& why) {
    const std::string key = line.substr(0, line.find(':'));
    expect_refused("name: ship\n    saga: other\n    " + line,
                   "7:5: '" + key + "' has no place in a 'saga' step: " + why +
                       " (a 'saga' step has name, saga, input, when, pivot, on_failure)");
  };
  const std::string one_thing = "a step is one thing, so make two steps of it";
  const std::string deadline = "a child saga takes its time; limit it by the 'deadline' of its workflow";
  refused("service: s", one_thing);
  refused("url: http://h", one_thing);
  refused("action: /a", one_thing);
  refused("wait: 1s", one_thing);
  refused("signal: paid", one_thing);
  refused("compensation: /b", "a child saga is undone by its own compensations");
  refused("compensation_retry: {}",
          "a child saga is undone by its own compensations, which its workflow says how to retry");
  refused("error_code: x", "a child saga is no call: whether it failed, its own end says");
  refused("timeout: 1s", deadline);
  refused("total_timeout: 1s", deadline);
  refused("retry: {}", "a child saga is started once; its own steps are retried as its workflow says");
  expect_refused("name: ship\n    saga: other\n    version: 2",
                 "7:5: unknown key 'version': it belongs in the workflow; a 'saga' step has name, saga, input, when, "
                 "pivot, on_failure");
  expect_refused("name: ship\n    saga: other\n    pivot: true\n    on_failure: continue",
                 "8:17: a pivot cannot have 'on_failure: continue': what follows it relies on it; expected compensate "
                 "or suspend");
  expect_refused("name: ship\n    saga: other\n    input: ${ steps.last.output }",
                 "7:21: step 'last' has not ended by the time this is read");
  expect_refused("saga: other", "5:5: the step has no 'name'");
}

TEST(Kinds, TheNameOfAChildSaga) {
  const std::string expected =
      "5:11: 'saga' must be the name of a workflow, with or without its version, such as book-trip or book-trip/2, but "
      "it is the text ";
  for (const std::string name : {"Other", "other/0", "other/-1", "other/x", "other/", "/1", "other/1/2", "other/01",
                                 "other/1.5", "other/9223372036854775808", "a b", "${ input.x }"}) {
    expect_refused("saga: '" + name + "'\n    name: a", expected + "'" + name + "'");
  }
  expect_refused("saga: ''\n    name: a", expected + "''");
  expect_refused("saga: 5\n    name: a", "5:11: 'saga' must be a text, but it is the number 5: write it in quotes");
  expect_refused("saga:\n    name: a", "5:5: 'saga' must be a text, but it is empty (null)");
  EXPECT_EQ(load_one(between("saga: o/9223372036854775807\n    name: a"))->steps.at(1).child_version,
            9'223'372'036'854'775'807);
}

TEST(Kinds, StandInBranchesToo) {
  EXPECT_EQ(plan_of(between("parallel: [[{ name: a, wait: 1s }], [{ name: b, signal: b }], [{ name: c, saga: o }]]")),
            "first parallel_1(a | b | c) last");
}

TEST(Kinds, HabitsAreUnderstood) {
  for (const auto& [written, meant] : {std::pair{"sleep", "wait"},
                                       {"delay", "wait"},
                                       {"branches", "parallel"},
                                       {"event", "signal"},
                                       {"workflow", "saga"}}) {
    EXPECT_THAT(problems_of(between("name: a\n    " + std::string(written) + ": x")),
                testing::Contains(testing::StartsWith("6:5: unknown key '" + std::string(written) +
                                                      "': did you mean '" + meant + "'?")));
  }
}

TEST(Kinds, OutsideTheStepsTheyBelongInAStep) {
  for (const std::string key : {"parallel", "wait", "signal", "saga"}) {
    EXPECT_THAT(
        problems_of(key + ": x\n" + between(call("a"))),
        ElementsAre(testing::StartsWith("1:1: unknown key '" + key + "': it belongs in a step; a workflow has")));
  }
}

}  // namespace
}  // namespace saga::workflows
