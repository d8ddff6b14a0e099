// Cancel and the deadline: at every moment of a saga.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Cancel, APendingSagaIsCompensatedWithoutACall) {
  Driver saga(flow({step("a")}));
  saga.start(Json::object(), kStart + minutes(1));
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "compensated"));
  EXPECT_EQ(saga.state().error->code, "cancelled");
  EXPECT_EQ(saga.state().error->message, "because");
  EXPECT_FALSE(saga.state().started_at);
}

TEST(Cancel, LetsTheCallInFlightFinishAndThenUndoes) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled"));
  EXPECT_EQ(saga.status(), "running");
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.answer("b", done()), ElementsAre("b done", "turn back: cancelled", "undo b #1"));
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_EQ(saga.state().error->code, "cancelled");
}

TEST(Cancel, TheCallInFlightIsNotRetried) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.cancel();
  EXPECT_THAT(saga.answer("b", fault()),
              ElementsAre("b #1: 503 unknown", "b failed: 503 unknown", "turn back: cancelled", "undo b #1"));
}

TEST(Cancel, TheCallInFlightThatIsRefusedLeavesNothingToUndo) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.answer("a", refused()),
              ElementsAre("a #1: 422 not_done", "a failed: 422 not_done", "turn back: cancelled", "compensated"));
}

TEST(Cancel, TheCallInFlightThatFindsNoInstanceEndsThere) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.answer("a", no_instance()),
              ElementsAre("a waits", "a failed: no_instance not_done", "turn back: cancelled", "compensated"));
}

TEST(Cancel, ABestEffortStepInFlightDoesNotLetTheSagaGoOn) {
  Driver saga(flow({step("a", "on_failure: continue"), step("b")}));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.answer("a", refused()), Contains("compensated"));
}

TEST(Cancel, AStepInARetryDelayEndsWithWhatItsAttemptsLeft) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", fault());
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "b failed: 503 unknown", "turn back: cancelled", "undo b #1"));

  Driver clean(flow({step("a"), step("b")}));
  clean.start();
  clean.answer("a", done());
  clean.answer("b", unreachable());
  EXPECT_THAT(clean.cancel(),
              ElementsAre("cancelled", "b failed: unreachable not_done", "turn back: cancelled", "undo a #1"));
}

TEST(Cancel, AStepThatWaitsForAnInstanceEnds) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", no_instance());
  EXPECT_THAT(saga.cancel(),
              ElementsAre("cancelled", "b failed: no_instance not_done", "turn back: cancelled", "undo a #1"));
}

TEST(Cancel, BetweenTwoStepsWhileDrainingBeginsNothing) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.begin_calls = false;
  saga.answer("a", done());
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "turn back: cancelled"));
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("undo a #1"));
}

TEST(Cancel, RepeatedHoldsAlready) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.cancel();
  EXPECT_THAT(saga.cancel(), IsEmpty());
  saga.answer("b", done());
  EXPECT_THAT(saga.cancel(), IsEmpty()) << "compensating";
  saga.answer_undo("b", done());
  saga.answer_undo("a", done());
  EXPECT_THAT(saga.cancel(), IsEmpty()) << "compensated";
}

TEST(Cancel, IsRefusedForWhatHasEndedOtherwise) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.refusal(Verb::kCancel), HasSubstr("completed"));
  Driver terminated(flow({step("a")}));
  terminated.start();
  terminated.terminate();
  EXPECT_THAT(terminated.refusal(Verb::kCancel), HasSubstr("terminated"));
}

TEST(Deadline, CountsFromAcceptanceOrTheStartTime) {
  Driver saga(flow({step("a")}, "deadline: 10m"));
  saga.start();
  EXPECT_EQ(saga.state().deadline, kStart + minutes(10));
  Driver later(flow({step("a")}, "deadline: 10m"));
  later.start(Json::object(), kStart + minutes(60));
  EXPECT_EQ(later.state().deadline, kStart + minutes(70));
  Driver past(flow({step("a")}, "deadline: 10m"));
  past.start(Json::object(), kStart - minutes(60));
  EXPECT_EQ(past.state().deadline, kStart + minutes(10));
}

TEST(Deadline, InFlightTheCallFinishesAndCounts) {
  Driver saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.start();
  EXPECT_EQ(saga.due(), minutes(1));
  EXPECT_THAT(saga.after(minutes(1)), ElementsAre("stop: deadline_exceeded"));
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "turn back: deadline_exceeded", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_EQ(saga.state().error->code, "deadline_exceeded");
}

TEST(Deadline, AnAnswerThatComesAfterItStopsToo) {
  Driver saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.start();
  saga.now = saga.now + minutes(2);
  EXPECT_THAT(saga.answer("a", done()),
              ElementsAre("a done", "stop: deadline_exceeded", "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Deadline, ARetryThatWouldBeginPastItIsNotWaitedFor) {
  Driver saga(flow({step("a")}, "deadline: 2500ms"));
  saga.start();
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #1: unreachable not_done, again in 1s"));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()),
              ElementsAre("a #2: unreachable not_done", "a failed: unreachable not_done", "turn back: unreachable",
                          "compensated"));
}

TEST(Deadline, EndsARetryDelay) {
  Driver saga(flow({step("a")}, "deadline: 1500ms"));
  saga.start();
  saga.answer("a", fault());
  EXPECT_THAT(saga.after(minutes(1)), ElementsAre("stop: deadline_exceeded", "a failed: 503 unknown",
                                                  "turn back: deadline_exceeded", "undo a #1"))
      << "the process was down when both were due";
}

TEST(Deadline, BoundsNoCompensation) {
  Driver saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_FALSE(saga.due());
  saga.now = saga.now + minutes(5);
  EXPECT_THAT(saga.answer_undo("a", fault()), ElementsAre("undoing a #1: 503 unknown, again in 10s"));
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

TEST(Deadline, PassedBeforeThereWasRoomNothingIsCalled) {
  Driver saga(flow({step("a")}, "deadline: 1m"));
  saga.begin_calls = false;
  saga.start();
  saga.begin_calls = true;
  EXPECT_THAT(saga.after(minutes(2)),
              ElementsAre("started", "stop: deadline_exceeded", "turn back: deadline_exceeded", "compensated"));
}

TEST(Deadline, StopsWhileNoCallMayBegin) {
  Driver saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.start();
  saga.begin_calls = false;
  saga.answer("a", done());
  EXPECT_THAT(saga.after(minutes(1)), ElementsAre("stop: deadline_exceeded", "turn back: deadline_exceeded"));
}

TEST(Deadline, MakesABestEffortStepThatIsTriedAgainFailAndTheSagaTurnBackWhenItPasses) {
  Driver saga(flow({step("a", "on_failure: continue"), step("b")}, "deadline: 1500ms"));
  saga.start();
  saga.answer("a", unreachable());
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()),
              ElementsAre("a #2: unreachable not_done", "a failed: unreachable not_done", "call b #1"));
  EXPECT_THAT(saga.after(seconds(1)), ElementsAre("stop: deadline_exceeded"));
}

TEST(Deadline, ACancelledSagaDoesNotStopTwice) {
  Driver saga(flow({step("a")}, "deadline: 1m"));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.after(minutes(2)), IsEmpty());
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "turn back: cancelled", "undo a #1"));
}

}  // namespace
}  // namespace saga::core
