#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Counting : public StoreContract {};
EVERY_STORE(Counting);

TEST_P(Counting, NothingIsNothing) {
  EXPECT_THAT(*store().count_by_status({}), IsEmpty());
  EXPECT_THAT(*store().count_attention({}), IsEmpty());
}

TEST_P(Counting, CountsFollowEveryChangeOfStatus) {
  const SagaKey key = given(store(), "a", running(), identity("w"));
  given(store(), "b", running(), identity("w"));
  given(store(), "c", completed(), identity("v"));
  EXPECT_THAT(*store().count_by_status({}),
              ElementsAre(StatusCount{"v", "completed", 1, 0, {}}, StatusCount{"w", "running", 2, 0, {}}));
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), failed({}, kNoon + Millis{9}))));
  EXPECT_THAT(*store().count_by_status({}),
              ElementsAre(StatusCount{"v", "completed", 1, 0, {}}, StatusCount{"w", "failed", 1, 1, kNoon + Millis{9}},
                          StatusCount{"w", "running", 1, 0, {}}));
  ASSERT_TRUE(commit(store(), with_head(further(key, 3), running())));
  ASSERT_TRUE(commit(store(), with_head(further(key, 4), running(kNoon + Millis{5}))));
  ListFilter filter;
  filter.workflow = "w";
  EXPECT_THAT(*store().count_by_status(filter), ElementsAre(StatusCount{"w", "running", 2, 0, {}}));
  filter.statuses = {"completed", "failed"};
  EXPECT_THAT(*store().count_by_status(filter), IsEmpty());
}

TEST_P(Counting, WhatWasRefusedIsNotCounted) {
  const SagaKey key = given(store(), "a", running(), identity("w"));
  EXPECT_FALSE(commit(store(), start(store().reserve_key(), "a")));
  EXPECT_FALSE(commit(store(), with_head(further(key, 7), completed())));
  EXPECT_FALSE(commit_all(store(), {with_head(further(key, 2), completed()), further(key, 2)}));
  EXPECT_THAT(*store().count_by_status({}), ElementsAre(StatusCount{"w", "running", 1, 0, {}}));
}

TEST_P(Counting, TheOldestAttentionIsFound) {
  given(store(), "a", failed({}, kNoon + Millis{30}), identity("w"));
  const SagaKey oldest = given(store(), "b", failed({}, kNoon + Millis{10}), identity("w"));
  given(store(), "c", failed({}, kNoon + Millis{20}), identity("w"));
  EXPECT_THAT(*store().count_by_status({}), ElementsAre(StatusCount{"w", "failed", 3, 3, kNoon + Millis{10}}));
  ASSERT_TRUE(commit(store(), with_head(further(oldest, 2), completed())));
  EXPECT_THAT(*store().count_by_status({}), ElementsAre(StatusCount{"w", "completed", 1, 0, {}},
                                                        StatusCount{"w", "failed", 2, 2, kNoon + Millis{20}}));
}

TEST_P(Counting, EveryFilterOfAListCounts) {
  given(store(), "a", running(), identity("w", 1, {{"t", "x"}}));
  given(store(), "b", running(), identity("w", 2));
  given(store(), "c", failed({{"pay", "action", "503"}}, kNoon + Millis{3}),
        identity("w", 2, {{"t", "x"}}, kNoon + Millis{100}));
  ListFilter filter;
  filter.version = 2;
  EXPECT_THAT(*store().count_by_status(filter),
              ElementsAre(StatusCount{"w", "failed", 1, 1, kNoon + Millis{3}}, StatusCount{"w", "running", 1, 0, {}}));
  filter = {};
  filter.tags = {{"t", "x"}};
  EXPECT_THAT(*store().count_by_status(filter),
              ElementsAre(StatusCount{"w", "failed", 1, 1, kNoon + Millis{3}}, StatusCount{"w", "running", 1, 0, {}}));
  filter = {};
  filter.needs_attention = true;
  EXPECT_THAT(*store().count_by_status(filter), ElementsAre(StatusCount{"w", "failed", 1, 1, kNoon + Millis{3}}));
  filter = {};
  filter.stuck_step = "pay";
  EXPECT_THAT(*store().count_by_status(filter), ElementsAre(StatusCount{"w", "failed", 1, 1, kNoon + Millis{3}}));
  filter = {};
  filter.until = kNoon + Millis{100};
  EXPECT_THAT(*store().count_by_status(filter), ElementsAre(StatusCount{"w", "running", 2, 0, {}}));
}

TEST_P(Counting, AttentionIsCountedByPlace) {
  given(store(), "a", failed({{"pay", "action", "503"}}), identity("w"));
  given(store(), "b", failed({{"pay", "action", "503"}, {"ship", "compensation", "timeout"}}), identity("w"));
  given(store(), "c", failed({{"pay", "action", "503"}}), identity("v", 1, {{"t", "x"}}));
  given(store(), "d", running(), identity("v"));
  EXPECT_THAT(*store().count_attention({}), ElementsAre(AttentionCount{"v", "pay", "action", "503", 1},
                                                        AttentionCount{"w", "pay", "action", "503", 2},
                                                        AttentionCount{"w", "ship", "compensation", "timeout", 1}));
  ListFilter filter;
  filter.workflow = "w";
  filter.stuck_step = "ship";
  EXPECT_THAT(*store().count_attention(filter), ElementsAre(AttentionCount{"w", "ship", "compensation", "timeout", 1}));
  filter = {};
  filter.tags = {{"t", "x"}};
  EXPECT_THAT(*store().count_attention(filter), ElementsAre(AttentionCount{"v", "pay", "action", "503", 1}));
  filter = {};
  filter.needs_attention = false;
  EXPECT_THAT(*store().count_attention(filter), IsEmpty());
  filter = {};
  filter.statuses = {"failed"};
  filter.since = kNoon;
  EXPECT_EQ(store().count_attention(filter)->size(), 3U);
}

TEST_P(Counting, ASagaStuckTwiceAtAPlaceCountsOnce) {
  given(store(), "a", failed({{"pay", "action", "503"}, {"pay", "action", "503"}}), identity("w"));
  EXPECT_THAT(*store().count_attention({}), ElementsAre(AttentionCount{"w", "pay", "action", "503", 1}));
}

}  // namespace
}  // namespace saga::store::testing
