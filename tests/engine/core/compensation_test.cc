// What is undone, in which order, and what happens where that fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Compensation, StepsThatAreDoneAreUndoneInReverseOrderOneAtATime) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  EXPECT_THAT(saga.answer("c", refused()),
              ElementsAre("c #1: 422 not_done", "c failed: 422 not_done", "turn back: 422", "undo b #1"));
  EXPECT_EQ(saga.status(), "compensating");
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_EQ(saga.status(), "compensated");
  EXPECT_EQ(saga.state().error->step, "c");
  EXPECT_EQ(saga.state().error->code, "422");
  EXPECT_EQ(saga.step("c").undo, CompensationStatus::kNone) << "what was refused is not undone";
}

TEST(Compensation, AStepWhoseOutcomeIsUnknownIsUndoneFirst) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.answer("b", final_fault()),
              ElementsAre("b #1: 503 unknown", "b failed: 503 unknown", "turn back: 503", "undo b #1"));
  EXPECT_EQ(saga.header("b", Phase::kCompensation, "Saga-Outcome"), "unknown");
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
  EXPECT_EQ(saga.header("a", Phase::kCompensation, "Saga-Outcome"), "done");
}

TEST(Compensation, OneUnknownAttemptMakesTheStepUnknownWhateverLaterOnesSay) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", timed_out());
  saga.when_due();
  EXPECT_THAT(saga.answer("a", refused()),
              ElementsAre("a #2: 422 not_done", "a failed: 422 unknown", "turn back: 422", "undo a #1"));
}

TEST(Compensation, AStepIsDoneIfAnyAttemptIsWhateverEarlierOnesLeft) {
  Driver saga(flow({step("a"), bare("b")}));
  saga.start();
  saga.answer("a", timed_out());
  saga.when_due();
  saga.answer("a", done(R"({"n":1})"));
  saga.answer("b", refused());
  EXPECT_EQ(saga.header("a", Phase::kCompensation, "Saga-Outcome"), "done");
}

TEST(Compensation, ABestEffortStepThatIsDoneOrUnknownIsUndoneToo) {
  Driver saga(flow({step("a", "on_failure: continue"), step("b", "on_failure: continue"),
                    step("c", "on_failure: continue"), step("d")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", broken());
  saga.answer("c", refused());
  EXPECT_THAT(saga.answer("d", refused()), testing::Contains("undo b #1"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Compensation, SkippedStepsAndThoseWithoutACompensationAreNotUndone) {
  Driver saga(flow({step("a", "when: \"${ false }\""), bare("b"), step("c")}));
  saga.start();
  saga.answer("b", done());
  EXPECT_THAT(saga.answer("c", refused()),
              ElementsAre("c #1: 422 not_done", "c failed: 422 not_done", "turn back: 422", "compensated"));
}

TEST(Compensation, IsNeverRefusedAndTriedAgainUntilDone) {
  Driver saga(flow(
      {step("a"), step("b")},
      "defaults: { compensation_retry: { max_attempts: 100, initial_interval: 1s, multiplier: 1.0, jitter: 0 } }"));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  for (const auto& answer : {refused(), fault(), timed_out(), lost(), unreachable(), broken(), busy(), answered(409)}) {
    EXPECT_THAT(saga.answer_undo("a", answer), ElementsAre(testing::HasSubstr("again in 1s")));
    EXPECT_THAT(saga.when_due(), ElementsAre(testing::HasSubstr("undo a #")));
  }
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Compensation, ThatFailsForGoodIsRecordedAndTheOthersStillRun) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  EXPECT_THAT(saga.answer_undo("b", fault()), ElementsAre("undoing b #1: 503 unknown, again in 10s"));
  EXPECT_THAT(saga.when_due(), ElementsAre("undo b #2"));
  EXPECT_THAT(saga.answer_undo("b", fault()),
              ElementsAre("undoing b #2: 503 unknown", "b not undone: 503", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "failed: b not undone"));
  EXPECT_EQ(saga.status(), "failed");
  EXPECT_EQ(saga.state().error->step, "c") << "why it turned back";
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_EQ(stuck[0].step, "b");
  EXPECT_EQ(stuck[0].phase, Phase::kCompensation);
  EXPECT_EQ(stuck[0].code, "503");
  EXPECT_EQ(stuck[0].attempts, 2);
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_EQ(saga.allowed(), "retry skip terminate");
}

TEST(Compensation, ThatMayNotBeRetriedFailsForGoodAtOnce) {
  Driver saga(flow({step("a", "compensation_retry: { non_retryable: [\"gone_for_good\"] }"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  EXPECT_THAT(saga.answer_undo("b", final_fault()),
              ElementsAre("undoing b #1: 503 unknown", "b not undone: 503", "undo a #1"));
  EXPECT_THAT(
      saga.answer_undo("a", answered(500, R"({"code":"gone_for_good","retryable":true})")),
      ElementsAre("undoing a #1: gone_for_good unknown", "a not undone: gone_for_good", "failed: a, b not undone"));
}

TEST(Compensation, WithSuspendTheSagaStopsAtTheFirstThatFails) {
  Driver saga(flow({step("a"), step("b"), step("c")}, "on_compensation_failure: suspend"));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  EXPECT_THAT(saga.answer_undo("b", final_fault()),
              ElementsAre("undoing b #1: 503 unknown", "b not undone: 503", "suspended: compensation_failed"));
  EXPECT_EQ(saga.allowed(), "resume retry skip terminate");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed undoing b", "undo b #2"));
  EXPECT_THAT(saga.answer_undo("b", final_fault()), testing::Contains("suspended: compensation_failed"));
  EXPECT_THAT(saga.skip("b"), ElementsAre("undoing b settled", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Compensation, ThatFailsTenTimesAndGoesOnNeedsAttention) {
  Driver saga(flow(
      {step("a"), step("b")},
      "defaults: { compensation_retry: { max_attempts: 100, initial_interval: 1s, multiplier: 1.0, jitter: 0 } }"));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  for (int i = 1; i <= 9; ++i) {
    saga.answer_undo("a", fault());
    saga.when_due();
  }
  EXPECT_FALSE(needs_attention(saga.state()));
  saga.answer_undo("a", fault());
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_EQ(saga.state().attention_since, saga.now);
  EXPECT_EQ(stuck_calls(saga.workflow(), saga.state()).at(0).attempts, 10);
  const Timestamp since = saga.now;
  saga.when_due();
  EXPECT_EQ(saga.state().attention_since, since) << "kept while it lasts";
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_FALSE(saga.state().attention_since);
}

TEST(Compensation, AcceptedStatusMeansUndone) {
  Driver saga(
      flow({"  - { name: a, service: shop, action: /a, compensation: { method: DELETE, path: /a, accept: [404] } }\n",
            step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", answered(404)), ElementsAre("a undone", "compensated"));
}

TEST(Compensation, WhileDrainingItWaitsAndGoesOnLater) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.begin_calls = false;
  EXPECT_THAT(saga.answer("b", refused()),
              ElementsAre("b #1: 422 not_done", "b failed: 422 not_done", "turn back: 422"));
  EXPECT_THAT(saga.timer(), IsEmpty());
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("undo a #1"));
}

}  // namespace
}  // namespace saga::core
