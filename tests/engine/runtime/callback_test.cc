// Calls that a worker takes and finishes later, against everything they can race with.
#include <gmock/gmock.h>

#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Log = std::vector<std::string>;

constexpr const char* kPrint = R"(
name: print
version: 1
defaults:
  retry: { max_attempts: 3, initial_interval: 100ms, jitter: 0 }
  compensation_retry: { max_attempts: 3, initial_interval: 100ms, jitter: 0 }
steps:
  - { name: book, service: printer, action: /book, compensation: /unbook }
  - { name: ship, service: post, action: /ship }
)";

class CallbackRaces : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    register_workflows(kPrint);
    ASSERT_TRUE(begin("p1"));
  }

  Result<Started> begin(const std::string& id) {
    StartRequest what = request(id);
    what.workflow = registry_->newest("print");
    return start(std::move(what));
  }

  /// The worker takes the oldest open call, which must be `what`.
  void take(const std::string& what) {
    const auto call = dispatcher_->take();
    ASSERT_TRUE(call) << "no call is open; expected " << what;
    ASSERT_EQ(call->what(), what);
    workers::Answered answered;
    answered.status = 202;
    answered.async = true;
    call->end(answered);
    settle();
  }

  std::string callback(core::CallbackArrived what, const std::string& step = "book", const std::string& id = "p1") {
    return said(deliver({id, std::move(what), step}));
  }
  static core::CallbackArrived succeeded(int attempt, core::Phase phase = core::Phase::kAction) {
    core::CallbackArrived what;
    what.phase = phase;
    what.attempt = attempt;
    what.succeeded = true;
    what.output = share(Json{{"pages", 7}});
    return what;
  }
  static core::CallbackArrived failed(int attempt, std::optional<bool> retryable = std::nullopt,
                                      core::Phase phase = core::Phase::kAction) {
    core::CallbackArrived what;
    what.phase = phase;
    what.attempt = attempt;
    what.code = "jammed";
    what.message = "paper jam";
    what.retryable = retryable;
    return what;
  }
  [[nodiscard]] core::StepState book() const { return read("p1")->steps[0]; }
  void crash() {
    boot();
    settle();
  }
};

TEST_F(CallbackRaces, ACallbackFinishesATakenCall) {
  take("book/action/1");
  EXPECT_EQ(book().status, core::StepStatus::kWaiting);
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(dump_json(*book().output), R"({"pages":7})");
  answer("ship/action/1", 200);
  EXPECT_EQ(status("p1"), "completed");
}

TEST_F(CallbackRaces, ATakenCallIsNotInMemoryAndAHeartbeatKeepsItAlive) {
  take("book/action/1");
  EXPECT_EQ(runtime_->stats().live, 0U) << "an hour is long";
  pass(std::chrono::minutes(50));
  EXPECT_EQ(said(deliver({"p1", core::HeartbeatArrived{0, core::Phase::kAction, 1}, "book"})), "done");
  EXPECT_EQ(runtime_->stats().live, 0U);
  pass(std::chrono::minutes(50));
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1", "ship/action/1"}));
}

TEST_F(CallbackRaces, ACallbackMayPrecedeThe202) {
  const auto call = dispatcher_->take();
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(book().status, core::StepStatus::kCompleted);
  workers::Answered late;
  late.status = 202;
  late.async = true;
  call->end(late);
  settle();
  EXPECT_EQ(book().status, core::StepStatus::kCompleted) << "the answer that comes later decides nothing";
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1", "ship/action/1"}));
}

TEST_F(CallbackRaces, AFailureMayPrecedeThe202) {
  const auto call = dispatcher_->take();
  EXPECT_EQ(callback(failed(1)), "done");
  EXPECT_EQ(status("p1"), "compensated") << "not done: there is nothing to undo";
  workers::Answered late;
  late.status = 200;
  call->end(late);
  settle();
  EXPECT_EQ(status("p1"), "compensated");
}

TEST_F(CallbackRaces, ACallbackTwiceIsGoneTheSecondTime) {
  take("book/action/1");
  EXPECT_EQ(callback(succeeded(1)), "done");
  const auto seq = read("p1")->seq;
  EXPECT_EQ(callback(succeeded(1)), "gone");
  EXPECT_EQ(callback(failed(1)), "gone");
  EXPECT_EQ(read("p1")->seq, seq);
}

TEST_F(CallbackRaces, NoCallbackInTimeIsUnknownAndNotRetried) {
  take("book/action/1");
  pass(std::chrono::minutes(61));
  EXPECT_EQ(book().failure->code, "callback_timeout");
  EXPECT_EQ(book().failure->outcome, core::Outcome::kUnknown);
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1", "book/compensation/1"}));
  EXPECT_EQ(callback(succeeded(1)), "gone") << "expect its compensation";
  answer("book/compensation/1", 200);
  EXPECT_EQ(status("p1"), "compensated");
}

TEST_F(CallbackRaces, ATimeoutThatComesDueWhileTheProcessIsAwayIsFoundByTheScan) {
  take("book/action/1");
  runtime_.reset();
  clock_.advance(std::chrono::hours(2));
  crash();
  EXPECT_EQ(book().failure->code, "callback_timeout");
}

TEST_F(CallbackRaces, ASuccessOfAnOlderAttemptCountsAFailureDoesNot) {
  answer("book/action/1", 503);
  pass(Millis{100});
  take("book/action/2");
  EXPECT_EQ(callback(failed(1)), "conflict");
  EXPECT_EQ(book().status, core::StepStatus::kWaiting);
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(book().status, core::StepStatus::kCompleted);
  EXPECT_EQ(callback(succeeded(2)), "gone");
}

TEST_F(CallbackRaces, AFailureThatMayBeRetriedIsCalledAgain) {
  take("book/action/1");
  EXPECT_EQ(callback(failed(1, true)), "done");
  pass(Millis{100});
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1", "book/action/2"}));
  EXPECT_EQ(callback(succeeded(1)), "done") << "while the second is under way";
  EXPECT_EQ(book().status, core::StepStatus::kCompleted);
}

TEST_F(CallbackRaces, AnAttemptThatWasNeverBegunIsGone) {
  take("book/action/1");
  EXPECT_EQ(callback(succeeded(2)), "gone");
  EXPECT_EQ(callback(succeeded(1, core::Phase::kCompensation)), "gone");
  EXPECT_EQ(callback(succeeded(1), "ship"), "gone");
  EXPECT_EQ(callback(succeeded(1), "nowhere"), "misfit");
  EXPECT_THAT(callback(succeeded(1), "book", "nobody"), HasSubstr("nobody"));
  EXPECT_EQ(book().status, core::StepStatus::kWaiting);
}

TEST_F(CallbackRaces, ACancelEndsATakenCallUnknownAndACallbackAfterItIsGone) {
  take("book/action/1");
  ASSERT_EQ(said(command("p1", core::Verb::kCancel)), "done");
  EXPECT_EQ(book().failure->outcome, core::Outcome::kUnknown);
  EXPECT_EQ(callback(succeeded(1)), "gone");
  answer("book/compensation/1", 200);
  EXPECT_EQ(status("p1"), "compensated");
}

TEST_F(CallbackRaces, ACallbackBeforeACancelIsUndoneLikeAnyOther) {
  take("book/action/1");
  EXPECT_EQ(callback(succeeded(1)), "done");
  ASSERT_EQ(said(command("p1", core::Verb::kCancel)), "done");
  answer("ship/action/1", 422);
  answer("book/compensation/1", 200);
  EXPECT_EQ(status("p1"), "compensated");
}

TEST_F(CallbackRaces, ACallbackInASuspendedSagaIsRecordedAndNothingFollows) {
  take("book/action/1");
  ASSERT_EQ(said(command("p1", core::Verb::kSuspend)), "done");
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(book().status, core::StepStatus::kCompleted);
  EXPECT_EQ(status("p1"), "suspended");
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1"}));
  ASSERT_EQ(said(command("p1", core::Verb::kResume)), "done");
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/1", "ship/action/1"}));
}

TEST_F(CallbackRaces, ADurable202IsNotCalledAgainAfterACrash) {
  take("book/action/1");
  crash();
  EXPECT_TRUE(dispatcher_->log().empty());
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_EQ(dispatcher_->log(), (Log{"ship/action/1"}));
}

TEST_F(CallbackRaces, ACallbackThatIsDurableSurvivesACrashRightAfterIt) {
  take("book/action/1");
  EXPECT_EQ(callback(succeeded(1)), "done");
  EXPECT_LE(*store_->find("p1")->head.wake_at, clock_.now()) << "its row is due";
  crash();
  EXPECT_EQ(dispatcher_->log(), (Log{"ship/action/2"}));
  EXPECT_EQ(callback(succeeded(1)), "gone");
}

TEST_F(CallbackRaces, A202ThatWasNotRecordedIsCalledAgainAndEitherCallbackCounts) {
  crash();
  EXPECT_EQ(dispatcher_->log(), (Log{"book/action/2"}));
  EXPECT_EQ(callback(succeeded(1)), "done") << "the first attempt's worker finishes after all";
}

TEST_F(CallbackRaces, ACompensationMayBeTakenTooAndIsRetriedAfterItsTimeout) {
  answer("book/action/1", 200);
  answer("ship/action/1", 422);
  take("book/compensation/1");
  EXPECT_EQ(status("p1"), "compensating");
  crash();
  EXPECT_TRUE(dispatcher_->log().empty());
  pass(std::chrono::minutes(61));
  pass(Millis{100});
  take("book/compensation/2");
  EXPECT_EQ(callback(failed(2, std::nullopt, core::Phase::kCompensation)), "done");
  pass(Millis{200});
  take("book/compensation/3");
  EXPECT_EQ(callback(succeeded(2, core::Phase::kCompensation)), "done");
  EXPECT_EQ(status("p1"), "compensated");
  EXPECT_EQ(callback(succeeded(3, core::Phase::kCompensation)), "gone");
}

TEST_F(CallbackRaces, EveryAttemptIsGivenAUrlOfItsOwnThatOutlivesARestart) {
  boot();
  runtime_->set_public_url("http://saga.example:7070");
  settle();
  const auto call = dispatcher_->take();
  const std::string url = call->header(workers::kSagaCallbackUrl);
  EXPECT_THAT(url, StartsWith("http://saga.example:7070/v1/callbacks/p1/book/action/2/"));
  boot();
  const std::string mac = url.substr(url.rfind('/') + 1);
  EXPECT_TRUE(runtime_->callback_tokens().is_genuine({"p1", "book", core::Phase::kAction, 2}, mac));
  EXPECT_FALSE(runtime_->callback_tokens().is_genuine({"p1", "book", core::Phase::kAction, 3}, mac));
}

}  // namespace
}  // namespace saga::runtime
