// The pivot: before it a saga goes back, past it only forward, and what happens where nobody knows.
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

const JsonRef kOutput = share(Json{{"shipment", 7}});

workflows::WorkflowRef with_undo(std::string_view header = "") {
  return flow({step("a"), step("p", "pivot: true"), step("z")}, header);
}
workflows::WorkflowRef without_undo(std::string_view header = "") {
  return flow({step("a"), bare("p", "pivot: true"), step("z")}, header);
}

/// A saga whose pivot is under way.
Driver at_pivot(workflows::WorkflowRef workflow) {
  Driver saga(std::move(workflow));
  saga.start();
  saga.answer("a", done());
  return saga;
}

Driver past_pivot(workflows::WorkflowRef workflow) {
  Driver saga = at_pivot(std::move(workflow));
  saga.answer("p", done());
  return saga;
}

/// One that is suspended since nobody knows whether its pivot happened, and nothing can undo it.
Driver in_doubt(workflows::WorkflowRef workflow = without_undo()) {
  Driver saga = at_pivot(std::move(workflow));
  saga.answer("p", final_fault());
  return saga;
}

/// One that is suspended since its pivot is unknown and the pivot's own compensation failed.
Driver in_doubt_after_undo() {
  Driver saga = at_pivot(with_undo());
  saga.answer("p", final_fault());
  saga.answer_undo("p", final_fault());
  return saga;
}

TEST(Pivot, NotDoneCompensates) {
  Driver saga = at_pivot(with_undo());
  EXPECT_THAT(saga.answer("p", refused()),
              ElementsAre("p #1: 422 not_done", "p failed: 422 not_done", "turn back: 422", "undo a #1"));
}

TEST(Pivot, UnknownRunsItsOwnCompensationFirst) {
  Driver saga = at_pivot(with_undo());
  EXPECT_THAT(saga.answer("p", final_fault()),
              ElementsAre("p #1: 503 unknown", "p failed: 503 unknown", "turn back: 503", "undo p #1"));
  EXPECT_EQ(saga.header("p", Phase::kCompensation, "Saga-Outcome"), "unknown");
  EXPECT_THAT(saga.answer_undo("p", done()), ElementsAre("p undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Pivot, UnknownWithoutACompensationSuspends) {
  Driver saga = at_pivot(without_undo());
  EXPECT_THAT(saga.answer("p", final_fault()),
              ElementsAre("p #1: 503 unknown", "p failed: 503 unknown", "suspended: pivot_unknown"));
  EXPECT_EQ(saga.state().error->code, "pivot_unknown");
  EXPECT_EQ(saga.state().error->step, "p");
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_EQ(stuck[0].step, "p");
  EXPECT_EQ(stuck[0].code, "pivot_unknown");
}

TEST(Pivot, UnknownWhoseCompensationFailsSuspendsAndNothingElseIsUndone) {
  Driver saga = at_pivot(with_undo());
  saga.answer("p", final_fault());
  EXPECT_THAT(saga.answer_undo("p", final_fault()),
              ElementsAre("undoing p #1: 503 unknown", "p not undone: 503", "suspended: pivot_unknown"));
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  EXPECT_EQ(saga.step("a").undo, CompensationStatus::kPending);
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_EQ(stuck[0].code, "pivot_unknown");
}

TEST(PivotUnknown, RetryCallsThePivotAgainAndDoneGoesForward) {
  for (const bool undo_tried : {false, true}) {
    Driver saga = undo_tried ? in_doubt_after_undo() : in_doubt();
    EXPECT_THAT(saga.retry(), ElementsAre("retried p", "call p #2"));
    EXPECT_EQ(saga.status(), "running");
    EXPECT_THAT(saga.answer("p", done()), ElementsAre("p done", "call z #1"));
    EXPECT_THAT(saga.answer("z", done()), ElementsAre("z done", "completed"));
    EXPECT_FALSE(saga.state().error);
    EXPECT_EQ(saga.step("a").undo, CompensationStatus::kNone);
  }
}

TEST(PivotUnknown, ResumeIsTheSameAsRetry) {
  Driver saga = in_doubt();
  EXPECT_THAT(saga.resume(), ElementsAre("resumed p", "call p #2"));
}

TEST(PivotUnknown, StaysUnknownWhenTheRetryIsRefused) {
  Driver saga = in_doubt();
  saga.retry("p");
  EXPECT_THAT(saga.answer("p", refused()),
              ElementsAre("p #2: 422 not_done", "p failed: 422 unknown", "suspended: pivot_unknown"));
}

TEST(PivotUnknown, ASecondUndoingOfThePivotHasFreshAttempts) {
  Driver saga = at_pivot(flow({step("a"), step("p", "pivot: true, total_timeout: 1m"), step("z")}));
  saga.answer("p", final_fault());
  saga.answer_undo("p", fault());
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("p", fault()), Contains("suspended: pivot_unknown"));
  saga.now = saga.now + hours(1);
  saga.retry();
  EXPECT_THAT(saga.answer("p", final_fault()), Contains("undo p #3")) << "numbered on";
  EXPECT_THAT(saga.answer_undo("p", fault()), ElementsAre("undoing p #3: 503 unknown, again in 10s"));
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("p", done()), ElementsAre("p undone", "undo a #1"));
}

TEST(PivotUnknown, SkipWithOutputSaysItHappened) {
  for (const bool undo_tried : {false, true}) {
    Driver saga = undo_tried ? in_doubt_after_undo() : in_doubt();
    EXPECT_THAT(saga.skip("p", kOutput), ElementsAre("p settled as done", "call z #1"));
    EXPECT_EQ(*saga.step("p").output, *kOutput);
    EXPECT_EQ(saga.step("p").settled->actor.name, "ada@ops");
    EXPECT_EQ(saga.allowed(), "suspend terminate") << "past the pivot";
    EXPECT_THAT(saga.answer("z", done()), ElementsAre("z done", "completed"));
    EXPECT_FALSE(saga.state().error);
  }
}

TEST(PivotUnknown, SkipWithoutOutputIsRefused) {
  for (const bool undo_tried : {false, true}) {
    Driver saga = undo_tried ? in_doubt_after_undo() : in_doubt();
    EXPECT_THAT(saga.refusal(Verb::kSkip, "p"), HasSubstr("with output"));
  }
}

TEST(PivotUnknown, NothingElseIsStuck) {
  Driver saga = in_doubt_after_undo();
  EXPECT_THAT(saga.refusal(Verb::kSkip, "a", kOutput), HasSubstr("'a'"));
  EXPECT_THAT(saga.refusal(Verb::kRetry, "a"), HasSubstr("'a'"));
}

TEST(PivotUnknown, CancelSaysItDidNotHappen) {
  Driver saga = in_doubt();
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "turn back: pivot_unknown", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_EQ(saga.step("p").settled->actor.name, "ada@ops");

  Driver tried = in_doubt_after_undo();
  EXPECT_THAT(tried.cancel(), ElementsAre("cancelled", "undo a #1"));
  EXPECT_THAT(tried.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_EQ(tried.step("p").undo, CompensationStatus::kSkipped);
}

TEST(PivotUnknown, TerminateEndsIt) {
  Driver saga = in_doubt();
  EXPECT_THAT(saga.terminate(), ElementsAre("terminated"));
  EXPECT_FALSE(needs_attention(saga.state()));
}

TEST(PivotUnknown, WithOnFailureSuspendItsOwnUndoRunsFirstAndNothingElseBeforeAnOperatorSpeaks) {
  Driver saga = at_pivot(flow({step("a"), step("p", "pivot: true, on_failure: suspend")}));
  EXPECT_THAT(saga.answer("p", final_fault()),
              ElementsAre("p #1: 503 unknown", "p failed: 503 unknown", "turn back: 503", "undo p #1"));
  EXPECT_THAT(saga.answer_undo("p", done()), ElementsAre("p undone", "suspended: step_failed"));
  EXPECT_EQ(saga.allowed(), "resume terminate");
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1U);
  EXPECT_EQ(stuck[0].step, "p");
  EXPECT_EQ(stuck[0].code, "503");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  Driver undone_in_vain = at_pivot(flow({step("a"), step("p", "pivot: true, on_failure: suspend")}));
  undone_in_vain.answer("p", final_fault());
  EXPECT_THAT(undone_in_vain.answer_undo("p", final_fault()), Contains("suspended: pivot_unknown"));
  EXPECT_THAT(undone_in_vain.refusal(Verb::kSkip, "p"), HasSubstr("with output"));
  Driver known = at_pivot(flow({step("a"), step("p", "pivot: true, on_failure: suspend")}));
  EXPECT_THAT(known.answer("p", refused()), Contains("suspended: step_failed"));
  EXPECT_EQ(known.allowed(), "cancel resume retry skip terminate") << "it failed: going back is possible again";
  EXPECT_THAT(known.cancel(), ElementsAre("cancelled", "turn back: 422", "undo a #1"));
}

TEST(Pivot, FromItsFirstCallCancelIsRefusedAndTheDeadlineDoesNothing) {
  Driver saga = at_pivot(with_undo("deadline: 1m"));
  EXPECT_EQ(saga.allowed(), "suspend terminate");
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("'p'"));
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.after(minutes(2)), IsEmpty());
  EXPECT_THAT(saga.answer("p", fault()), ElementsAre("p #1: 503 unknown, again in 1s")) << "past the deadline";
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("'p'")) << "in a retry delay too";
  saga.when_due();
  EXPECT_THAT(saga.answer("p", done()), ElementsAre("p done", "call z #1"));
  EXPECT_THAT(saga.after(minutes(2)), IsEmpty());
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("'p'"));
}

TEST(Pivot, BeforeItsFirstCallTheDeadlineAndCancelHold) {
  Driver saga = at_pivot(with_undo("deadline: 1m"));
  saga.answer("p", no_instance());
  EXPECT_EQ(saga.allowed(), "cancel suspend retry terminate") << "nothing was called";
  EXPECT_EQ(saga.due(), minutes(1));
  EXPECT_THAT(saga.when_due(), ElementsAre("stop: deadline_exceeded", "p failed: no_instance not_done",
                                           "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Pivot, AfterItFailedTheDeadlineHoldsAgain) {
  Driver saga = at_pivot(with_undo("deadline: 1m"));
  saga.now = saga.now + minutes(2);
  EXPECT_THAT(saga.answer("p", refused()),
              ElementsAre("p #1: 422 not_done", "p failed: 422 not_done", "stop: deadline_exceeded",
                          "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Pivot, UnknownPastTheDeadlineIsNeverPassedOver) {
  Driver saga = at_pivot(without_undo("deadline: 1m"));
  saga.now = saga.now + minutes(2);
  EXPECT_THAT(saga.answer("p", final_fault()), Contains("suspended: pivot_unknown"));
  EXPECT_THAT(saga.step("a").undo, CompensationStatus::kNone);
  EXPECT_THAT(saga.retry(), ElementsAre("retried p", "call p #2")) << "and its call is not bounded by the deadline";
  EXPECT_THAT(saga.answer("p", done()), ElementsAre("p done", "call z #1"));

  Driver undone = at_pivot(with_undo("deadline: 1m"));
  undone.now = undone.now + minutes(2);
  EXPECT_THAT(undone.answer("p", final_fault()), Contains("undo p #1"));
}

TEST(Pivot, UnknownWhileSuspendedIsNotPassedOverByACancel) {
  Driver saga = at_pivot(without_undo());
  saga.suspend();
  EXPECT_THAT(saga.answer("p", final_fault()), ElementsAre("p #1: 503 unknown", "p failed: 503 unknown"));
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "suspended: pivot_unknown"));
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "turn back: pivot_unknown", "undo a #1")) << "now it is known";

  Driver resumed = at_pivot(without_undo());
  resumed.suspend();
  resumed.answer("p", final_fault());
  EXPECT_THAT(resumed.resume(), ElementsAre("resumed", "suspended: pivot_unknown"));
}

TEST(Pivot, WithAnUnknownAttemptIsNotLeftOutWhoeverSuspendedTheSaga) {
  Driver saga = at_pivot(without_undo());
  saga.answer("p", timed_out());
  saga.suspend();
  EXPECT_THAT(saga.refusal(Verb::kSkip, "p"), HasSubstr("with output"));
  EXPECT_THAT(saga.skip("p", kOutput), ElementsAre("p settled as done", "call z #1"));
}

TEST(Pivot, TheUndoingOfAnUnknownOneMayBeTakenAsDone) {
  Driver saga = at_pivot(with_undo());
  saga.answer("p", final_fault());
  saga.answer_undo("p", fault());
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "resume retry skip terminate");
  EXPECT_THAT(saga.skip("p"), ElementsAre("undoing p settled", "undo a #1"));
}

TEST(Pivot, ThatIsKnownNotToHaveHappenedMayBeLeftOut) {
  Driver saga = at_pivot(flow({step("a"), bare("p", "pivot: true, on_failure: suspend"), step("z")}));
  saga.answer("p", refused());
  EXPECT_THAT(saga.skip("p"), ElementsAre("p settled", "call z #1"));
  EXPECT_THAT(saga.answer("z", refused()), Contains("undo a #1")) << "it did not happen: the saga still goes back";
}

TEST(Pivot, SkippedByItsConditionIsNoPointOfNoReturn) {
  Driver saga(flow({step("a"), step("p", "pivot: true, when: \"${ false }\""), step("z")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.answer("z", refused()), Contains("undo a #1"));
}

TEST(PastPivot, AStepWithoutItsOwnRetryGoesByTheStubbornPolicy) {
  Driver saga = past_pivot(with_undo());
  EXPECT_THAT(saga.answer("z", fault()), ElementsAre("z #1: 503 unknown, again in 10s"));
}

TEST(PastPivot, AStepWithItsOwnRetryKeepsIt) {
  Driver saga = past_pivot(flow({step("a"), bare("p", "pivot: true"), step("z", "retry: { max_attempts: 5 }")}));
  EXPECT_THAT(saga.answer("z", fault()), ElementsAre("z #1: 503 unknown, again in 1s"));
}

TEST(PastPivot, ThePivotItselfKeepsItsRetry) {
  Driver saga = at_pivot(with_undo());
  EXPECT_THAT(saga.answer("p", fault()), ElementsAre("p #1: 503 unknown, again in 1s"));
}

TEST(PastPivot, AFailureSuspendsAndNothingIsUndone) {
  Driver saga = past_pivot(with_undo());
  EXPECT_THAT(saga.answer("z", refused()),
              ElementsAre("z #1: 422 not_done", "z failed: 422 not_done", "suspended: step_failed"));
  EXPECT_EQ(saga.allowed(), "resume retry skip terminate");
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("'p'"));
  EXPECT_EQ(saga.state().error->code, "422");
}

TEST(PastPivot, RetrySkipAndTerminateLeadOut) {
  Driver retried = past_pivot(with_undo());
  retried.answer("z", refused());
  EXPECT_THAT(retried.retry("z"), ElementsAre("retried z", "call z #2"));
  EXPECT_THAT(retried.answer("z", done()), ElementsAre("z done", "completed"));
  EXPECT_FALSE(retried.state().error);

  Driver skipped = past_pivot(with_undo());
  skipped.answer("z", final_fault());
  EXPECT_THAT(skipped.skip("z"), ElementsAre("z settled", "completed"));
  EXPECT_EQ(skipped.step("z").status, StepStatus::kSkipped);

  Driver terminated = past_pivot(with_undo());
  terminated.answer("z", refused());
  EXPECT_THAT(terminated.terminate(), ElementsAre("terminated"));
}

TEST(PastPivot, ABestEffortStepMayStillFail) {
  Driver saga = past_pivot(flow({step("a"), bare("p", "pivot: true"), step("z", "on_failure: continue")}));
  EXPECT_THAT(saga.answer("z", refused()), Contains("completed"));
}

TEST(PastPivot, TheDeadlineBoundsNoAction) {
  Driver saga = past_pivot(with_undo("deadline: 1m"));
  EXPECT_THAT(saga.after(minutes(2)), IsEmpty());
  EXPECT_THAT(saga.answer("z", fault()), ElementsAre("z #1: 503 unknown, again in 10s"));
}

TEST(PastPivot, TotalTimeoutStillBoundsAStep) {
  Driver saga = past_pivot(flow({step("a"), bare("p", "pivot: true"), step("z", "total_timeout: 5s")}));
  EXPECT_THAT(saga.answer("z", fault()), Contains("suspended: step_failed"));
}

}  // namespace
}  // namespace saga::core
