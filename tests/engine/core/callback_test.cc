// Calls that the worker finishes later, by its callback.
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

Driver taken_saga(workflows::WorkflowRef workflow) {
  Driver saga(std::move(workflow));
  saga.start();
  EXPECT_THAT(saga.answer("a", taken()), Contains(testing::StartsWith("a #1 taken for ")));
  return saga;
}

TEST(Callback, ATakenCallIsNotOpenAndWaitsAnHour) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  EXPECT_FALSE(has_open_call(saga.state()));
  EXPECT_FALSE(needs_attention(saga.state()));
  EXPECT_EQ(saga.step("a").status, StepStatus::kWaiting);
  EXPECT_EQ(saga.step("a").action.awaits, Awaits::kCallback);
  EXPECT_EQ(saga.due(), hours(1));
  EXPECT_EQ(saga.allowed(), "cancel suspend terminate") << "it is not called again by hand";
  EXPECT_THAT(saga.call_back("a", R"({"n":1})"), ElementsAre("a done", "call b #1"));
  EXPECT_EQ(*saga.step("a").output, Json({{"n", 1}}));
}

TEST(Callback, WithTotalTimeoutItWaitsUntilThatIsOver) {
  Driver saga(flow({step("a", "total_timeout: 10m")}));
  saga.start();
  saga.now = saga.now + minutes(2);
  EXPECT_THAT(saga.answer("a", taken()), ElementsAre("a #1 taken for 8m"));
  EXPECT_THAT(saga.when_due(), ElementsAre("a #1: callback_timeout unknown", "a failed: callback_timeout unknown",
                                           "turn back: callback_timeout", "undo a #1"));
  EXPECT_EQ(saga.step("a").action.counted, 1) << "three may be tried, but what was taken is not tried again";
}

TEST(Callback, AHeartbeatStartsItsTimeAnew) {
  Driver saga = taken_saga(flow({step("a")}));
  saga.now = saga.now + minutes(50);
  EXPECT_THAT(saga.beat("a"), ElementsAre("a beats, 1h more"));
  EXPECT_THAT(saga.after(minutes(59)), IsEmpty());
  EXPECT_THAT(saga.after(minutes(1)), Contains("a failed: callback_timeout unknown"));
  Driver limited(flow({step("a", "total_timeout: 10m")}));
  limited.start();
  limited.answer("a", taken());
  limited.now = limited.now + minutes(9);
  EXPECT_THAT(limited.beat("a"), ElementsAre("a beats, 10m more"));
  EXPECT_THAT(limited.after(minutes(9)), IsEmpty());
  EXPECT_THAT(limited.beat("a"), ElementsAre("a beats, 10m more")) << "as often as it likes";
}

TEST(Callback, AHeartbeatDoesNotPutOffTheDeadline) {
  Driver saga = taken_saga(flow({step("a")}, "deadline: 10m"));
  saga.now = saga.now + minutes(11);
  EXPECT_THAT(saga.beat("a"), Contains("stop: deadline_exceeded"));
}

TEST(Callback, AHeartbeatBeforeThe202IsNotRefusedAndChangesNothing) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.beat("a"), IsEmpty());
}

TEST(Callback, MayPrecedeTheAnswerWhichThenDecidesNothing) {
  for (const auto& late : {taken(), done(R"({"n":2})"), fault(), refused()}) {
    Driver saga(flow({step("a"), step("b")}));
    saga.start();
    EXPECT_THAT(saga.call_back("a", R"({"n":1})"), ElementsAre("a done", "call b #1"));
    EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 1, late, 7}), IsEmpty());
    EXPECT_EQ(*saga.step("a").output, Json({{"n", 1}}));
  }
}

TEST(Callback, AFailureIsNotDoneAndFinalUnlessTheWorkerSaysOtherwise) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.call_back_failed("a"),
              ElementsAre("a #1: no not_done", "a failed: no not_done", "turn back: no", "compensated"));
  Driver again = taken_saga(flow({step("a"), step("b")}));
  EXPECT_THAT(again.call_back_failed("a", true), ElementsAre("a #1: no not_done, again in 1s"));
  EXPECT_THAT(again.when_due(), ElementsAre("call a #2"));
  Driver ruled_out = taken_saga(flow({step("a", "retry: { non_retryable: [\"no\"] }")}));
  EXPECT_THAT(ruled_out.call_back_failed("a", true), Contains("a failed: no not_done")) << "non_retryable beats it";
}

TEST(Callback, BeforeThe202AFailureEndsTheAttempt) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.call_back_failed("a", true), ElementsAre("a #1: no not_done, again in 1s"));
  EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 1, taken(), 7}), IsEmpty());
}

TEST(Callback, ASuccessCountsFromAnyAttemptAFailureFromTheNewest) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", timed_out());
  EXPECT_THAT(saga.when_due(), ElementsAre("call a #2"));
  const auto [kind, why] = saga.refused_input(saga.callback_of("a", Phase::kAction, 1, false, "", {}));
  EXPECT_EQ(kind, Refusal::Kind::kConflict);
  EXPECT_THAT(why, HasSubstr("newest"));
  EXPECT_THAT(saga.call_back("a", "7", 1), ElementsAre("a done", "call b #1"));
  EXPECT_THAT(saga.feed(CallFinished{0, Phase::kAction, 2, done(), 7}), IsEmpty());
}

TEST(Callback, InARetryDelayASuccessEndsItAndAFinalFailureEndsItUnknown) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", timed_out());
  EXPECT_THAT(saga.call_back_failed("a", true), IsEmpty()) << "it is tried again anyhow";
  EXPECT_THAT(saga.call_back("a"), ElementsAre("a done", "call b #1"));
  Driver failed(flow({step("a"), step("b")}));
  failed.start();
  failed.answer("a", timed_out());
  EXPECT_THAT(failed.call_back_failed("a"), ElementsAre("a failed: no unknown", "turn back: no", "undo a #1"));
}

TEST(Callback, OnceTheStepHasEndedItIsGone) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  saga.call_back("a");
  for (const bool succeeded : {true, false}) {
    const auto [kind, why] = saga.refused_input(saga.callback_of("a", Phase::kAction, 1, succeeded, "1", {}));
    EXPECT_EQ(kind, Refusal::Kind::kGone);
    EXPECT_THAT(why, HasSubstr("has"));
  }
  EXPECT_EQ(saga.refused_input(HeartbeatArrived{0, Phase::kAction, 1}).first, Refusal::Kind::kGone);
  EXPECT_EQ(saga.refused_input(saga.callback_of("b", Phase::kAction, 2, true, "1", {})).first, Refusal::Kind::kGone)
      << "an attempt that never was";
  EXPECT_EQ(saga.refused_input(saga.callback_of("a", Phase::kCompensation, 1, true, "1", {})).first,
            Refusal::Kind::kGone);
}

TEST(Callback, ATakenCallIsNotCalledAgainAfterACrash) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.effects(), IsEmpty());
  EXPECT_THAT(saga.call_back("a"), ElementsAre("a done", "call b #1"));
}

TEST(Callback, ACancelEndsATakenCallUnknown) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled", "a #1: cancelled unknown", "a failed: cancelled unknown",
                                         "turn back: cancelled", "undo a #1"));
  EXPECT_EQ(saga.refused_input(saga.callback_of("a", Phase::kAction, 1, true, "1", {})).first, Refusal::Kind::kGone);
  Driver in_flight(flow({step("a")}));
  in_flight.start();
  in_flight.cancel();
  EXPECT_THAT(in_flight.answer("a", taken()),
              ElementsAre("a #1 taken for 1h", "a #1: cancelled unknown", "a failed: cancelled unknown",
                          "turn back: cancelled", "undo a #1"));
}

TEST(Callback, TheDeadlineEndsATakenCallUnknown) {
  Driver saga = taken_saga(flow({step("a")}, "deadline: 10m"));
  EXPECT_EQ(saga.due(), minutes(10));
  EXPECT_THAT(saga.when_due(),
              ElementsAre("stop: deadline_exceeded", "a #1: deadline_exceeded unknown",
                          "a failed: deadline_exceeded unknown", "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Callback, AHeartbeatAfterTheDeadlineDoesNotHideIt) {
  Driver saga = taken_saga(flow({step("a"), step("b")}, "deadline: 1m"));
  saga.now = saga.now + minutes(2);
  EXPECT_THAT(saga.beat("a"),
              ElementsAre("a beats, 1h more", "stop: deadline_exceeded", "a #1: deadline_exceeded unknown",
                          "a failed: deadline_exceeded unknown", "turn back: deadline_exceeded", "undo a #1"));
}

TEST(Callback, InASuspendedSagaItIsRecordedAndItsTimeStandsStill) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  saga.suspend();
  saga.now = saga.now + hours(5);
  EXPECT_THAT(saga.beat("a"), ElementsAre("a beats, -4h more"));
  saga.resume();
  EXPECT_EQ(saga.due(), hours(1));
  saga.suspend();
  EXPECT_THAT(saga.call_back("a"), ElementsAre("a done"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call b #1"));
}

TEST(Callback, AnOperatorMaySettleWhatIsAwaitedInASuspendedSaga) {
  Driver saga = taken_saga(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.refusal(Verb::kSkip, "a"), HasSubstr("suspended"));
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "cancel resume skip terminate");
  EXPECT_THAT(saga.skip("a", share(Json{{"n", 2}})), ElementsAre("a settled as done", "call b #1"));
  Driver left_out = taken_saga(flow({step("a"), step("b")}));
  left_out.suspend();
  EXPECT_THAT(left_out.skip("a"), ElementsAre("a settled", "call b #1"));
  EXPECT_THAT(left_out.answer("b", refused()), Contains("undo a #1")) << "it may have happened all the same";
}

TEST(Callback, ACompensationMayBeTakenAsWell) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", taken()), ElementsAre("undoing a #1 taken for 1h"));
  EXPECT_EQ(saga.step("a").undo, CompensationStatus::kRunning);
  EXPECT_FALSE(has_open_call(saga.state()));
  EXPECT_THAT(saga.beat("a", Phase::kCompensation), ElementsAre("undoing a beats, 1h more"));
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.call_back_undone("a"), ElementsAre("a undone", "compensated"));
}

TEST(Callback, ACompensationIsNotGivenUpForItsCallback) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  saga.answer_undo("a", taken());
  EXPECT_THAT(saga.when_due(), ElementsAre("undoing a #1: callback_timeout unknown, again in 10s"));
  saga.when_due();
  saga.answer_undo("a", taken());
  EXPECT_THAT(saga.call_back_failed("a", {}, 0, Phase::kCompensation),
              ElementsAre("undoing a #2: no not_done", "a not undone: no", "failed: a not undone"))
      << "two attempts are all it has";
  Driver word(flow({step("a"), step("b")}));
  word.start();
  word.answer("a", done());
  word.answer("b", refused());
  word.answer_undo("a", taken());
  EXPECT_THAT(word.call_back_failed("a", {}, 0, Phase::kCompensation),
              ElementsAre("undoing a #1: no not_done, again in 10s"));
  word.when_due();
  EXPECT_THAT(word.call_back_failed("a", false, 0, Phase::kCompensation), Contains("failed: a not undone"));
}

TEST(Callback, APivotThatIsTakenLetsNobodyCancel) {
  Driver saga(flow({step("a"), bare("p", "pivot: true")}, "deadline: 1m"));
  saga.start();
  saga.answer("a", done());
  saga.answer("p", taken());
  EXPECT_EQ(saga.allowed(), "suspend terminate");
  EXPECT_THAT(saga.after(minutes(2)), IsEmpty()) << "nor the deadline stop it";
  saga.suspend();
  EXPECT_THAT(saga.refusal(Verb::kSkip, "p"), HasSubstr("with output"));
  saga.resume();
  EXPECT_THAT(saga.when_due(), ElementsAre("p #1: callback_timeout unknown", "p failed: callback_timeout unknown",
                                           "stop: deadline_exceeded", "suspended: pivot_unknown"));
}

}  // namespace
}  // namespace saga::core
