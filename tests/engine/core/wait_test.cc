// Steps that wait: for a time, or for a signal.
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

TEST(Wait, EndsAfterItsTime) {
  Driver saga(flow({step("a"), wait_step("w"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "w waits 1m"));
  EXPECT_EQ(saga.step("w").status, StepStatus::kWaiting);
  EXPECT_EQ(saga.due(), minutes(1));
  EXPECT_FALSE(needs_attention(saga.state()));
  EXPECT_EQ(saga.allowed(), "cancel suspend terminate") << "a wait is never retried";
  EXPECT_THAT(saga.after(seconds(59)), IsEmpty());
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.after(seconds(1)), ElementsAre("w done", "call b #1"));
  EXPECT_TRUE(saga.step("w").output->is_null());
}

TEST(Wait, ItsWhenSkipsIt) {
  Driver saga(flow({wait_step("w", "when: \"${ input.slow }\""), step("b")}));
  EXPECT_THAT(saga.start({{"slow", false}}), ElementsAre("accepted", "started", "w skipped", "call b #1"));
}

TEST(Wait, ACancelAndTheDeadlineEndIt) {
  Driver saga(flow({step("a"), wait_step("w")}));
  saga.start();
  saga.answer("a", done());
  EXPECT_THAT(saga.cancel(),
              ElementsAre("cancelled", "w failed: cancelled not_done", "turn back: cancelled", "undo a #1"));
  Driver late(flow({wait_step("w")}, "deadline: 30s"));
  late.start();
  EXPECT_THAT(late.when_due(), ElementsAre("stop: deadline_exceeded", "w failed: deadline_exceeded not_done",
                                           "turn back: deadline_exceeded", "compensated"));
}

TEST(Wait, ASuspensionPutsItOff) {
  Driver saga(flow({wait_step("w"), step("b")}));
  saga.start();
  saga.now = saga.now + seconds(20);
  saga.suspend();
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.after(hours(3)), IsEmpty());
  saga.resume();
  EXPECT_EQ(saga.due(), seconds(40));
  saga.suspend();
  EXPECT_THAT(saga.skip("w"), ElementsAre("w settled", "call b #1")) << "an operator may cut it short";
}

TEST(Signal, IsAwaitedAndItsPayloadIsTheOutput) {
  Driver saga(flow({signal_step("approved"), bare("b", "input: { by: \"${ steps.approved.output.by }\" }")}));
  EXPECT_THAT(saga.start(), ElementsAre("accepted", "started", "approved awaits its signal"));
  EXPECT_FALSE(saga.due());
  EXPECT_FALSE(needs_attention(saga.state()));
  EXPECT_EQ(saga.allowed(), "cancel suspend terminate");
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.signal("approved", R"({"by":"ada"})"),
              ElementsAre("signal of approved", "approved done", "call b #1"));
  EXPECT_EQ(*saga.step("approved").output, Json({{"by", "ada"}}));
  EXPECT_EQ(saga.request("b").body, R"({"by":"ada"})");
}

TEST(Signal, OneThatComesEarlyWaitsForItsStep) {
  Driver saga(flow({step("a"), signal_step("approved", "timeout: 1m"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.signal("approved", "7"), ElementsAre("signal of approved"));
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "approved done", "call b #1"));
  EXPECT_TRUE(saga.step("approved").started_at);
  Driver pending(flow({signal_step("approved"), step("b")}));
  pending.start(Json::object(), kStart + hours(1));
  EXPECT_THAT(pending.signal("approved"), ElementsAre("signal of approved"));
  EXPECT_THAT(pending.when_due(), ElementsAre("started", "approved done", "call b #1"));
}

TEST(Signal, TheFirstCountsAndTheSameAgainIsNoMatter) {
  Driver saga(flow({step("a"), signal_step("approved"), step("b")}));
  saga.start();
  saga.signal("approved", R"({"n":1})");
  EXPECT_THAT(saga.signal("approved", R"({"n":1})"), IsEmpty());
  const auto [kind, why] = saga.refused_input(SignalArrived{"approved", share(Json{{"n", 2}}), "ada", true});
  EXPECT_EQ(kind, Refusal::Kind::kConflict);
  EXPECT_THAT(why, HasSubstr("counts once"));
  saga.answer("a", done());
  EXPECT_THAT(saga.signal("approved", R"({"n":1})"), IsEmpty()) << "also when the step has ended with it";
}

TEST(Signal, OneWithoutPayloadIsTheSameAsOneWithNull) {
  Driver saga(flow({signal_step("approved"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.feed(SignalArrived{"approved", nullptr, "ada", true}), Contains("approved done"));
  EXPECT_TRUE(saga.step("approved").output->is_null());
  EXPECT_THAT(saga.signal("approved", "null"), IsEmpty());
}

TEST(Signal, AnUnknownNameDoesNotFit) {
  Driver saga(flow({signal_step("approved")}));
  saga.start();
  const auto [kind, why] = saga.refused_input(SignalArrived{"aproved", nullptr, "ada", true});
  EXPECT_EQ(kind, Refusal::Kind::kMisfit);
  EXPECT_THAT(why, HasSubstr("flow/1"));
}

TEST(Signal, AfterItsTimeoutItIsTooLate) {
  Driver saga(flow({step("a"), signal_step("approved", "timeout: 2m")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "approved awaits its signal for 2m"));
  EXPECT_EQ(saga.due(), minutes(2));
  EXPECT_THAT(saga.when_due(),
              ElementsAre("approved failed: signal_timeout not_done", "turn back: signal_timeout", "undo a #1"));
  const auto [kind, why] = saga.refused_input(SignalArrived{"approved", nullptr, "ada", true});
  EXPECT_EQ(kind, Refusal::Kind::kConflict);
  EXPECT_THAT(why, HasSubstr("compensating"));
}

TEST(Signal, ForAStepThatWasSkippedOrASagaThatEndedItIsTooLate) {
  Driver skipped(flow({signal_step("approved", "when: \"${ false }\""), step("b")}));
  skipped.start();
  EXPECT_EQ(skipped.refused_input(SignalArrived{"approved", nullptr, "ada", true}).first, Refusal::Kind::kConflict);
  skipped.terminate();
  EXPECT_EQ(skipped.refused_input(SignalArrived{"approved", nullptr, "ada", true}).first, Refusal::Kind::kConflict);
}

TEST(Signal, WhereAFailureSuspendsARetryAwaitsItAnew) {
  Driver saga(flow({signal_step("approved", "timeout: 2m, on_failure: suspend"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.when_due(), ElementsAre("approved failed: signal_timeout not_done", "suspended: step_failed"));
  EXPECT_EQ(saga.refused_input(SignalArrived{"approved", nullptr, "ada", true}).first, Refusal::Kind::kConflict);
  EXPECT_THAT(saga.retry(), ElementsAre("retried approved", "approved awaits its signal for 2m"));
  EXPECT_THAT(saga.signal("approved"), Contains("approved done"));
}

TEST(Signal, WhereAFailureIsPassedOverTheSagaGoesOn) {
  Driver saga(flow({signal_step("approved", "timeout: 2m, on_failure: continue"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.when_due(), ElementsAre("approved failed: signal_timeout not_done", "call b #1"));
}

TEST(Signal, InASuspendedSagaItIsRecordedAndItsTimeoutPutOff) {
  Driver saga(flow({signal_step("approved", "timeout: 2m"), step("b")}));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.after(minutes(5)), IsEmpty());
  saga.resume();
  EXPECT_EQ(saga.due(), minutes(2));
  saga.suspend();
  EXPECT_THAT(saga.signal("approved", "1"), ElementsAre("signal of approved"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "approved done", "call b #1"));
}

TEST(Signal, AnOperatorMaySpeakForItInASuspendedSaga) {
  Driver saga(flow({signal_step("approved"), bare("b", "input: { by: \"${ steps.approved.output.by }\" }")}));
  saga.start();
  saga.suspend();
  EXPECT_THAT(saga.skip("approved", share(Json{{"by", "ops"}})), ElementsAre("approved settled as done", "call b #1"));
  EXPECT_EQ(saga.request("b").body, R"({"by":"ops"})");
}

TEST(Signal, PastThePivotItsTimeoutSuspends) {
  Driver saga(flow({step("p", "pivot: true"), signal_step("approved", "timeout: 2m")}, "deadline: 1m"));
  saga.start();
  saga.answer("p", done());
  EXPECT_EQ(saga.due(), minutes(2)) << "the deadline does nothing there";
  EXPECT_THAT(saga.when_due(), ElementsAre("approved failed: signal_timeout not_done", "suspended: step_failed"));
}

}  // namespace
}  // namespace saga::core
