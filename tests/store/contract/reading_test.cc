#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Reading : public StoreContract {
 protected:
  std::vector<std::string> due(Timestamp until, std::optional<DueCursor> after = std::nullopt,
                               std::size_t limit = 100) {
    const auto sagas = store().due(kShard, until, after, limit);
    std::vector<std::string> ids;
    for (const DueSaga& saga : *sagas) ids.push_back(saga.id);
    return ids;
  }
};
EVERY_STORE(Reading);

TEST_P(Reading, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(store().find("order-1"), FailsWith(ErrorCode::kNotFound, "order-1"));
  EXPECT_THAT(store().find(SagaKey{17}), FailsWith(ErrorCode::kNotFound, "17"));
  EXPECT_TRUE(store().load(17)->empty());
}

TEST_P(Reading, EventsComeInOrderFromWhereAsked) {
  const SagaKey other = given(store(), "other");
  const SagaKey key = given(store(), "order-1");
  ASSERT_TRUE(commit(store(), further(key, 2, 2)));
  ASSERT_TRUE(commit(store(), further(other, 2)));
  ASSERT_TRUE(commit(store(), further(key, 4)));
  EXPECT_THAT(*store().load(key), ElementsAre(event(1), event(2), event(3), event(4)));
  EXPECT_THAT(*store().load(key, 3), ElementsAre(event(3), event(4)));
  EXPECT_THAT(*store().load(key, 5), IsEmpty());
}

TEST_P(Reading, DueSagasComeByTimeThenKey) {
  given(store(), "late", running(kNoon + Millis{30}));
  given(store(), "early", running(kNoon + Millis{10}));
  given(store(), "tie-1", running(kNoon + Millis{20}));
  given(store(), "tie-2", running(kNoon + Millis{20}));
  given(store(), "ended", completed());
  EXPECT_THAT(due(kNoon), IsEmpty());
  EXPECT_THAT(due(kNoon + Millis{20}), ElementsAre("early", "tie-1", "tie-2"));
  EXPECT_THAT(due(kNoon + Millis{1'000}), ElementsAre("early", "tie-1", "tie-2", "late"));
}

TEST_P(Reading, ADueScanGoesOnStrictlyAfterItsCursor) {
  for (int i = 0; i < 10; ++i) given(store(), "s" + std::to_string(i), running(kNoon + Millis{i / 3}));
  std::vector<std::string> seen;
  std::optional<DueCursor> after;
  while (true) {
    const auto page = store().due(kShard, kNoon + Millis{100}, after, 4);
    ASSERT_TRUE(page);
    if (page->empty()) break;
    EXPECT_LE(page->size(), 4U);
    for (const DueSaga& saga : *page) seen.push_back(saga.id);
    after = DueCursor{page->back().wake_at, page->back().key};
  }
  EXPECT_THAT(seen, ElementsAre("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9"));
}

TEST_P(Reading, AWakeUpMovesWithTheHead) {
  const SagaKey key = given(store(), "order-1", running(kNoon));
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), running(kNoon + Millis{500}))));
  EXPECT_THAT(due(kNoon + Millis{499}), IsEmpty());
  EXPECT_THAT(due(kNoon + Millis{500}), ElementsAre("order-1"));
  Head waits_for_operator = failed({{"pay", "action", "declined"}});
  waits_for_operator.status = "suspended";
  waits_for_operator.ended = false;
  ASSERT_TRUE(commit(store(), with_head(further(key, 3), waits_for_operator)));
  EXPECT_THAT(due(kNoon + Millis{10'000}), IsEmpty());
  ASSERT_TRUE(commit(store(), with_head(further(key, 4), running(kNoon))));
  EXPECT_THAT(due(kNoon), ElementsAre("order-1"));
}

TEST_P(Reading, DueSagasAreOfTheShardAskedFor) {
  ASSERT_TRUE(store().take_over(1, "other"));
  Append other = start(store().reserve_key(), "elsewhere");
  other.fence.shard = 1;
  other.create->shard = 1;
  ASSERT_TRUE(commit(store(), other));
  given(store(), "here");
  EXPECT_THAT(due(kNoon), ElementsAre("here"));
  EXPECT_EQ(store().due(1, kNoon, std::nullopt, 10)->at(0).id, "elsewhere");
  EXPECT_TRUE(store().due(2, kNoon, std::nullopt, 10)->empty());
}

TEST_P(Reading, AFreshStoreIsWell) {
  const Health health = store().health();
  EXPECT_TRUE(health.writable);
  EXPECT_FALSE(health.poisoned);
  EXPECT_EQ(health.problem, "");
  EXPECT_EQ(store().queue_length(), 0U);
}

TEST_P(Reading, ItsSizeGrowsWithWhatIsWritten) {
  const SagaKey key = given(store(), "order-1");
  const std::int64_t before = store().size_bytes();
  Append big = further(key, 2);
  big.events[0].data = R"({"text":")" + std::string(300'000, 'x') + "\"}";
  ASSERT_TRUE(commit(store(), big));
  EXPECT_GE(store().size_bytes(), before + 300'000);
}

}  // namespace
}  // namespace saga::store::testing
