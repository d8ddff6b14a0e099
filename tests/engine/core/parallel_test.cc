// Parallel groups: branches that run at once, stop each other, and are undone at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

/// a, then {b, c} beside {d}, then e.
workflows::WorkflowRef diamond(std::string_view header = "") {
  return flow({step("a"), parallel({{step("b"), step("c")}, {step("d")}}), step("e")}, header);
}

/// `diamond` with b and d under way.
Driver in_branches(workflows::WorkflowRef workflow = diamond()) {
  Driver saga(std::move(workflow));
  saga.start();
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "call b #1", "call d #1"));
  return saga;
}

TEST(Parallel, BranchesBeginAtOnceAndTheGroupIsOverWhenAllAre) {
  Driver saga = in_branches();
  EXPECT_THAT(saga.answer("d", done()), ElementsAre("d done"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "call c #1"));
  EXPECT_THAT(saga.answer("c", done()), ElementsAre("c done", "call e #1"));
  EXPECT_THAT(saga.answer("e", done()), ElementsAre("e done", "completed"));
}

TEST(Parallel, ABranchRetriesWithoutHoldingUpTheOther) {
  Driver saga = in_branches();
  EXPECT_THAT(saga.answer("d", fault()), ElementsAre("d #1: 503 unknown, again in 1s"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "call c #1"));
  EXPECT_EQ(saga.due(), seconds(1));
  EXPECT_THAT(saga.when_due(), ElementsAre("call d #2"));
  EXPECT_TRUE(saga.step("c").action.open);
}

TEST(Parallel, BranchesSeeWhatEndedBeforeThemAndStepsAfterSeeAllOfThem) {
  Driver saga(flow({step("a"), parallel({{bare("b", "input: \"${ steps.a.output }\"")}, {bare("c")}}),
                    bare("d", "input: { b: \"${ steps.b.output }\", c: \"${ steps.c.output }\" }")}));
  saga.start();
  saga.answer("a", done("1"));
  EXPECT_EQ(saga.request("b").body, "1");
  saga.answer("c", done("3"));
  saga.answer("b", done("2"));
  EXPECT_EQ(saga.request("d").body, R"({"b":2,"c":3})");
}

TEST(Parallel, UndoingGoesThroughTheBranchesAtOnceEachInItsOwnReverseOrder) {
  Driver saga = in_branches();
  saga.answer("b", done());
  saga.answer("c", done());
  saga.answer("d", done());
  EXPECT_THAT(saga.answer("e", refused()),
              ElementsAre("e #1: 422 not_done", "e failed: 422 not_done", "turn back: 422", "undo c #1", "undo d #1"));
  EXPECT_THAT(saga.answer_undo("d", done()), ElementsAre("d undone"));
  EXPECT_THAT(saga.answer_undo("c", done()), ElementsAre("c undone", "undo b #1"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Parallel, AFailureStopsTheOtherBranchesFirst) {
  Driver saga = in_branches();
  EXPECT_THAT(saga.answer("b", refused()), ElementsAre("b #1: 422 not_done", "b failed: 422 not_done", "stop: 422"));
  EXPECT_EQ(saga.state().error->step, "b");
  EXPECT_FALSE(saga.due()) << "a call in flight is let finish";
  EXPECT_EQ(saga.allowed(), "suspend terminate");
  EXPECT_THAT(saga.answer("d", done()), ElementsAre("d done", "turn back: 422", "undo d #1")) << "and counts";
  EXPECT_THAT(saga.answer_undo("d", done()), ElementsAre("d undone", "undo a #1"));
}

TEST(Parallel, WhileItStopsNothingIsRetried) {
  Driver saga = in_branches();
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer("d", fault()),
              ElementsAre("d #1: 503 unknown", "d failed: 503 unknown", "turn back: 422", "undo d #1"));
}

TEST(Parallel, ARetryDelayInAnotherBranchEndsWithWhatItLeft) {
  Driver saga = in_branches();
  saga.answer("d", busy());
  EXPECT_THAT(saga.answer("b", refused()), ElementsAre("b #1: 422 not_done", "b failed: 422 not_done", "stop: 422",
                                                       "d failed: 429 not_done", "turn back: 422", "undo a #1"));
}

TEST(Parallel, WhatAnotherBranchWaitsForEnds) {
  Driver saga(flow({parallel({{bare("a")}, {wait_step("w")}, {signal_step("s")}, {step("t")}, {bare("n")}})}));
  saga.start();
  saga.answer("t", taken());
  saga.answer("n", no_instance());
  EXPECT_THAT(saga.answer("a", refused()),
              ElementsAre("a #1: 422 not_done", "a failed: 422 not_done", "stop: 422", "w failed: cancelled not_done",
                          "s failed: cancelled not_done", "t #1: cancelled unknown", "t failed: cancelled unknown",
                          "n failed: no_instance not_done", "turn back: 422", "undo t #1"));
}

TEST(Parallel, WithNothingElseUnderWayItTurnsBackAtOnce) {
  Driver saga = in_branches();
  saga.answer("d", done());
  EXPECT_THAT(saga.answer("b", refused()),
              ElementsAre("b #1: 422 not_done", "b failed: 422 not_done", "turn back: 422", "undo d #1"));
}

TEST(Parallel, ABestEffortStepDoesNotStopItsBranchOrTheOther) {
  Driver saga(flow({parallel({{step("a", "on_failure: continue"), step("b")}, {step("c")}})}));
  saga.start();
  EXPECT_THAT(saga.answer("a", refused()), ElementsAre("a #1: 422 not_done", "a failed: 422 not_done", "call b #1"));
  saga.answer("b", done());
  EXPECT_THAT(saga.answer("c", done()), ElementsAre("c done", "completed"));
}

TEST(Parallel, AFailureThatSuspendsLetsCallsInFlightBeRecorded) {
  Driver saga(flow({parallel({{step("a", "on_failure: suspend")}, {step("b"), step("c")}})}));
  saga.start();
  EXPECT_THAT(saga.answer("a", refused()), Contains("suspended: step_failed"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done")) << "nothing follows";
  EXPECT_THAT(saga.retry("a"), ElementsAre("retried a", "call a #2", "call c #1"));
}

TEST(Parallel, OfTwoThatSuspendedOneMayBeRetriedAlone) {
  Driver saga(flow({parallel({{step("a", "on_failure: suspend")}, {step("b", "on_failure: suspend")}})}));
  saga.start();
  saga.answer("a", refused());
  saga.answer("b", refused());
  EXPECT_THAT(saga.retry("a"), ElementsAre("retried a", "call a #2", "suspended: step_failed")) << "b is still stuck";
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed b", "call b #2"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "completed"));
}

TEST(Parallel, ResumeCallsAgainAllThatIsStuck) {
  Driver saga(flow({parallel({{step("a", "on_failure: suspend")}, {step("b", "on_failure: suspend")}})}));
  saga.start();
  saga.answer("a", refused());
  saga.answer("b", refused());
  EXPECT_EQ(stuck_calls(saga.workflow(), saga.state()).size(), 2U);
  EXPECT_THAT(saga.resume(), ElementsAre("resumed a, b", "call a #2", "call b #2"));
}

TEST(Parallel, PastThePivotAFailedBranchSuspends) {
  Driver saga(flow({step("p", "pivot: true"), parallel({{bare("a")}, {bare("b")}})}));
  saga.start();
  saga.answer("p", done());
  EXPECT_THAT(saga.answer("a", refused()), Contains("suspended: step_failed"));
  EXPECT_EQ(saga.allowed(), "resume retry skip terminate");
}

TEST(Parallel, TheGroupsWhenSkipsEveryStepOfIt) {
  Driver saga(flow({parallel({{step("a"), step("b")}, {step("c")}}, {"when: \"${ input.go }\""}), step("d")}));
  EXPECT_THAT(saga.start({{"go", false}}),
              ElementsAre("accepted", "started", "a skipped", "b skipped", "c skipped", "call d #1"));
  Driver gone(flow({parallel({{step("a"), step("b")}, {step("c")}}, {"when: \"${ input.go }\""}), step("d")}));
  EXPECT_THAT(gone.start({{"go", true}}), ElementsAre("accepted", "started", "call a #1", "call c #1"));
}

TEST(Parallel, AnErrorInTheGroupsWhenFailsEveryStepOfIt) {
  Driver saga(flow({step("z"), parallel({{step("a")}, {step("b", "on_failure: continue")}}, {"when: \"${ 7 }\""})}));
  saga.start();
  EXPECT_THAT(saga.answer("z", done()),
              ElementsAre("z done", "a failed: expression_error not_done", "b failed: expression_error not_done",
                          "turn back: expression_error", "undo z #1"));
  EXPECT_THAT(saga.step("a").failure->message, HasSubstr("parallel_1"));
  Driver passable(flow(
      {parallel({{bare("a", "on_failure: continue")}, {bare("b", "on_failure: continue")}}, {"when: \"${ 7 }\""})}));
  EXPECT_THAT(passable.start(), Contains("completed")) << "a group of best effort";
}

TEST(Parallel, GroupsNest) {
  Driver saga(flow({parallel({{parallel({{step("a")}, {step("b")}}), step("c")}, {step("d")}}), step("e")}));
  EXPECT_THAT(saga.start(), ElementsAre("accepted", "started", "call a #1", "call b #1", "call d #1"));
  saga.answer("d", done());
  saga.answer("a", done());
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "call c #1"));
  saga.answer("c", done());
  EXPECT_THAT(saga.answer("e", refused()), Contains("undo d #1"));
  EXPECT_THAT(saga.answer_undo("c", done()), ElementsAre("c undone", "undo a #1", "undo b #1"));
}

TEST(Parallel, ACancelLetsEveryCallInFlightFinish) {
  Driver saga = in_branches();
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done"));
  EXPECT_THAT(saga.answer("d", refused()),
              ElementsAre("d #1: 422 not_done", "d failed: 422 not_done", "turn back: cancelled", "undo b #1"));
}

TEST(Parallel, TheDeadlineStopsAllBranches) {
  Driver saga = in_branches(diamond("deadline: 1m"));
  saga.answer("b", done());
  EXPECT_THAT(saga.after(minutes(1)), ElementsAre("stop: deadline_exceeded"));
  saga.answer("c", done());
  EXPECT_THAT(saga.answer("d", done()),
              ElementsAre("d done", "turn back: deadline_exceeded", "undo c #1", "undo d #1"));
}

TEST(Parallel, ACrashLosesEveryCallInFlight) {
  Driver saga = in_branches();
  EXPECT_THAT(saga.recover(),
              UnorderedElementsAre("b #1: connection_lost unknown uncounted, again in 0s",
                                   "d #1: connection_lost unknown uncounted, again in 0s", "call b #2", "call d #2"));
}

TEST(Parallel, EachBranchWaitsForItsOwnService) {
  Driver saga = in_branches();
  saga.answer("b", no_instance());
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_THAT(saga.answer("d", fault()), Not(Contains("call b #1"))) << "d's end says nothing of b's service";
  saga.recover();
  EXPECT_TRUE(saga.step("b").action.open) << "after a restart every service is asked after again";
}

TEST(Parallel, AFailedCompensationInABranchDoesNotHoldUpTheOther) {
  Driver saga = in_branches();
  saga.answer("b", done());
  saga.answer("d", done());
  saga.answer("c", refused());
  EXPECT_THAT(saga.answer_undo("b", final_fault()), ElementsAre("undoing b #1: 503 unknown", "b not undone: 503"));
  EXPECT_THAT(saga.answer_undo("d", done()), ElementsAre("d undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "failed: b not undone"));
  EXPECT_THAT(saga.retry(), ElementsAre("retried undoing b", "undo b #2"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "compensated"));
}

TEST(Parallel, ACompensationThatSuspendsStopsTheOtherBranchToo) {
  Driver saga = in_branches(diamond("on_compensation_failure: suspend"));
  saga.answer("b", done());
  saga.answer("c", done());
  saga.answer("d", done());
  saga.answer("e", refused());
  EXPECT_THAT(saga.answer_undo("d", final_fault()), Contains("suspended: compensation_failed"));
  EXPECT_THAT(saga.answer_undo("c", done()), ElementsAre("c undone")) << "nothing follows";
  EXPECT_THAT(saga.resume(), ElementsAre("resumed undoing d", "undo b #1", "undo d #2"));
}

TEST(Parallel, WhatAnOperatorRetriesOfLaterStepsWaitsForCallsInFlightAndGoesFirst) {
  Driver saga(flow({parallel({{step("a")}, {step("b")}}), step("c"), bare("d")}));
  saga.start();
  for (const char* name : {"a", "b", "c"}) saga.answer(name, done());
  saga.answer("d", refused());
  saga.answer_undo("c", final_fault());  // Not undone; a and b are under way.
  saga.answer_undo("a", fault());        // Again in 10s.
  saga.suspend();
  EXPECT_THAT(saga.retry("c"), ElementsAre("retried undoing c")) << "b is in flight";
  EXPECT_THAT(saga.after(seconds(10)), IsEmpty()) << "and a begins nothing more";
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo c #2"));
  EXPECT_THAT(saga.answer_undo("c", done()), ElementsAre("c undone", "undo a #2"));
}

TEST(Suspension, WhatFailedMeanwhileAndWouldSuspendAgainIsCalledAgainByOneResume) {
  Driver saga(flow({step("a", "on_failure: suspend"), step("b")}));
  saga.start();
  saga.suspend();
  saga.answer("a", refused());
  EXPECT_THAT(saga.resume(), ElementsAre("resumed a", "call a #2"));
  Driver back(flow({step("a"), step("b")}));
  back.start();
  back.answer("a", done());
  back.suspend();
  back.answer("b", refused());
  EXPECT_THAT(back.resume(), ElementsAre("resumed", "turn back: 422", "undo a #1")) << "this one turns back";
}

}  // namespace
}  // namespace saga::core
