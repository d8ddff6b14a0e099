// A saga that goes forward.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Forward, StepsRunOneAfterAnother) {
  Driver saga(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.start(), ElementsAre("accepted", "started", "call a #1"));
  EXPECT_EQ(saga.status(), "running");
  EXPECT_THAT(saga.answer("a", done(R"({"n":1})")), ElementsAre("a done", "call b #1"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "completed"));
  EXPECT_EQ(saga.status(), "completed");
  EXPECT_EQ(*saga.step("a").output, Json({{"n", 1}}));
  EXPECT_TRUE(saga.state().output->is_null());
  EXPECT_FALSE(saga.state().error);
  EXPECT_EQ(saga.allowed(), "");
}

TEST(Forward, OneDecisionRecordsTheAnswerAndTheNextIntent) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(CallWorker{1, Phase::kAction, 1})));
}

TEST(Forward, StartIsRepeatedWithoutEffect) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.start(), IsEmpty());
}

TEST(Forward, WaitsForItsStartTime) {
  Driver saga(flow({step("a")}));
  EXPECT_THAT(saga.start(Json::object(), kStart + minutes(5)), ElementsAre("accepted"));
  EXPECT_EQ(saga.status(), "pending");
  EXPECT_EQ(saga.due(), minutes(5));
  EXPECT_THAT(saga.after(minutes(4)), IsEmpty());
  EXPECT_THAT(saga.after(minutes(1)), ElementsAre("started", "call a #1"));
  EXPECT_EQ(saga.state().started_at, kStart + minutes(5));
}

TEST(Forward, StaysPendingWithoutRoomAndStartsOnceThereIs) {
  Driver saga(flow({step("a")}));
  saga.begin_calls = false;
  EXPECT_THAT(saga.start(), ElementsAre("accepted"));
  EXPECT_THAT(saga.after(seconds(1)), IsEmpty());
  EXPECT_EQ(saga.status(), "pending");
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("started", "call a #1"));
}

TEST(Forward, WhileDrainingAnswersAreRecordedAndNothingIsBegun) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.begin_calls = false;
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done"));
  EXPECT_LE(saga.due(), milliseconds(0));
  EXPECT_THAT(saga.timer(), IsEmpty());
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("call b #1"));
}

TEST(Forward, DrainingLetsTheLastStepCompleteTheSaga) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.begin_calls = false;
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "completed"));
}

TEST(Forward, AStepWhoseConditionIsFalseIsSkipped) {
  Driver saga(flow({step("a", "when: \"${ input.go }\""), step("b")}));
  EXPECT_THAT(saga.start({{"go", false}}), ElementsAre("accepted", "started", "a skipped", "call b #1"));
  EXPECT_EQ(saga.step("a").status, StepStatus::kSkipped);
}

TEST(Forward, AStepWhoseConditionIsTrueRuns) {
  Driver saga(flow({step("a", "when: \"${ input.go }\"")}));
  EXPECT_THAT(saga.start({{"go", true}}), ElementsAre("accepted", "started", "call a #1"));
}

TEST(Forward, ABestEffortStepMayFail) {
  Driver saga(flow({step("a", "on_failure: continue"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", refused()), ElementsAre("a #1: 422 not_done", "a failed: 422 not_done", "call b #1"));
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "completed"));
  EXPECT_EQ(saga.step("a").status, StepStatus::kFailed);
  EXPECT_EQ(saga.step("a").failure->code, "422");
  EXPECT_FALSE(saga.state().error) << "a failure that is passed over is no error of the saga";
}

TEST(Forward, AStatusInAcceptMeansDone) {
  Driver saga(flow({"  - { name: a, service: shop, action: { path: /a, accept: [404, 409] } }\n"}));
  saga.start();
  EXPECT_THAT(saga.answer("a", answered(404, R"({"gone":true})")), ElementsAre("a done", "completed"));
  EXPECT_EQ(*saga.step("a").output, Json({{"gone", true}}));
}

TEST(Forward, TheClockMayRunBackwards) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.now = kStart - minutes(10);
  EXPECT_THAT(saga.answer("a", fault()), ElementsAre("a #1: 503 unknown, again in 1s"));
  EXPECT_EQ(saga.state().updated_at, kStart);
  saga.now = kStart + seconds(1);
  EXPECT_THAT(saga.timer(), ElementsAre("call a #2"));
}

TEST(Forward, AnAnswerThatComesTwiceCountsOnce) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  const Input answer = CallFinished{0, Phase::kAction, 1, done(), 7};
  EXPECT_THAT(saga.feed(answer), ElementsAre("a done", "call b #1"));
  EXPECT_THAT(saga.feed(answer), IsEmpty());
  EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 1, refused(), 7}), IsEmpty());
}

TEST(Forward, AnAnswerToAnAttemptThatWasGivenUpChangesNothing) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", timed_out());
  saga.when_due();
  EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 1, done(), 7}), IsEmpty());
  EXPECT_EQ(saga.status(), "running");
}

TEST(Forward, ASagaThatNothingHappensToNeedsNoAttention) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_FALSE(needs_attention(saga.state()));
  saga.answer("a", fault());
  EXPECT_FALSE(needs_attention(saga.state()));
}

}  // namespace
}  // namespace saga::core
