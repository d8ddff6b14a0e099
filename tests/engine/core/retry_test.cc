// When an attempt is followed by another, and after how long.
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

TEST(Retry, DelaysGrowByTheMultiplierUpToTheLongest) {
  Driver saga(flow({step("a")},
                   "defaults: { retry: { max_attempts: 10, initial_interval: 200ms, multiplier: 3.0, max_interval: 2s, "
                   "jitter: 0 } }"));
  saga.start();
  for (const auto* delay : {"200ms", "600ms", "1s800ms", "2s", "2s"}) {
    EXPECT_THAT(saga.answer("a", fault()), ElementsAre(testing::EndsWith(std::string("again in ") + delay)));
    saga.when_due();
  }
}

TEST(Retry, TheNextAttemptBeginsWhenItIsDueAndNotBefore) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", fault()), ElementsAre("a #1: 503 unknown, again in 1s"));
  EXPECT_EQ(saga.due(), seconds(1));
  EXPECT_EQ(saga.step("a").status, StepStatus::kRetrying);
  EXPECT_THAT(saga.after(milliseconds(999)), IsEmpty());
  EXPECT_THAT(saga.after(milliseconds(1)), ElementsAre("call a #2"));
  EXPECT_EQ(saga.step("a").status, StepStatus::kRunning);
}

TEST(Retry, JitterSpreadsTheDelayEvenlyAroundIt) {
  const auto workflow = flow({step("a")}, "defaults: { retry: { initial_interval: 1s, jitter: 0.5 } }");
  std::int64_t least = 1'000'000;
  std::int64_t most = 0;
  std::int64_t sum = 0;
  constexpr int kDraws = 400;
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    Driver saga(workflow);
    saga.draw = draw;
    saga.start();
    saga.answer("a", fault());
    const std::int64_t delay = saga.due()->count();
    least = std::min(least, delay);
    most = std::max(most, delay);
    sum += delay;
  }
  EXPECT_GE(least, 500);
  EXPECT_LT(least, 550);
  EXPECT_LE(most, 1500);
  EXPECT_GT(most, 1450);
  EXPECT_NEAR(static_cast<double>(sum) / kDraws, 1000.0, 60.0);
}

TEST(Retry, RetryAfterCountsWhereItIsLonger) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", answered(429, "", "30")), ElementsAre("a #1: 429 not_done, again in 30s"));
}

TEST(Retry, RetryAfterDoesNotShortenTheDelay) {
  Driver saga(flow({step("a")}, "defaults: { retry: { initial_interval: 10s, jitter: 0 } }"));
  saga.start();
  EXPECT_THAT(saga.answer("a", answered(503, "", "3")), ElementsAre("a #1: 503 unknown, again in 10s"));
}

TEST(Retry, RetryAfterCountsForAnHourAtMost) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", answered(503, "", "86400")), ElementsAre("a #1: 503 unknown, again in 1h"));
  EXPECT_EQ(saga.due(), hours(1));
}

TEST(Retry, RetryAfterIsForCompensationsToo) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", answered(503, "", "60")), ElementsAre("undoing a #1: 503 unknown, again in 1m"));
}

TEST(Retry, MaxAttemptsAreAllThereAre) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", unreachable());
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #2: unreachable not_done, again in 2s"));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()),
              ElementsAre("a #3: unreachable not_done", "a failed: unreachable not_done", "turn back: unreachable",
                          "compensated"));
  EXPECT_EQ(saga.step("a").action.attempts, 3);
}

TEST(Retry, NonRetryableBeatsTheBodyWhichBeatsTheTable) {
  const auto workflow = flow({step("a", "retry: { max_attempts: 3, jitter: 0, non_retryable: [card_declined, 504] }")});
  const auto is_retried = [&](const workers::CallOutcome& answer) {
    Driver saga(workflow);
    saga.start();
    saga.answer("a", answer);
    return saga.step("a").status == StepStatus::kRetrying;
  };
  EXPECT_FALSE(is_retried(answered(503, R"({"code":"card_declined","retryable":true})")));
  EXPECT_FALSE(is_retried(answered(504, R"({"retryable":true})")));
  EXPECT_TRUE(is_retried(answered(422, R"({"code":"locked","retryable":true})")));
  EXPECT_FALSE(is_retried(answered(503, R"({"retryable":false})")));
  EXPECT_TRUE(is_retried(answered(503)));
  EXPECT_FALSE(is_retried(answered(422)));
}

TEST(Retry, ARefusalIsNotRetriedButAConflictAfterAnUnknownAttemptIs) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", timed_out());
  saga.when_due();
  EXPECT_THAT(saga.answer("a", answered(409)), ElementsAre("a #2: 409 unknown, again in 2s"));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "completed"));

  Driver first(flow({step("a")}));
  first.start();
  EXPECT_THAT(first.answer("a", answered(409)), Contains("a failed: 409 not_done"));
}

TEST(Retry, ATimeoutIsUnknownAndRetried) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", timed_out()), ElementsAre("a #1: timeout unknown, again in 1s"));
}

TEST(TotalTimeout, NoAttemptBeginsPastItAndNoRetryIsWaitedForThatWould) {
  Driver saga(flow({step("a", "total_timeout: 2500ms")}));
  saga.start();
  saga.now = saga.now + milliseconds(500);
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #1: unreachable not_done, again in 1s"));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", unreachable()),
              ElementsAre("a #2: unreachable not_done", "a failed: unreachable not_done", "turn back: unreachable",
                          "compensated"))
      << "the next would begin at 3.5 s";
}

TEST(TotalTimeout, ARetryAtItsVeryEndStillBegins) {
  Driver saga(flow({step("a", "total_timeout: 1s")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", fault()), ElementsAre("a #1: 503 unknown, again in 1s"));
  EXPECT_THAT(saga.when_due(), ElementsAre("call a #2"));
}

TEST(TotalTimeout, CutsNoCall) {
  Driver saga(flow({step("a", "total_timeout: 1s")}));
  saga.start();
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.after(seconds(4)), IsEmpty());
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "completed"));
}

TEST(TotalTimeout, EndsARetryThatCouldNotBeginInTime) {
  Driver saga(flow({step("a", "total_timeout: 2s")}));
  saga.start();
  saga.answer("a", unreachable());
  EXPECT_THAT(saga.after(seconds(5)),
              ElementsAre("a failed: unreachable not_done", "turn back: unreachable", "compensated"))
      << "the process was down when it was due";
}

TEST(TotalTimeout, CountsAnewForTheCompensation) {
  Driver saga(flow({step("a", "total_timeout: 15s"), step("b")}));
  saga.start();
  saga.now = saga.now + minutes(5);
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", fault()), ElementsAre("undoing a #1: 503 unknown, again in 10s"));
  saga.when_due();
  saga.now = saga.now + seconds(6);
  EXPECT_THAT(saga.answer_undo("a", fault()),
              ElementsAre("undoing a #2: 503 unknown", "a not undone: 503", "failed: a not undone"));
}

TEST(TotalTimeout, BoundsACompensation) {
  Driver saga(flow({step("a", "total_timeout: 5s"), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", fault()),
              ElementsAre("undoing a #1: 503 unknown", "a not undone: 503", "failed: a not undone"));
}

TEST(TotalTimeout, CountsAnewForAnOperatorsRetry) {
  Driver saga(flow({step("a", "total_timeout: 2s, on_failure: suspend")}));
  saga.start();
  saga.now = saga.now + seconds(3);
  EXPECT_THAT(saga.answer("a", unreachable()), Contains("suspended: step_failed"));
  saga.now = saga.now + minutes(10);
  EXPECT_THAT(saga.retry(), ElementsAre("retried a", "call a #2"));
  EXPECT_THAT(saga.answer("a", unreachable()), ElementsAre("a #2: unreachable not_done, again in 1s"))
      << "with fresh attempts";
}

TEST(Retry, AnOperatorsRetryOfACallBetweenTwoAttemptsCallsNowWithFreshAttempts) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", fault());
  saga.when_due();
  saga.answer("a", fault());
  EXPECT_EQ(saga.allowed(), "cancel suspend retry terminate");
  EXPECT_THAT(saga.retry("a"), ElementsAre("retried a", "call a #3"));
  EXPECT_THAT(saga.answer("a", fault()), ElementsAre("a #3: 503 unknown, again in 1s"));
  EXPECT_EQ(saga.step("a").action.counted, 1);
}

TEST(Retry, WhileDrainingNoRetryBegins) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", fault());
  saga.begin_calls = false;
  EXPECT_THAT(saga.after(seconds(5)), IsEmpty());
  saga.begin_calls = true;
  EXPECT_THAT(saga.timer(), ElementsAre("call a #2"));
}

}  // namespace
}  // namespace saga::core
