// What operators may do, what is refused, and what holds already. Cancel, suspend and the pivot have files of their
// own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::minutes;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A saga that failed: neither b nor a could be undone.
Driver failed(const std::string& header = "") {
  Driver saga(flow({step("a"), step("b"), step("c")}, header));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  saga.answer_undo("b", final_fault());
  saga.answer_undo("a", final_fault());
  EXPECT_EQ(saga.status(), "failed");
  return saga;
}

TEST(Failed, IsReopenedByARetryOfAllThatWasNotUndone) {
  Driver saga = failed();
  saga.now = saga.now + minutes(30);
  EXPECT_THAT(saga.retry(), ElementsAre("retried undoing a, undoing b", "undo b #2")) << "still in reverse order";
  EXPECT_EQ(saga.status(), "compensating");
  EXPECT_FALSE(saga.state().finished_at);
  EXPECT_THAT(saga.answer_undo("b", fault()), ElementsAre("undoing b #2: 503 unknown, again in 10s"))
      << "with fresh attempts";
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #2"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_FALSE(needs_attention(saga.state()));
}

TEST(Failed, ARetryOfOneStepLeavesTheOthers) {
  Driver saga = failed();
  EXPECT_THAT(saga.retry("a"), ElementsAre("retried undoing a", "undo a #2"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "failed: b not undone"));
  EXPECT_THAT(saga.retry("b"), ElementsAre("retried undoing b", "undo b #2"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "compensated"));
}

TEST(Failed, ARetriedCompensationThatWaitsBehindAnotherIsTriedWhenItsTurnComes) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  saga.answer_undo("b", final_fault());
  saga.answer_undo("a", no_instance());
  saga.suspend();
  EXPECT_THAT(saga.retry("b"), ElementsAre("retried undoing b", "undo b #2"));
  EXPECT_THAT(saga.available("a", Phase::kCompensation), IsEmpty()) << "it is not its turn";
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
}

TEST(Failed, ARetryWhileAnotherCompensationIsUnderWayWaitsForIt) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  saga.answer_undo("b", final_fault());
  saga.suspend();
  EXPECT_THAT(saga.retry("b"), ElementsAre("retried undoing b")) << "one at a time";
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "undo b #2"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "compensated"));
}

TEST(Failed, SkipTakesACompensationAsUndoneAndTheLastEndsIt) {
  Driver saga = failed();
  EXPECT_THAT(saga.skip("b"), ElementsAre("undoing b settled"));
  EXPECT_EQ(saga.status(), "failed");
  EXPECT_EQ(saga.step("b").undo, CompensationStatus::kSkipped);
  EXPECT_EQ(saga.step("b").undo_settled->actor.reason, "because");
  EXPECT_THAT(saga.skip("b"), IsEmpty()) << "holds already";
  EXPECT_THAT(saga.skip("a"), ElementsAre("undoing a settled", "compensated"));
  EXPECT_EQ(saga.status(), "compensated");
}

TEST(Failed, TerminateEndsItAndItNeedsNoAttentionAnyMore) {
  Driver saga = failed();
  EXPECT_THAT(saga.terminate(), ElementsAre("terminated"));
  EXPECT_FALSE(needs_attention(saga.state()));
  EXPECT_FALSE(saga.state().attention_since);
  EXPECT_EQ(saga.allowed(), "");
  EXPECT_THAT(saga.terminate(), IsEmpty());
}

TEST(Failed, IsRecordedAsSuchWithNoOtherVerbs) {
  Driver saga = failed();
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("failed"));
  EXPECT_THAT(saga.refusal(Verb::kSuspend), HasSubstr("failed"));
  EXPECT_THAT(saga.refusal(Verb::kResume), HasSubstr("failed"));
  EXPECT_THAT(saga.refusal(Verb::kRetry, "c"), HasSubstr("'c'"));
  EXPECT_THAT(saga.refusal(Verb::kSkip, "c"), HasSubstr("'c'"));
  EXPECT_THAT(saga.refusal(Verb::kSkip, "a", share(Json{1})), HasSubstr("output"));
}

TEST(Operator, AnUnknownStepDoesNotFitTheCommand) {
  Driver saga = failed();
  for (const Verb verb : {Verb::kRetry, Verb::kSkip}) {
    const auto decision =
        decide(saga.workflow(), saga.state(), OperatorCommand{verb, "nowhere", nullptr, {}}, {saga.now, 0, true});
    ASSERT_TRUE(decision.refusal);
    EXPECT_EQ(decision.refusal->kind, Refusal::Kind::kMisfit);
    EXPECT_THAT(decision.refusal->message, HasSubstr("nowhere"));
  }
  const auto unnamed =
      decide(saga.workflow(), saga.state(), OperatorCommand{Verb::kSkip, "", nullptr, {}}, {saga.now, 0, true});
  ASSERT_TRUE(unnamed.refusal);
  EXPECT_EQ(unnamed.refusal->kind, Refusal::Kind::kMisfit);
}

TEST(Operator, NothingIsRetriedOrSkippedWhileACallIsUnderWay) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_EQ(saga.allowed(), "cancel suspend terminate");
  EXPECT_THAT(saga.refusal(Verb::kRetry), HasSubstr("under way"));
  EXPECT_THAT(saga.refusal(Verb::kSkip, "a"), HasSubstr("running"));
  saga.suspend();
  EXPECT_THAT(saga.refusal(Verb::kRetry), HasSubstr("under way"));
}

TEST(Operator, SkipIsForASagaThatStopped) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", fault());
  EXPECT_THAT(saga.refusal(Verb::kSkip, "a"), HasSubstr("running"));
  saga.suspend();
  EXPECT_THAT(saga.skip("a"), ElementsAre("a settled", "completed"));
}

TEST(Operator, WhatHoldsAlreadyIsNotRecordedTwice) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.resume(), IsEmpty());
  saga.suspend();
  EXPECT_THAT(saga.suspend(), IsEmpty());
  saga.answer("a", fault());
  saga.skip("a");
  saga.suspend();
  EXPECT_THAT(saga.skip("a"), IsEmpty());
  saga.terminate();
  EXPECT_THAT(saga.terminate(), IsEmpty());
}

TEST(Operator, AStepThatWasSettledCanBeSettledAgainWhereItsUndoingIsStuck) {
  Driver saga(flow({step("a", "on_failure: suspend"), step("b")}, "on_compensation_failure: suspend"));
  saga.start();
  saga.answer("a", refused());
  saga.skip("a", share(Json{{"n", 1}}));
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", final_fault()), Contains("suspended: compensation_failed"));
  EXPECT_THAT(saga.skip("a"), ElementsAre("undoing a settled", "compensated"));
}

TEST(Terminate, EndsASagaAsItStandsAtAnyMoment) {
  const auto workflow = flow({step("a"), step("b")});
  Driver pending(workflow);
  pending.start(Json::object(), kStart + minutes(1));
  EXPECT_THAT(pending.terminate(), ElementsAre("terminated"));

  Driver calling(workflow);
  calling.start();
  EXPECT_THAT(calling.terminate(), ElementsAre("terminated"));
  EXPECT_THAT(calling.feed(CallFinished{0, Phase::kAction, 1, done(), 7}), IsEmpty()) << "its answer comes too late";
  EXPECT_EQ(calling.step("a").status, StepStatus::kRunning) << "as it stood";

  Driver undoing(workflow);
  undoing.start();
  undoing.answer("a", done());
  undoing.answer("b", refused());
  EXPECT_THAT(undoing.terminate(), ElementsAre("terminated"));
  EXPECT_EQ(undoing.state().finished_at, undoing.now);

  Driver completed(workflow);
  completed.start();
  completed.answer("a", done());
  completed.answer("b", done());
  EXPECT_THAT(completed.refusal(Verb::kTerminate), HasSubstr("completed"));
}

TEST(Operator, WhoAndWhyAreKept) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.suspend();
  const auto& suspended = std::get<SagaSuspended>(saga.events().back().body);
  EXPECT_EQ(suspended.actor, (Actor{"ada@ops", true, "because"}));
}

TEST(Operator, ARetryOfACompensationBetweenTwoAttemptsUndoesNow) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  saga.answer_undo("a", fault());
  EXPECT_EQ(saga.allowed(), "suspend retry terminate");
  EXPECT_THAT(saga.retry(), ElementsAre("retried undoing a", "undo a #2"));
  EXPECT_THAT(saga.answer_undo("a", fault()), ElementsAre("undoing a #2: 503 unknown, again in 10s"));
}

}  // namespace
}  // namespace saga::core
