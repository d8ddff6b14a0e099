#include <gmock/gmock.h>

#include <future>

#include "engine/runtime/runtime.h"
#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using Log = std::vector<std::string>;

TEST_F(RuntimeTest, ARestartCallsAnAttemptInFlightAgainWithTheNextNumber) {
  ASSERT_TRUE(start("t1"));
  boot();
  settle();
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/2"}));
  answer("hotel/action/2", 200);
  answer("flight/action/1", 200);
  EXPECT_EQ(status("t1"), "completed");
  EXPECT_TRUE(read("t1")->steps[0].action.any_unknown) << "the lost attempt stays unknown ever after";
  EXPECT_EQ(read("t1")->steps[0].action.counted, 0) << "its place in max_attempts is not used up";
}

TEST_F(RuntimeTest, ARestartKeepsARetryDelay) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 503);
  boot();
  settle();
  EXPECT_TRUE(dispatcher_->log().empty());
  pass(Millis{100});
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/2"}));
}

TEST_F(RuntimeTest, ARestartGoesOnUndoing) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  answer("flight/action/1", 422);
  boot();
  settle();
  answer("hotel/compensation/2", 200);
  EXPECT_EQ(status("t1"), "compensated");
}

TEST_F(RuntimeTest, WhatWasDrainedGoesOnAfterTheRestart) {
  ASSERT_TRUE(start("t1"));
  runtime_->drain();
  answer("hotel/action/1", 200);
  boot();
  settle();
  EXPECT_EQ(dispatcher_->log(), (Log{"flight/action/1"}));
  EXPECT_FALSE(read("t1")->steps[0].action.any_unknown);
}

TEST_F(RuntimeTest, ASagaThatWaitsLongIsDroppedAndReadBackWhenDue) {
  StartRequest later = request("t1");
  later.start_at = clock_.now() + std::chrono::hours(24 * 30);
  ASSERT_TRUE(start(std::move(later)));
  EXPECT_EQ(status("t1"), "pending");
  EXPECT_EQ(runtime_->stats().live, 0U);
  pass(std::chrono::hours(24 * 30) - std::chrono::minutes(1));
  EXPECT_TRUE(dispatcher_->log().empty());
  pass(std::chrono::seconds(58));  // Within the scan's look-ahead: read back, not yet due.
  EXPECT_EQ(runtime_->stats().live, 1U);
  EXPECT_TRUE(dispatcher_->log().empty());
  pass(std::chrono::seconds(2));
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"}));
}

TEST_F(RuntimeTest, AnOperatorsWakeUpOutlivesACrashRightAfterIt) {
  StartRequest later = request("t1");
  later.start_at = clock_.now() + std::chrono::hours(1);
  ASSERT_TRUE(start(std::move(later)));
  ASSERT_TRUE(command("t1", core::Verb::kSuspend));
  EXPECT_FALSE(store_->find("t1")->head.wake_at);
  pass(std::chrono::hours(2));
  ASSERT_TRUE(command("t1", core::Verb::kResume));
  boot();
  settle();
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/2"}));
}

TEST_F(RuntimeTest, ManySagasAreTakenUpAgain) {
  constexpr int kSagas = 2'500;  // More than one page of a scan.
  int accepted = 0;
  for (int i = 0; i < kSagas; ++i) {
    runtime_->start(request("t" + std::to_string(i)),
                    [&accepted](const Result<Started>& result) { accepted += result ? 1 : 0; });
  }
  settle();
  ASSERT_EQ(accepted, kSagas);
  boot();
  while (dispatcher_->log().size() < kSagas) settle();
  EXPECT_EQ(dispatcher_->log().size(), static_cast<std::size_t>(kSagas));
  EXPECT_EQ(runtime_->stats().live, static_cast<std::size_t>(kSagas));
}

TEST_F(RuntimeTest, ASagaWhoseRecordDoesNotReplayIsSuspendedAndTheOthersGoOn) {
  ASSERT_TRUE(start("bad"));
  ASSERT_TRUE(start("good"));
  const auto row = store_->find("bad");
  std::promise<Result<void>> appended;  // Kept on the store's thread.
  const auto epoch = store_->take_over(0, "somebody");
  ASSERT_TRUE(epoch);
  store::Append damage;
  damage.saga = row->key;
  damage.fence = {0, *epoch};
  damage.first_seq = store_->load(row->key)->back().seq + 1;
  damage.events.push_back({damage.first_seq, clock_.now(), "step_completed", R"({"step":"flight"})"});
  ASSERT_TRUE(
      store_->submit(std::move(damage), [&appended](Result<void> result) { appended.set_value(std::move(result)); }));
  ASSERT_TRUE(appended.get_future().get());

  boot();
  settle();
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/2"})) << "only the good one is called";
  const auto suspended = store_->find("bad");
  EXPECT_EQ(suspended->head.status, "suspended");
  EXPECT_TRUE(suspended->head.needs_attention);
  EXPECT_EQ(suspended->head.stuck.front().code, "corrupt");
  EXPECT_FALSE(suspended->head.wake_at);

  const auto refused = command("bad", core::Verb::kRetry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorruption);
  ASSERT_TRUE(command("bad", core::Verb::kTerminate));
  EXPECT_EQ(store_->find("bad")->head.status, "terminated");
  EXPECT_FALSE(store_->find("bad")->head.needs_attention);
}

// ---- overdue --------------------------------------------------------------------------------------------------------

class Overdue : public RuntimeTest {
 protected:
  std::size_t overdue() {
    auto counted = std::async(std::launch::async, [this] { return runtime_->count_overdue(); });
    while (counted.wait_for(std::chrono::seconds{0}) != std::future_status::ready) runtime_->turn();
    const auto count = counted.get();
    EXPECT_TRUE(count);
    return count.value_or(0);
  }
};

TEST_F(Overdue, ABusySagaIsNotHoweverLongItsCallTakes) {
  ASSERT_TRUE(start("t1"));
  clock_.advance(Millis{60'000});
  EXPECT_EQ(overdue(), 0U);
}

TEST_F(Overdue, ASleepingOrEndedSagaIsNot) {
  StartRequest later = request("t1");
  later.start_at = clock_.now() + Millis{3'600'000};
  ASSERT_TRUE(start(std::move(later)));
  ASSERT_TRUE(start("t2"));
  ASSERT_TRUE(command("t2", core::Verb::kTerminate));
  clock_.advance(Millis{60'000});
  EXPECT_EQ(overdue(), 0U);
}

TEST_F(Overdue, WhatNobodyTakesUpIsAfterTenSeconds) {
  for (const char* id : {"t1", "t2", "t3"}) ASSERT_TRUE(start(id));
  RuntimeOptions no_room;
  no_room.max_live = 0;
  boot(no_room);
  clock_.advance(Millis{9'000});
  EXPECT_EQ(overdue(), 0U);
  clock_.advance(Millis{2'000});
  EXPECT_EQ(overdue(), 3U);
}

TEST_F(Overdue, AnEngineThatDoesNotAnswerMakesAllOfThem) {
  ASSERT_TRUE(start("t1"));
  clock_.advance(Millis{60'000});
  EXPECT_EQ(runtime_->count_overdue(), 1U) << "nobody turns";
}

// ---- holding --------------------------------------------------------------------------------------------------------

class Holding : public RuntimeTest {
 protected:
  /// As a process started with --hold.
  void hold(RuntimeOptions options = {}) {
    boot(options);
    for (;;) {
      const auto more = runtime_->hold_some({"sagad", true, "held"});
      ASSERT_TRUE(more) << more.error().message;
      if (!*more) return;
    }
  }
};

TEST_F(Holding, SuspendsEveryUnfinishedSagaBeforeAnythingIsCalled) {
  ASSERT_TRUE(start("calling"));
  ASSERT_TRUE(start("retrying"));
  ASSERT_TRUE(dispatcher_->take()) << "its call stays open";
  answer("hotel/action/1", 503);
  StartRequest later = request("asleep");
  later.start_at = clock_.now() + Millis{3'600'000};
  ASSERT_TRUE(start(std::move(later)));
  ASSERT_TRUE(start("ended"));
  ASSERT_TRUE(command("ended", core::Verb::kTerminate));
  hold();
  pass(Millis{600'000});
  EXPECT_THAT(dispatcher_->log(), ::testing::IsEmpty());
  for (const char* id : {"calling", "retrying", "asleep"}) EXPECT_EQ(status(id), "suspended") << id;
  EXPECT_EQ(status("ended"), "terminated");
  EXPECT_EQ(runtime_->stats().live, 0U);
}

TEST_F(Holding, WhatWasHeldGoesOnWhenItIsResumed) {
  ASSERT_TRUE(start("t1"));
  hold();
  ASSERT_TRUE(command("t1", core::Verb::kResume));
  answer("hotel/action/2", 200);
  answer("flight/action/1", 200);
  EXPECT_EQ(status("t1"), "completed");
}

TEST_F(Holding, ACrashInTheMiddleIsGoneOnFrom) {
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(start("t" + std::to_string(i)));
  RuntimeOptions pages;
  pages.scan_batch = 2;
  boot(pages);
  EXPECT_EQ(runtime_->hold_some({"sagad", true, "held"}), true);
  hold(pages);
  EXPECT_THAT(dispatcher_->log(), ::testing::IsEmpty());
  for (int i = 0; i < 7; ++i) EXPECT_EQ(status("t" + std::to_string(i)), "suspended");
}

TEST_F(Holding, ANewSagaIsNotHeld) {
  ASSERT_TRUE(start("old"));
  hold();
  ASSERT_TRUE(start("new"));
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"}));
}

}  // namespace
}  // namespace saga::runtime
