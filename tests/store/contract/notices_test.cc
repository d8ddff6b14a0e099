#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Notices : public StoreContract {
 protected:
  std::vector<Notice> due(std::size_t limit = 10) { return *store().notices_due(limit); }
};
EVERY_STORE(Notices);

TEST_P(Notices, WhatNeedsAttentionIsDueUntilItWasTold) {
  given(store(), "fine", completed());
  const SagaKey young = given(store(), "young", failed({}, kNoon + Millis{9}));
  const SagaKey old = given(store(), "old", failed({}, kNoon));
  const Notice first{old, "old", kNoon, false};
  const Notice second{young, "young", kNoon + Millis{9}, false};
  EXPECT_THAT(due(), ElementsAre(first, second));
  EXPECT_THAT(due(1), ElementsAre(first));
  ASSERT_TRUE(store().record_notices({first}));
  EXPECT_THAT(due(), ElementsAre(second));
  ASSERT_TRUE(store().record_notices({first, second}));
  EXPECT_THAT(due(), IsEmpty());
}

TEST_P(Notices, WhatIsOverIsDueIfItWasTold) {
  const SagaKey told = given(store(), "told", failed({}));
  const SagaKey untold = given(store(), "untold", failed({}));
  ASSERT_TRUE(store().record_notices({{told, "told", kNoon, false}}));
  ASSERT_TRUE(commit(store(), with_head(further(told, 2), running())));
  ASSERT_TRUE(commit(store(), with_head(further(untold, 2), running())));
  const Notice over{told, "told", kNoon, true};
  EXPECT_THAT(due(), ElementsAre(over));
  ASSERT_TRUE(store().record_notices({over}));
  EXPECT_THAT(due(), IsEmpty());
}

TEST_P(Notices, OneThatNeedsAttentionAgainIsToldAgain) {
  const SagaKey key = given(store(), "a", failed({}));
  ASSERT_TRUE(store().record_notices({{key, "a", kNoon, false}}));
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), running())));
  ASSERT_TRUE(commit(store(), with_head(further(key, 3), failed({}, kNoon + Millis{7}))));
  const Notice over{key, "a", kNoon, true};
  const Notice again{key, "a", kNoon + Millis{7}, false};
  EXPECT_THAT(due(), ElementsAre(over, again));
  ASSERT_TRUE(store().record_notices({again}));
  EXPECT_THAT(due(), IsEmpty()) << "the newer stands for both";
  ASSERT_TRUE(store().record_notices({over}));
  EXPECT_THAT(due(), IsEmpty()) << "what is over is not the newer one";
}

TEST_P(Notices, APurgedSagaIsOver) {
  const SagaKey key = given(store(), "a", failed({}));
  ASSERT_TRUE(store().record_notices({{key, "a", kNoon, false}}));
  Head settled = completed();
  settled.status = "terminated";
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), settled)));
  ASSERT_EQ(store().purge({key}, kNoon + Millis{100}), (Purged{1, 1}));
  EXPECT_THAT(due(), ElementsAre(Notice{key, "a", kNoon, true}));
}

}  // namespace
}  // namespace saga::store::testing
