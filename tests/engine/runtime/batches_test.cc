// Starts of many: all or none, whatever is there already.
#include <gmock/gmock.h>

#include "store/memory/memory_store.h"
#include "tests/engine/runtime/fixture.h"

namespace saga::runtime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Batches : public RuntimeTest {
 protected:
  [[nodiscard]] std::vector<StartRequest> requests(const std::vector<std::string>& ids) const {
    std::vector<StartRequest> all;
    for (const std::string& id : ids) all.push_back(request(id));
    return all;
  }

  using Answer = std::optional<Result<ManyStarted>>;
  void begin(std::vector<StartRequest> all, Answer& answer) {
    runtime_->start_many(std::move(all), [&answer](Result<ManyStarted> result) { answer = std::move(result); });
  }
  Result<ManyStarted> start_many(std::vector<StartRequest> all) {
    Answer answer;
    begin(std::move(all), answer);
    settle();
    if (!answer) return fail(ErrorCode::kInternal, "the batch was never answered");
    return *answer;
  }

  /// Their first step is answered as refused: with nothing to undo they end.
  void end_all() {
    while (const auto call = dispatcher_->take()) call->answer(422, "{}");
    settle();
  }

  [[nodiscard]] bool exists(const std::string& id) { return store_->find(id).has_value(); }
};

TEST_F(Batches, AllStartInOneCommit) {
  std::vector<std::size_t> commits;
  store_->observe_commits([&commits](const store::CommitFacts& facts) { commits.push_back(facts.appends); });
  const auto started = start_many(requests({"a", "b", "c"}));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(started->clashes, IsEmpty());
  EXPECT_THAT(started->created, ElementsAre(true, true, true));
  EXPECT_THAT(dispatcher_->log(), ElementsAre("hotel/action/1", "hotel/action/1", "hotel/action/1"));
  EXPECT_EQ(status("b"), "running");
  store_.reset();  // The store's thread has ended: what it told is all there.
  EXPECT_THAT(commits, ElementsAre(3U));
  store_ = std::move(*store::open_store("memory"));
}

TEST_F(Batches, ARepeatedBatchStartsNothingWhileItsSagasLiveOrOnceTheyEnded) {
  ASSERT_TRUE(start_many(requests({"a", "b"})));
  for (int round = 0; round < 2; ++round) {
    const auto again = start_many(requests({"a", "b"}));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_THAT(again->created, ElementsAre(false, false));
    end_all();
  }
  EXPECT_EQ(runtime_->stats().live, 0U);
  EXPECT_EQ(dispatcher_->log().size(), 2U);
}

TEST_F(Batches, WhatIsThereAlreadyCountsAndTheRestIsStarted) {
  ASSERT_TRUE(start("ended"));
  end_all();
  ASSERT_TRUE(start("live"));
  const auto started = start_many(requests({"new-1", "ended", "live", "new-2"}));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(started->created, ElementsAre(true, false, false, true));
  EXPECT_EQ(status("new-2"), "running");
}

TEST_F(Batches, OneClashAndNoneIsStarted) {
  ASSERT_TRUE(start("ended"));
  end_all();
  ASSERT_TRUE(start("live"));
  auto batch = requests({"new-1", "live", "new-2", "ended"});
  batch[1].input = share({{"city", "Rome"}});
  const auto live = start_many(batch);
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_THAT(live->clashes,
              ElementsAre(StartClash{1, "saga 'live' is there already, with another workflow or input"}));
  batch[1] = request("live");
  batch[3].input = share({{"city", "Rome"}});
  const auto ended = start_many(batch);
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_THAT(ended->clashes, ElementsAre(::testing::Field(&StartClash::place, 3U)));
  EXPECT_FALSE(exists("new-1"));
  EXPECT_FALSE(exists("new-2"));
  EXPECT_EQ(runtime_->stats().live, 1U);
}

TEST_F(Batches, OverlappingBatchesAtTheSameMomentStartEachSagaOnce) {
  Answer first;
  Answer second;
  Answer clashing;
  std::optional<Result<Started>> single;
  begin(requests({"a", "b"}), first);
  begin(requests({"b", "c"}), second);
  runtime_->start(request("c"), [&single](Result<Started> result) { single = std::move(result); });
  auto other = requests({"d", "a"});
  other[1].input = share({{"city", "Rome"}});
  begin(other, clashing);
  settle();
  ASSERT_TRUE(first && *first && second && *second && clashing && *clashing && single && *single);
  EXPECT_THAT((*first)->created, ElementsAre(true, true));
  EXPECT_FALSE((*second)->created[0]);
  EXPECT_NE((*second)->created[1], (*single)->created) << "one of them started it";
  EXPECT_THAT((*clashing)->clashes, ElementsAre(::testing::Field(&StartClash::place, 1U)));
  EXPECT_FALSE(exists("d"));
  EXPECT_EQ(dispatcher_->log().size(), 3U);
}

TEST_F(Batches, AreRefusedWholeWhereASingleStartIs) {
  RuntimeOptions small;
  small.max_mailbox = 2;
  boot(small);
  const auto too_many = start_many(requests({"a", "b", "c"}));
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(start_many(requests({"d", "e"})));
  EXPECT_TRUE(start_many(requests({"f", "g"}))) << "the room is given back";
  runtime_->drain();
  const auto draining = start_many(requests({"a"}));
  ASSERT_FALSE(draining);
  EXPECT_EQ(draining.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(exists("a"));
}

TEST_F(Batches, WithoutRoomTheyAreAcceptedAsPendingAndRunLater) {
  RuntimeOptions small;
  small.max_live = 2;
  boot(small);
  const auto started = start_many(requests({"a", "b", "c", "d"}));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(started->created, Each(true));
  EXPECT_EQ(status("d"), "pending");
  for (int round = 0; round < 20 && status("d") == "pending"; ++round) {
    end_all();
    pass(Millis{5'000});
  }
  EXPECT_NE(status("d"), "pending");
}

TEST_F(Batches, AreThereAfterARestart) {
  ASSERT_TRUE(start_many(requests({"a", "b"})));
  boot();
  settle();
  EXPECT_THAT(dispatcher_->log(), ElementsAre("hotel/action/2", "hotel/action/2"));
  const auto again = start_many(requests({"a", "b", "c"}));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_THAT(again->created, ElementsAre(false, false, true));
}

TEST_F(Batches, AnEmptyOneIsFine) {
  const auto started = start_many({});
  ASSERT_TRUE(started);
  EXPECT_THAT(started->created, IsEmpty());
}

}  // namespace
}  // namespace saga::runtime
