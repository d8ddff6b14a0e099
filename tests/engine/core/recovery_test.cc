// A saga read back from its journal: an attempt under way is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Recovered, ALostAttemptIsUnknownItsNumberSpentItsPlaceNotAndItIsCalledAgain) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.recover(), ElementsAre("a #1: connection_lost unknown uncounted, again in 0s", "call a #2"));
  EXPECT_EQ(saga.step("a").action.counted, 0);
  for (int i = 0; i < 5; ++i) saga.recover();
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #7: unreachable not_done, again in 1s"))
      << "the first delay";
  saga.when_due();
  saga.answer("a", unreachable());
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()), Contains("a failed: unreachable unknown"))
      << "three places, one unknown";
}

TEST(Recovered, AnAnswerOfBeforeComesTooLate) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.recover();
  EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 1, done(), 7}), IsEmpty());
}

TEST(Recovered, AConflictMeansStillAtWork) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.recover();
  EXPECT_THAT(saga.answer("a", answered(409)), ElementsAre("a #2: 409 unknown, again in 1s"));
}

TEST(Recovered, WhileStoppingALostAttemptIsCompensatedAsUnknown) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.recover(), ElementsAre("a #1: connection_lost unknown uncounted",
                                          "a failed: connection_lost unknown", "turn back: cancelled", "undo a #1"));
  EXPECT_EQ(saga.header("a", Phase::kCompensation, "Saga-Outcome"), "unknown");
}

TEST(Recovered, PastTheDeadlineALostAttemptIsCompensatedAsUnknown) {
  Driver saga(flow({step("a")}, "deadline: 1m"));
  saga.start();
  saga.now = saga.now + minutes(5);
  EXPECT_THAT(saga.recover(),
              ElementsAre("a #1: connection_lost unknown uncounted", "a failed: connection_lost unknown",
                          "stop: deadline_exceeded", "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Recovered, PastTheDeadlineALostPivotIsCalledAgain) {
  Driver saga(flow({bare("p", "pivot: true")}, "deadline: 1m"));
  saga.start();
  saga.now = saga.now + minutes(5);
  EXPECT_THAT(saga.recover(), Contains("call p #2"));
}

TEST(Recovered, PastTotalTimeoutALostAttemptEndsTheStep) {
  Driver saga(flow({step("a", "total_timeout: 1m")}));
  saga.start();
  saga.now = saga.now + minutes(5);
  EXPECT_THAT(saga.recover(), Contains("a failed: connection_lost unknown"));
}

TEST(Recovered, ALostCompensationIsCalledAgain) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.recover(), ElementsAre("undoing a #1: connection_lost unknown uncounted, again in 0s", "undo a #2"));
  EXPECT_THAT(saga.answer_undo("a", fault()), ElementsAre("undoing a #2: 503 unknown, again in 10s"));
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Recovered, WhileDrainingItWaitsForRoom) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.begin_calls = false;
  EXPECT_THAT(saga.recover(), ElementsAre("a #1: connection_lost unknown uncounted, again in 0s"));
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("call a #2"));
}

TEST(Recovered, ASuspendedSagaStaysSo) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.recover(), ElementsAre("a #1: connection_lost unknown uncounted, again in 0s"));
  EXPECT_EQ(saga.status(), "suspended");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call a #2"));
}

TEST(Recovered, WithNothingUnderWayWhatIsDueGoesOnAndElseNothing) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", fault());
  EXPECT_THAT(saga.recover(), IsEmpty());
  saga.now = saga.now + seconds(1);
  EXPECT_THAT(saga.recover(), ElementsAre("call a #2"));
  saga.answer("a", done());
  EXPECT_THAT(saga.recover(), IsEmpty());
}

TEST(Recovered, ACallThatWaitedForAnInstanceIsTried) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", no_instance());
  EXPECT_THAT(saga.recover(), ElementsAre("call a #1"));
}

TEST(Recovered, ASagaThatWasAcceptedOnlyStarts) {
  Driver saga(flow({step("a")}));
  saga.begin_calls = false;
  saga.start();
  saga.begin_calls = true;
  EXPECT_THAT(saga.recover(), ElementsAre("started", "call a #1"));
}

}  // namespace
}  // namespace saga::core
