#include "engine/runtime/runtime.h"

#include <gmock/gmock.h>

#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Log = std::vector<std::string>;

TEST_F(RuntimeTest, RunsASagaToItsEnd) {
  const auto started = start("t1");
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->created);
  answer("hotel/action/1", 200, R"({"room": 7})");
  answer("flight/action/1", 200);
  EXPECT_EQ(status("t1"), "completed");
  EXPECT_EQ(runtime_->stats().live, 0U) << "an ended saga leaves memory";
}

TEST_F(RuntimeTest, UndoesInReverseWhenAStepIsRefused) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  answer("flight/action/1", 422, R"({"code": "full"})");
  answer("hotel/compensation/1", 200);
  EXPECT_EQ(status("t1"), "compensated");
  EXPECT_EQ(read("t1")->error->code, "full");
}

TEST_F(RuntimeTest, NothingIsCalledBeforeItsIntentIsDurable) {
  std::vector<std::string> seen;
  dispatcher_->answer_by([&](const testing::FakeDispatcher::Sent& sent) {
    const auto row = store_->find("t1");
    ASSERT_TRUE(row) << sent.what() << " left before the start was durable";
    const auto records = store_->load(row->key);
    seen.push_back(sent.what() + " after " + records->back().type);
    sent.answer(200, "{}");
  });
  ASSERT_TRUE(start("t1"));
  EXPECT_EQ(seen, (Log{"hotel/action/1 after attempt_begun", "flight/action/1 after attempt_begun"}));
}

TEST_F(RuntimeTest, WaitsOutARetryDelayOnTheClock) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 503);
  pass(Millis{99});
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"}));
  pass(Millis{1});
  answer("hotel/action/2", 200);
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1", "hotel/action/2", "flight/action/1"}));
}

TEST_F(RuntimeTest, ASameStartAgainIsAnsweredAndChangesNothing) {
  ASSERT_TRUE(start("t1"));
  const auto live = start("t1");
  ASSERT_TRUE(live);
  EXPECT_FALSE(live->created);
  answer("hotel/action/1", 200);
  answer("flight/action/1", 200);
  const auto ended = start("t1");
  ASSERT_TRUE(ended);
  EXPECT_FALSE(ended->created);
  EXPECT_EQ(ended->saga.state->status, core::SagaStatus::kCompleted);
  EXPECT_EQ(dispatcher_->log().size(), 2U);
}

TEST_F(RuntimeTest, AnotherStartOfTheSameIdIsRefused) {
  ASSERT_TRUE(start("t1"));
  for (int round = 0; round < 2; ++round) {  // While it lives, and after it ended.
    const auto other = start(request("t1", {{"city", "Rome"}}));
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kConflict);
    if (round == 0) {
      answer("hotel/action/1", 200);
      answer("flight/action/1", 200);
    }
  }
  EXPECT_EQ(read("t1")->facts->input->at("city"), "Oslo");
}

TEST_F(RuntimeTest, TwoStartsOfOneIdAtTheSameMomentMakeOneSaga) {
  int created = 0;
  int repeated = 0;
  for (int i = 0; i < 5; ++i) {
    runtime_->start(request("t1"), [&](Result<Started> result) {
      ASSERT_TRUE(result);
      ++(result->created ? created : repeated);
    });
  }
  settle();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(repeated, 4);
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"}));
}

TEST_F(RuntimeTest, TellsSubscribersWhatIsDurable) {
  std::vector<std::int64_t> seqs;
  bool at_rest = false;
  auto subscription = runtime_->subscribe("t1", Interest::kEveryCommit, [&](const CommitNotice& notice) {
    seqs.push_back(notice.seq);
    at_rest = notice.at_rest;
    EXPECT_EQ(store_->load(notice.saga.key)->back().seq, notice.seq);
  });
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  EXPECT_FALSE(at_rest);
  answer("flight/action/1", 200);
  EXPECT_TRUE(at_rest);
  EXPECT_EQ(seqs.size(), 3U);
  subscription.reset();
  ASSERT_TRUE(command("t1", core::Verb::kCancel));
  EXPECT_EQ(seqs.size(), 3U);
}

TEST_F(RuntimeTest, TellsWhoWaitsForRestOfNothingElse) {
  std::vector<std::int64_t> every;
  std::vector<std::int64_t> rest;
  const auto into = [](std::vector<std::int64_t>& seqs) {
    return [&seqs](const CommitNotice& notice) { seqs.push_back(notice.seq); };
  };
  const auto others = runtime_->subscribe("t2", Interest::kEveryCommit, into(every));
  const auto waits = runtime_->subscribe("t1", Interest::kRest, into(rest));
  auto also_waits = runtime_->subscribe("t1", Interest::kRest, into(rest));
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  EXPECT_THAT(rest, IsEmpty());
  also_waits.reset();
  answer("flight/action/1", 200);
  EXPECT_THAT(rest, ElementsAre(store_->load(store_->find("t1")->key)->back().seq)) << "one has left";
  EXPECT_THAT(every, IsEmpty()) << "of another saga";
}

TEST_F(RuntimeTest, AnOperatorsCommandReachesASagaThatIsNotInMemory) {
  ASSERT_TRUE(start("t1"));
  answer("hotel/action/1", 200);
  answer("flight/action/1", 422);
  answer("hotel/compensation/1", 503);
  pass(Millis{100});
  answer("hotel/compensation/2", 503);
  ASSERT_EQ(status("t1"), "failed");
  ASSERT_EQ(runtime_->stats().live, 0U);

  const auto refused = command("t1", core::Verb::kCancel);
  ASSERT_TRUE(refused);
  EXPECT_TRUE(refused->refusal);
  EXPECT_EQ(runtime_->stats().live, 0U) << "a refusal keeps nothing in memory";

  const auto retried = command("t1", core::Verb::kRetry);
  ASSERT_TRUE(retried);
  EXPECT_FALSE(retried->refusal);
  answer("hotel/compensation/3", 200);
  EXPECT_EQ(status("t1"), "compensated");
}

TEST_F(RuntimeTest, ACommandForAnUnknownSagaIsNotFound) {
  const auto answer = command("nobody", core::Verb::kCancel);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
}

TEST_F(RuntimeTest, WaitsForAServiceWithoutInstanceAndGoesOn) {
  dispatcher_->without_instance("hotels");
  ASSERT_TRUE(start("t1"));
  EXPECT_TRUE(store_->find("t1")->head.needs_attention);
  pass(Millis{5'000});
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"})) << "it is not called again before there is one";
  dispatcher_->without_instance("hotels", false);
  pass(Millis{1'000});
  answer("hotel/action/1", 200);
  EXPECT_FALSE(store_->find("t1")->head.needs_attention);
}

TEST_F(RuntimeTest, DrainingFinishesCallsAndBeginsNone) {
  ASSERT_TRUE(start("t1"));
  runtime_->drain();
  EXPECT_FALSE(runtime_->drained());
  answer("hotel/action/1", 200);
  EXPECT_TRUE(runtime_->drained());
  EXPECT_EQ(dispatcher_->log(), (Log{"hotel/action/1"}));
  EXPECT_EQ(read("t1")->steps[0].status, core::StepStatus::kCompleted);
  const auto late = start("t2");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kUnavailable);
}

TEST_F(RuntimeTest, BeyondItsRoomSagasWaitAsPending) {
  RuntimeOptions options;
  options.max_live = 2;
  boot(options);
  for (const char* id : {"a", "b", "c", "d"}) ASSERT_TRUE(start(id));
  EXPECT_EQ(status("c"), "pending");
  EXPECT_EQ(status("d"), "pending");
  EXPECT_EQ(runtime_->stats().live, 2U);
  for (int i = 0; i < 2; ++i) {
    answer("hotel/action/1", 200);
    answer("hotel/action/1", 200);
    answer("flight/action/1", 200);
    answer("flight/action/1", 200);
    pass(Millis{5'000});
  }
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_EQ(status(id), "completed") << id;
}

}  // namespace
}  // namespace saga::runtime
