// Sagas before an open circuit breaker: no attempt is used up, what is said bounds the wait, and they go on when it
// closes.
#include <gmock/gmock.h>

#include "engine/runtime/runtime.h"
#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using ::testing::ElementsAre;
using workers::Admits;
using Log = std::vector<std::string>;

class OpenBreakerTest : public RuntimeTest {
 protected:
  std::size_t calls() const { return dispatcher_->log().size(); }
};

TEST_F(OpenBreakerTest, UsesUpNoAttemptHoweverOftenItIsFoundOpen) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 503);
  dispatcher_->let_through("hotels", Admits::kNone);
  pass(Millis{100});
  for (int round = 0; round < 20; ++round) {  // Another call takes the probe each time, before this one comes.
    dispatcher_->let_through("hotels", Admits::kAll);
    clock_.advance(Millis{200});
    while (calls() == static_cast<std::size_t>(2 + round)) runtime_->turn();
    dispatcher_->let_through("hotels", Admits::kNone);
    const auto sent = dispatcher_->take();
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->what(), "hotel/action/2") << "the number is given back";
    sent->end(workers::NotSent{workers::NotSent::Reason::kNoInstance, "the breaker is open"});
    settle();
  }
  const auto state = read("t1");
  EXPECT_EQ(state->steps[0].action.attempts, 1);
  EXPECT_EQ(state->steps[0].action.counted, 1);
  EXPECT_TRUE(store_->find("t1")->head.needs_attention);
  EXPECT_EQ(store_->find("t1")->head.stuck.at(0).code, "no_instance");
  EXPECT_EQ(state->steps[0].action.last_failure->message, "the breaker is open");

  dispatcher_->let_through("hotels", Admits::kAll);
  pass(Millis{200});
  answer("hotel/action/2", 503);
  pass(Millis{200});
  answer("hotel/action/3", 200);
  answer("flight/action/1", 200);
  EXPECT_EQ(status("t1"), "completed");
}

TEST_F(OpenBreakerTest, OfManyThatWaitOneIsTheProbeAndAllGoOnOnceItSucceeds) {
  dispatcher_->let_through("hotels", Admits::kNone);
  constexpr int kSagas = 1'000;
  for (int i = 0; i < kSagas; ++i) {
    runtime_->start(request("t" + std::to_string(i)), [](const Result<Started>& started) { EXPECT_TRUE(started); });
  }
  settle();
  ASSERT_EQ(calls(), kSagas) << "each found it open once";
  pass(Millis{60'000});
  ASSERT_EQ(calls(), kSagas) << "and then waits without asking";

  dispatcher_->let_through("hotels", Admits::kOne);
  settle();
  EXPECT_EQ(calls(), kSagas + 1U);
  answer("hotel/action/1", 503);
  settle();
  EXPECT_EQ(calls(), kSagas + 1U) << "the probe failed, so nobody follows";

  dispatcher_->let_through("hotels", Admits::kOne);
  pass(Millis{1'000});
  auto probe = dispatcher_->take();
  ASSERT_TRUE(probe);
  dispatcher_->answer_by([](const testing::FakeDispatcher::Sent& sent) { sent.answer(200, "{}"); });
  dispatcher_->let_through("hotels", Admits::kAll);
  probe->answer(200, "{}");
  settle();
  for (int i = 0; i < 20 && runtime_->stats().live > 0; ++i) pass(Millis{100});
  EXPECT_EQ(runtime_->stats().live, 0U);
  for (int i = 0; i < kSagas; ++i) ASSERT_EQ(status("t" + std::to_string(i)), "completed") << i;
}

TEST_F(OpenBreakerTest, TheDeadlineBoundsTheWaitOfAnActionAndNotOfACompensation) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  dispatcher_->let_through("hotels", Admits::kNone);
  dispatcher_->let_through("flights", Admits::kNone);
  answer("flight/action/1", 503);
  pass(std::chrono::minutes(11));
  EXPECT_EQ(status("t1"), "compensating");
  EXPECT_EQ(read("t1")->error->code, "deadline_exceeded");
  EXPECT_EQ(read("t1")->steps[1].undo, core::CompensationStatus::kWaiting) << "it is held back as the action was";
  pass(std::chrono::hours(24));
  EXPECT_EQ(status("t1"), "compensating");

  dispatcher_->let_through("flights", Admits::kAll);
  settle();
  answer("flight/compensation/1", 200);
  dispatcher_->let_through("hotels", Admits::kOne);
  settle();
  answer("hotel/compensation/1", 200);
  EXPECT_EQ(status("t1"), "compensated");
}

TEST_F(OpenBreakerTest, TotalTimeoutBoundsTheWait) {
  register_workflows(R"(
name: trip
version: 2
steps:
  - { name: hotel, service: hotels, action: /book, total_timeout: 30s }
)");
  dispatcher_->let_through("hotels", Admits::kNone);
  ASSERT_TRUE(start("t1"));
  pass(Millis{29'999});
  EXPECT_EQ(status("t1"), "running");
  pass(Millis{1});
  EXPECT_EQ(status("t1"), "compensated");
  EXPECT_EQ(read("t1")->error->code, "no_instance");
  EXPECT_EQ(read("t1")->error->message, "the circuit breaker is open");
}

TEST_F(OpenBreakerTest, OneThatWasCancelledMeanwhileTakesNoProbe) {
  dispatcher_->let_through("hotels", Admits::kNone);
  ASSERT_TRUE(start("t1"));
  ASSERT_TRUE(start("t2"));
  ASSERT_TRUE(command("t1", core::Verb::kCancel));
  dispatcher_->let_through("hotels", Admits::kOne);
  settle();
  const auto probe = dispatcher_->take();
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->header(workers::kSagaId), "t2");
}

TEST_F(OpenBreakerTest, OneThatIsSuspendedGoesOnWhenItIsResumed) {
  dispatcher_->let_through("hotels", Admits::kNone);
  ASSERT_TRUE(start("t1"));
  ASSERT_TRUE(command("t1", core::Verb::kSuspend));
  dispatcher_->let_through("hotels", Admits::kAll);
  pass(Millis{5'000});
  EXPECT_EQ(status("t1"), "suspended");
  ASSERT_TRUE(command("t1", core::Verb::kResume));
  answer("hotel/action/1", 200);
  EXPECT_EQ(status("t1"), "running");
}

TEST_F(OpenBreakerTest, BranchesOfOneSagaWaitEachForItsOwn) {
  const auto loaded = workflows::load_workflows(R"(
name: trip
version: 2
steps:
  - parallel:
      - [{ name: hotel, service: hotels, action: /book }]
      - [{ name: flight, service: flights, action: /book }]
)",
                                                "test.yaml");
  ASSERT_TRUE(loaded) << workflows::format_problem(loaded.error().front());
  StartRequest both = request("t1");
  both.workflow = loaded->front();
  dispatcher_->let_through("hotels", Admits::kNone);
  dispatcher_->let_through("flights", Admits::kNone);
  ASSERT_TRUE(start(std::move(both)));
  pass(Millis{5'000});
  EXPECT_EQ(calls(), 2U);
  dispatcher_->let_through("hotels", Admits::kOne);
  settle();
  answer("hotel/action/1", 200);
  EXPECT_EQ(calls(), 3U) << "the other branch waits on";
  dispatcher_->let_through("flights", Admits::kAll);
  settle();
  answer("flight/action/1", 200);
  EXPECT_EQ(runtime_->stats().live, 0U) << "an ended saga leaves memory";
}

TEST_F(OpenBreakerTest, AfterARestartItIsTriedAgain) {
  dispatcher_->let_through("hotels", Admits::kNone);
  ASSERT_TRUE(start("t1"));
  boot();
  settle();
  answer("hotel/action/1", 200);
  answer("flight/action/1", 200);
  EXPECT_EQ(status("t1"), "completed");
}

TEST_F(OpenBreakerTest, AStepsOwnUrlIsWaitedForByThat) {
  register_workflows(R"(
name: trip
version: 2
steps:
  - { name: hotel, url: "http://hotel:1", action: { path: /book, accept: [501] } }
)");
  dispatcher_->let_through("http://hotel:1", Admits::kNone);
  ASSERT_TRUE(start("t1"));
  pass(Millis{60'000});
  EXPECT_THAT(dispatcher_->log(), ElementsAre("hotel/action/1"));
  dispatcher_->let_through("http://hotel:1", Admits::kOne);
  settle();
  const auto probe = dispatcher_->take();
  ASSERT_TRUE(probe);
  EXPECT_THAT(probe->call.accept, ElementsAre(501));
  probe->answer(200, "{}");
  settle();
  EXPECT_EQ(status("t1"), "completed");
}

}  // namespace
}  // namespace saga::runtime
