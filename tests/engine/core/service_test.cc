// A service with no instance: no attempt is used up, and only total_timeout and the deadline bound the wait.
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
using testing::IsEmpty;

TEST(NoInstance, TheCallWaitsItsNumberUnspent) {
  Driver saga(flow({step("a")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", no_instance()), ElementsAre("a waits"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(AwaitService{0, Phase::kAction})));
  EXPECT_EQ(saga.step("a").status, StepStatus::kWaiting);
  EXPECT_EQ(saga.step("a").action.attempts, 0);
  EXPECT_FALSE(saga.due()) << "nothing bounds the wait";
  EXPECT_THAT(saga.after(hours(1000)), IsEmpty());
  EXPECT_THAT(saga.available("a"), ElementsAre("call a #1"));
  EXPECT_THAT(saga.answer("a", no_instance()), ElementsAre("a waits"));
  saga.available("a");
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "completed"));
}

TEST(NoInstance, UsesUpNoPlaceInMaxAttempts) {
  Driver saga(flow({step("a")}));
  saga.start();
  for (int i = 0; i < 20; ++i) {
    saga.answer("a", no_instance());
    saga.available("a");
  }
  EXPECT_THAT(saga.answer("a", fault()), ElementsAre("a #1: 503 unknown, again in 1s"));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", no_instance()), ElementsAre("a waits"));
  EXPECT_EQ(saga.step("a").action.attempts, 1);
  EXPECT_THAT(saga.available("a"), ElementsAre("call a #2"));
}

TEST(NoInstance, NeedsAttentionWhileItWaits) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.now = saga.now + seconds(3);
  saga.answer("a", no_instance());
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_EQ(saga.state().attention_since, saga.now);
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_EQ(stuck[0].code, "no_instance");
  EXPECT_EQ(stuck[0].message, "no instance of shop");
  saga.available("a");
  EXPECT_FALSE(saga.state().attention_since);
}

TEST(NoInstance, TheDeadlineBoundsAnAction) {
  Driver saga(flow({step("a")}, "deadline: 1m"));
  saga.start();
  saga.answer("a", no_instance());
  EXPECT_EQ(saga.due(), minutes(1));
  EXPECT_THAT(saga.when_due(), ElementsAre("stop: deadline_exceeded", "a failed: no_instance not_done",
                                           "turn back: deadline_exceeded", "compensated"));
}

TEST(NoInstance, TotalTimeoutBoundsAnAction) {
  Driver saga(flow({step("a", "total_timeout: 30s")}));
  saga.start();
  saga.answer("a", fault());
  saga.when_due();
  saga.answer("a", no_instance());
  EXPECT_EQ(saga.due(), seconds(29));
  EXPECT_THAT(saga.when_due(), ElementsAre("a failed: no_instance unknown", "turn back: no_instance", "undo a #1"));
}

TEST(NoInstance, OfACompensationIsBoundedByTotalTimeoutOnly) {
  Driver saga(flow({step("a", "total_timeout: 30s"), step("b")}, "deadline: 10s"));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", no_instance()), ElementsAre("undoing a waits"));
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_EQ(saga.due(), seconds(30));
  EXPECT_THAT(saga.when_due(), ElementsAre("a not undone: no_instance", "failed: a not undone"));

  Driver unbounded(flow({step("a"), step("b")}, "deadline: 10s"));
  unbounded.start();
  unbounded.answer("a", done());
  unbounded.answer("b", refused());
  unbounded.answer_undo("a", no_instance());
  EXPECT_FALSE(unbounded.due());
  EXPECT_THAT(unbounded.available("a", Phase::kCompensation), ElementsAre("undo a #1"));
}

TEST(NoInstance, PastTotalTimeoutAnInstanceThatComesIsNotCalled) {
  Driver saga(flow({step("a", "total_timeout: 30s")}));
  saga.start();
  saga.answer("a", no_instance());
  saga.now = saga.now + seconds(31);
  EXPECT_THAT(saga.available("a"), Contains("a failed: no_instance not_done"));
}

TEST(NoInstance, AServiceThatNobodyWaitsForMovesNothing) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  EXPECT_THAT(saga.available("a"), IsEmpty());
  EXPECT_THAT(saga.available("b"), IsEmpty());
  EXPECT_THAT(saga.available("a", Phase::kCompensation), IsEmpty());
  saga.answer("a", no_instance());
  EXPECT_THAT(saga.available("a", Phase::kCompensation), IsEmpty());
  EXPECT_THAT(saga.available("b"), IsEmpty());
}

TEST(NoInstance, AnOperatorMayTryAgainAtOnce) {
  Driver saga(flow({step("a")}));
  saga.start();
  saga.answer("a", no_instance());
  EXPECT_EQ(saga.allowed(), "cancel suspend retry terminate");
  EXPECT_THAT(saga.retry(), ElementsAre("retried a", "call a #1"));

  Driver undoing(flow({step("a"), step("b")}));
  undoing.start();
  undoing.answer("a", done());
  undoing.answer("b", refused());
  undoing.answer_undo("a", no_instance());
  EXPECT_THAT(undoing.retry("a"), ElementsAre("retried undoing a", "undo a #1"));
}

TEST(NoInstance, ASuspendedOneCanBeSkipped) {
  Driver saga(flow({step("a"), step("b")}));
  saga.start();
  saga.answer("a", no_instance());
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  EXPECT_THAT(saga.skip("a"), ElementsAre("a settled", "call b #1"));
}

}  // namespace
}  // namespace saga::core
