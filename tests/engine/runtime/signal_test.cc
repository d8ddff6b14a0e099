// Waits and signals over the real runtime: early, late, twice, across crashes, and without memory while they wait.
#include <gmock/gmock.h>

#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using Log = std::vector<std::string>;

constexpr const char* kLoan = R"(
name: loan
version: 1
deadline: 90d
steps:
  - { name: check, service: bank, action: /check, compensation: /uncheck }
  - { name: approval, signal: approved, timeout: 30d }
  - { name: cooling_off, wait: 14d }
  - { name: pay, service: bank, action: /pay, input: { by: "${ steps.approval.output.by }" } }
)";

class Signals : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    register_workflows(kLoan);
    ASSERT_TRUE(begin("l1"));
  }
  Result<Started> begin(const std::string& id, std::optional<Timestamp> start_at = std::nullopt) {
    StartRequest what = request(id);
    what.workflow = registry_->newest("loan");
    what.start_at = start_at;
    return start(std::move(what));
  }
  std::string signal(Json payload, const std::string& name = "approved", const std::string& id = "l1") {
    core::SignalArrived what;
    what.name = name;
    what.payload = share(std::move(payload));
    what.actor = "tester";
    return said(deliver({id, std::move(what), ""}));
  }
  void crash() {
    boot();
    settle();
  }
  /// From the signal to the end.
  void pay_and_complete() {
    pass(std::chrono::hours(24 * 14) + std::chrono::seconds(1));
    const auto call = dispatcher_->take();
    ASSERT_TRUE(call);
    EXPECT_EQ(call->call.body, R"({"by":"ann"})");
    call->answer(200);
    settle();
    EXPECT_EQ(status("l1"), "completed");
  }
};

TEST_F(Signals, CompletesItsStepAndIsItsOutput) {
  answer("check/action/1", 200);
  EXPECT_EQ(runtime_->stats().live, 0U) << "who waits for a signal needs no memory";
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  EXPECT_EQ(runtime_->stats().live, 0U) << "nor who waits for a time";
  pay_and_complete();
}

TEST_F(Signals, AnEarlyOneWaitsForItsStep) {
  EXPECT_EQ(signal({{"by", "ann"}}), "done") << "the first step is still at work";
  crash();
  answer("check/action/2", 200);
  EXPECT_EQ(read("l1")->steps[1].status, core::StepStatus::kCompleted);
  pay_and_complete();
}

TEST_F(Signals, OneForASagaThatHasNotBegunIsKept) {
  const Timestamp later = clock_.now() + std::chrono::hours(5);
  ASSERT_TRUE(begin("l2", later));
  EXPECT_EQ(signal({{"by", "ann"}}, "approved", "l2"), "done");
  EXPECT_EQ(status("l2"), "pending");
  EXPECT_EQ(store_->find("l2")->head.wake_at, later) << "and wakes nobody";
  EXPECT_EQ(runtime_->stats().live, 1U);
}

TEST_F(Signals, TheFirstCounts) {
  answer("check/action/1", 200);
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  const auto seq = read("l1")->seq;
  EXPECT_EQ(signal({{"by", "ann"}}), "done") << "the same again";
  EXPECT_EQ(signal({{"by", "bob"}}), "conflict");
  EXPECT_EQ(read("l1")->seq, seq);
  EXPECT_EQ(signal(nullptr, "rejected"), "misfit");
}

TEST_F(Signals, IsRefusedOnceItsTimeIsOver) {
  answer("check/action/1", 200);
  pass(std::chrono::hours(24 * 30) + std::chrono::seconds(1));
  EXPECT_EQ(read("l1")->steps[1].failure->code, "signal_timeout");
  EXPECT_EQ(signal({{"by", "ann"}}), "conflict");
  answer("check/compensation/1", 200);
  EXPECT_EQ(status("l1"), "compensated");
  EXPECT_EQ(signal({{"by", "ann"}}), "conflict");
}

TEST_F(Signals, ACancelEndsTheWaiting) {
  answer("check/action/1", 200);
  ASSERT_EQ(said(command("l1", core::Verb::kCancel)), "done");
  answer("check/compensation/1", 200);
  EXPECT_EQ(status("l1"), "compensated");
}

TEST_F(Signals, ACrashRightAfterOneLosesNothing) {
  answer("check/action/1", 200);
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  crash();
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  pay_and_complete();
}

TEST_F(Signals, ACrashWhileWaitingLosesNothing) {
  answer("check/action/1", 200);
  crash();
  EXPECT_TRUE(dispatcher_->log().empty());
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  crash();
  pay_and_complete();
}

TEST_F(Signals, TheTimeOfAWaitThatPassedWhileTheProcessWasAwayCounts) {
  answer("check/action/1", 200);
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  runtime_.reset();
  clock_.advance(std::chrono::hours(24 * 20));
  crash();
  EXPECT_EQ(dispatcher_->log(), (Log{"pay/action/1"}));
}

TEST_F(Signals, IsRecordedInASuspendedSagaAndNothingFollows) {
  answer("check/action/1", 200);
  ASSERT_EQ(said(command("l1", core::Verb::kSuspend)), "done");
  EXPECT_EQ(signal({{"by", "ann"}}), "done");
  EXPECT_EQ(status("l1"), "suspended");
  EXPECT_FALSE(store_->find("l1")->head.wake_at);
  ASSERT_EQ(said(command("l1", core::Verb::kResume)), "done");
  EXPECT_EQ(read("l1")->steps[1].status, core::StepStatus::kCompleted);
  pay_and_complete();
}

}  // namespace
}  // namespace saga::runtime
