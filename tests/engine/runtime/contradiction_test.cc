// An engine whose rulebook makes a mistake (rulebook.fault): the saga it is made in stops where it can be seen, and the
// process goes on.
#include <gmock/gmock.h>

#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using ::testing::HasSubstr;

class Contradiction : public RuntimeTest {
 protected:
  void SetUp() override {
    RuntimeTest::SetUp();
    ASSERT_TRUE(start("bad"));
    ASSERT_TRUE(start("good"));
  }
  void expect_suspended_as_corrupt() {
    const auto row = store_->find("bad");
    ASSERT_TRUE(row);
    EXPECT_EQ(row->head.status, "suspended");
    EXPECT_TRUE(row->head.needs_attention);
    ASSERT_EQ(row->head.stuck.size(), 1U);
    EXPECT_EQ(row->head.stuck.front().code, "corrupt");
    EXPECT_FALSE(row->head.wake_at);
    const auto read = Reader(*store_, *registry_).read("bad");
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message, HasSubstr("step_completed cannot follow"));
  }
};

TEST_F(Contradiction, SuspendsTheOneSagaAndTheOthersGoOn) {
  answer("hotel/action/1", 200, R"("impossible")");
  expect_suspended_as_corrupt();
  EXPECT_EQ(runtime_->stats().live, 1U);
  answer("hotel/action/1", 200);
  answer("flight/action/1", 200);
  EXPECT_EQ(status("good"), "completed");
}

TEST_F(Contradiction, IsNotRunIntoAgainByTheNextProcess) {
  answer("hotel/action/1", 200, R"("impossible")");
  const std::size_t events = store_->load(store_->find("bad")->key)->size();
  boot();
  settle();
  expect_suspended_as_corrupt();
  EXPECT_EQ(store_->load(store_->find("bad")->key)->size(), events);
  EXPECT_EQ(dispatcher_->log().size(), 1U) << "only the good one is called";
}

TEST_F(Contradiction, IsEndedByTerminateAlone) {
  answer("hotel/action/1", 200, R"("impossible")");
  const auto refused = command("bad", core::Verb::kRetry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorruption);
  ASSERT_TRUE(command("bad", core::Verb::kTerminate));
  EXPECT_EQ(store_->find("bad")->head.status, "terminated");
}

TEST_F(Contradiction, WhoWaitsBehindItIsTold) {
  const auto call = dispatcher_->take();
  ASSERT_TRUE(call);
  std::optional<Result<DeliveryAnswer>> suspended;
  call->answer(200, R"("impossible")");
  runtime_->deliver({"bad", core::OperatorCommand{core::Verb::kSuspend, "", nullptr, {"tester", false, "because"}}, ""},
                    [&suspended](Result<DeliveryAnswer> result) { suspended = std::move(result); });
  settle();
  ASSERT_TRUE(suspended);
  ASSERT_FALSE(*suspended);
  EXPECT_EQ(suspended->error().code, ErrorCode::kCorruption);
  expect_suspended_as_corrupt();
}

}  // namespace
}  // namespace saga::runtime
