// Suspended: what is in flight finishes, nothing follows, and time stands still.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Suspended, APendingSagaDoesNotStart) {
  Driver saga(flow({step("a")}));
  saga.start(Json::object(), kStart + minutes(1));
  EXPECT_THAT(saga.suspend(), ElementsAre("suspended: operator"));
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_EQ(saga.state().attention_since, kStart);
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.after(minutes(5)), IsEmpty());
  EXPECT_EQ(saga.allowed(), "cancel resume terminate");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "started", "call a #1"));
  EXPECT_FALSE(saga.state().attention_since);
}

TEST(Suspended, AnAnswerIsRecordedAndNothingFollows) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "cancel resume terminate");
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done"));
  EXPECT_EQ(saga.status(), "suspended");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call b #1"));
}

TEST(Suspended, WithTheCallStillInFlightItGoesOnWithIt) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.resume(), ElementsAre("resumed"));
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "call b #1"));
}

TEST(Suspended, AFailureIsRecordedAndItsRetryPutOff) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.suspend();
  saga.now = saga.now + seconds(3);
  saga.answer("a", fault());
  EXPECT_EQ(saga.step("a").status, StepStatus::kRetrying);
  EXPECT_THAT(saga.after(hours(1)), IsEmpty());
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed"));
  EXPECT_EQ(saga.due(), seconds(1)) << "the whole delay is still to come";
  EXPECT_THAT(saga.when_due(), ElementsAre("call a #2"));
}

TEST(Suspended, ACallThatFailsForGoodMeanwhileIsFollowedUpAfterwards) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.suspend();
  EXPECT_THAT(saga.answer("b", refused()), ElementsAre("b #1: 422 not_done", "b failed: 422 not_done"));
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "turn back: 422", "undo a #1"));
}

TEST(Suspended, ACallThatFailsForGoodMeanwhileMayBeRetriedOrSkipped) {
  const auto workflow = flow({step("a"), step("b"), step("c")});
  const auto failed = [&] {
    Driver saga(workflow);
    saga.start();
    saga.answer("a", done());
    saga.suspend();
    saga.answer("b", refused());
    return saga;
  };
  Driver retried = failed();
  EXPECT_THAT(retried.retry(), ElementsAre("retried b", "call b #2"));
  Driver skipped = failed();
  EXPECT_THAT(skipped.skip("b"), ElementsAre("b settled", "call c #1"));
  Driver cancelled = failed();
  EXPECT_THAT(cancelled.cancel(), ElementsAre("cancelled", "turn back: cancelled", "undo a #1"));
}

TEST(Suspended, PutsOffADelayTheDeadlineAndTheTotalTimeout) {
  Driver saga(flow({step("a", "total_timeout: 4s")}, "deadline: 1m"));
  saga.start();
  saga.answer("a", unreachable());
  saga.now = saga.now + milliseconds(400);
  saga.suspend();
  saga.now = saga.now + hours(2);
  saga.resume();
  EXPECT_EQ(saga.due(), milliseconds(600));
  EXPECT_EQ(saga.state().deadline, kStart + minutes(1) + hours(2));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #2: unreachable not_done, again in 2s")) << "3 s of 4";
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()), Contains("a failed: unreachable not_done"));
}

TEST(Suspended, TheDeadlineDoesNotPass) {
  Driver saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.after(hours(1)), IsEmpty());
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call b #1"));
  EXPECT_EQ(saga.due(), minutes(1));
}

TEST(Suspended, ARetryThatWouldBeginPastThePutOffDeadlineIsNotWaitedFor) {
  Driver saga(flow({step("a")}, "deadline: 1s"));
  saga.start();
  saga.now = saga.now + milliseconds(500);
  saga.suspend();
  EXPECT_THAT(saga.answer("a", unreachable()),
              ElementsAre("a #1: unreachable not_done", "a failed: unreachable not_done"));
}

TEST(Suspended, TheTotalTimeoutDoesNotPass) {
  Driver saga(flow({step("a", "total_timeout: 10s")}));
  saga.start();
  saga.suspend();
  saga.now = saga.now + hours(1);
  EXPECT_THAT(saga.recover(), ElementsAre("a #1: connection_lost unknown uncounted, again in -1h"))
      << "at once when it goes on";
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call a #2"));
}

TEST(Suspended, CompensatingStopsOnceTheCallInFlightEnded) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  EXPECT_THAT(saga.suspend(), ElementsAre("suspended: operator"));
  EXPECT_EQ(saga.allowed(), "resume terminate");
  EXPECT_THAT(saga.answer_undo("b", done()), ElementsAre("b undone"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "undo a #1"));
  EXPECT_EQ(saga.status(), "compensating");
}

TEST(Suspended, ACompensationsRetryIsPutOffToo) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  saga.answer_undo("a", fault());
  saga.now = saga.now + seconds(4);
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "resume retry skip terminate");
  saga.now = saga.now + hours(1);
  EXPECT_THAT(saga.resume(), ElementsAre("resumed"));
  EXPECT_EQ(saga.due(), seconds(6));
}

TEST(Suspended, ACompensationThatFailsForGoodMeanwhileIsFollowedUpAfterwards) {
  Driver saga(flow({step("a"), step("b"), step("c")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", done());
  saga.answer("c", refused());
  saga.suspend();
  EXPECT_THAT(saga.answer_undo("b", final_fault()), ElementsAre("undoing b #1: 503 unknown", "b not undone: 503"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "undo a #1"));
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "failed: b not undone"));
}

TEST(Suspended, WhileStoppingItTurnsBackAfterwards) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.cancel();
  EXPECT_THAT(saga.suspend(), ElementsAre("suspended: operator"));
  EXPECT_EQ(saga.allowed(), "resume terminate");
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "turn back: cancelled", "undo a #1"));
}

TEST(Suspended, CancelPutsAnEndToIt) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled")) << "the call in flight is let finish";
  EXPECT_EQ(saga.status(), "running");
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "turn back: cancelled", "undo a #1"));
}

TEST(Suspended, NoServiceThatComesUpMovesIt) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", no_instance());
  saga.suspend();
  EXPECT_THAT(saga.available("a"), IsEmpty());
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call a #1")) << "whether there is one now is found by trying";
}

TEST(OnFailureSuspend, StopsWhereRetrySkipAndCancelLeadOut) {
  const auto workflow = flow({step("a"), step("b", "on_failure: suspend"), step("c")});
  const auto stopped = [&](const workers::CallOutcome& answer) {
    Driver saga(workflow);
    saga.start();
    saga.answer("a", done());
    EXPECT_THAT(saga.answer("b", answer), Contains("suspended: step_failed"));
    EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
    return saga;
  };
  Driver retried = stopped(refused());
  EXPECT_EQ(retried.state().error->code, "422");
  EXPECT_EQ(stuck_calls(*workflow, retried.state()).at(0).step, "b");
  EXPECT_THAT(retried.retry(), ElementsAre("retried b", "call b #2"));
  EXPECT_FALSE(retried.state().error);
  EXPECT_THAT(retried.answer("b", done()), ElementsAre("b done", "call c #1"));

  Driver resumed = stopped(refused());
  EXPECT_THAT(resumed.resume(), ElementsAre("resumed b", "call b #2")) << "after a failure the same as retry";

  Driver left_out = stopped(refused());
  EXPECT_THAT(left_out.skip("b"), ElementsAre("b settled", "call c #1"));
  EXPECT_THAT(left_out.answer("c", refused()), Contains("undo a #1")) << "b did nothing";

  Driver left_out_unknown = stopped(final_fault());
  left_out_unknown.skip("b");
  EXPECT_THAT(left_out_unknown.answer("c", refused()), Contains("undo b #1")) << "b may have done something";

  Driver settled = stopped(refused());
  EXPECT_THAT(settled.skip("b", share(Json{{"id", 5}})), ElementsAre("b settled as done", "call c #1"));
  EXPECT_THAT(settled.answer("c", refused()), Contains("undo b #1"));
  EXPECT_EQ(settled.header("b", Phase::kCompensation, "Saga-Outcome"), "unknown");

  Driver cancelled = stopped(refused());
  EXPECT_THAT(cancelled.cancel(), ElementsAre("cancelled", "turn back: 422", "undo a #1"));
  EXPECT_EQ(cancelled.state().error->step, "b") << "why it stopped in the first place";

  Driver terminated = stopped(refused());
  EXPECT_THAT(terminated.terminate(), ElementsAre("terminated"));
}

TEST(OnFailureSuspend, RetriedWhileDrainingAndCancelledTheStepEndsAsItHad) {
  Driver saga(flow({step("a", "on_failure: suspend, input: { n: \"${ input.list[0].x + 1 }\" }")}));
  saga.start();
  EXPECT_EQ(saga.status(), "suspended");
  saga.begin_calls = false;
  EXPECT_THAT(saga.retry(), ElementsAre("retried a"));
  EXPECT_THAT(saga.cancel(),
              ElementsAre("cancelled", "a failed: expression_error not_done", "turn back: cancelled", "compensated"));
}

}  // namespace
}  // namespace saga::core
