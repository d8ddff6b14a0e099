#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kLater = kNoon + Millis{1'000};
constexpr std::size_t kAll = 1'000;

PurgeFilter before(Timestamp time) {
  PurgeFilter filter;
  filter.ended_before = time;
  return filter;
}

/// Ended by an operator after it had failed.
Head terminated(Timestamp at = kNoon) {
  Head head = completed();
  head.status = "terminated";
  head.updated_at = at;
  return head;
}

class Purging : public StoreContract {
 protected:
  std::vector<SagaKey> roots(const PurgeFilter& filter) { return store().purgeable(filter, std::nullopt, kAll)->roots; }
};
EVERY_STORE(Purging);

TEST_P(Purging, TakesASagaWithAllThatBelongsToIt) {
  const SagaKey gone = given(store(), "a", running(), identity("w", 1, {{"t", "x"}, {"u", "y"}}));
  ASSERT_TRUE(commit(store(), with_head(further(gone, 2, 3), completed())));
  const SagaKey stays = given(store(), "b", running(), identity("w", 1, {{"t", "x"}}));
  EXPECT_THAT(roots(before(kLater)), ElementsAre(gone));
  EXPECT_EQ(store().purge({gone}, kLater), (Purged{1, 1}));
  EXPECT_THAT(store().find("a"), FailsWith(ErrorCode::kNotFound, "'a' was purged"));
  EXPECT_THAT(store().find(gone), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(*store().load(gone), IsEmpty());
  ListFilter tagged;
  tagged.tags = {{"t", "x"}};
  const auto left = store().list(tagged, std::nullopt, 10);
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().key, stays);
  EXPECT_THAT(*store().count_by_status({}), ElementsAre(StatusCount{"w", "running", 1, 0, {}}));
  EXPECT_THAT(*store().due(kShard, kLater, std::nullopt, 10), ::testing::SizeIs(1));
  EXPECT_EQ(store().load(stays)->size(), 1U);
}

TEST_P(Purging, NothingIsAppendedToASagaThatIsGone) {
  const SagaKey key = given(store(), "a", completed());
  ASSERT_TRUE(commit(store(), further(key, 2)));
  ASSERT_EQ(store().purge({key}, kLater), (Purged{1, 1}));
  EXPECT_THAT(commit(store(), further(key, 3)), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(*store().load(key), IsEmpty());
}

TEST_P(Purging, AnIdIsNeverFreeAgain) {
  const SagaKey key = given(store(), "a", completed());
  ASSERT_EQ(store().purge({key}, kLater), (Purged{1, 1}));
  EXPECT_THAT(commit(store(), start(store().reserve_key(), "a")),
              FailsWith(ErrorCode::kConflict, "the id 'a' is taken for good: its saga was purged"));
  EXPECT_THAT(commit_all(store(), {start(store().reserve_key(), "b"), start(store().reserve_key(), "a")}),
              FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(store().find("b"), FailsWith(ErrorCode::kNotFound));
}

TEST_P(Purging, NeverTakesWhatNeedsAttentionOrHasNotEnded) {
  const std::vector<SagaKey> stay{given(store(), "running"), given(store(), "failed", failed({{"pay", "action", "x"}})),
                                  given(store(), "late", terminated(kLater))};
  const SagaKey settled = given(store(), "settled", failed({{"pay", "action", "x"}}));
  ASSERT_TRUE(commit(store(), with_head(further(settled, 2), terminated())));
  EXPECT_THAT(roots(before(kLater)), ElementsAre(settled));
  std::vector<SagaKey> all = stay;
  all.push_back(settled);
  EXPECT_EQ(store().purge(all, kLater), (Purged{4, 1})) << "whatever was found before, the purge looks again";
  for (const SagaKey key : stay) EXPECT_TRUE(store().find(key));
  EXPECT_THAT(*store().count_attention({}), ElementsAre(AttentionCount{"order-saga", "pay", "action", "x", 1}));
}

TEST_P(Purging, AFailedSagaThatIsTerminatedLaterCountsFromThen) {
  const SagaKey key = given(store(), "a", failed({}));
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), terminated(kLater))));
  EXPECT_THAT(roots(before(kLater)), IsEmpty());
  EXPECT_THAT(roots(before(kLater + Millis{1})), ElementsAre(key));
}

TEST_P(Purging, ChildrenGoWithTheirParentAndNeverBefore) {
  const SagaKey parent = given(store(), "p");
  const SagaKey child = given(store(), "p~pay", completed(), identity("c"));
  const SagaKey grandchild = given(store(), "p~pay~charge", completed(), identity("g"));
  const SagaKey other = given(store(), "p2", completed());
  EXPECT_THAT(roots(before(kLater)), ElementsAre(other));
  EXPECT_EQ(store().purge({child, grandchild}, kLater), (Purged{2, 0}));

  ASSERT_TRUE(commit(store(), with_head(further(parent, 2), completed())));
  const auto page = store().purgeable(before(kLater), std::nullopt, kAll);
  EXPECT_THAT(page->roots, ElementsAre(parent, other));
  EXPECT_EQ(page->sagas, 4U);
  EXPECT_EQ(store().purge({parent}, kLater), (Purged{1, 3}));
  for (const SagaKey key : {parent, child, grandchild}) EXPECT_THAT(store().find(key), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(store().find("p~pay"), FailsWith(ErrorCode::kNotFound, "'p' was purged"));
  EXPECT_THAT(*store().count_by_status({}), ElementsAre(StatusCount{"order-saga", "completed", 1, 0, {}}));
}

TEST_P(Purging, AChildThatStaysKeepsItsFamily) {
  const SagaKey parent = given(store(), "p", terminated());
  given(store(), "p~pay", failed({}));
  given(store(), "p~ship", completed());
  EXPECT_THAT(roots(before(kLater)), IsEmpty());
  EXPECT_EQ(store().purge({parent}, kLater), (Purged{1, 0}));
  EXPECT_TRUE(store().find("p~ship"));
}

TEST_P(Purging, FiltersAreTheRoots) {
  const SagaKey one = given(store(), "a", completed(), identity("w", 1));
  given(store(), "a~x", completed(), identity("v", 1));
  const SagaKey two = given(store(), "b", terminated(), identity("w", 2));
  const SagaKey three = given(store(), "c", completed(), identity("v", 1));
  PurgeFilter filter = before(kLater);
  filter.workflow = "w";
  EXPECT_THAT(roots(filter), ElementsAre(one, two));
  filter.version = 2;
  EXPECT_THAT(roots(filter), ElementsAre(two));
  filter = before(kLater);
  filter.statuses = {"completed", "compensated"};
  EXPECT_THAT(roots(filter), ElementsAre(one, three));
}

TEST_P(Purging, GoesOnFromPageToPage) {
  std::vector<SagaKey> expected;
  for (int i = 0; i < 7; ++i) {
    const Timestamp created = kNoon - Millis{i % 3};  // Not in the order of the keys.
    const SagaKey key =
        given(store(), "s" + std::to_string(i), i == 4 ? running() : completed(), identity("w", 1, {}, created));
    if (i != 4) expected.push_back(key);
  }
  std::vector<SagaKey> found;
  std::optional<PurgeCursor> at;
  int pages = 0;
  do {
    const auto page = store().purgeable(before(kLater), at, 2);
    ASSERT_TRUE(page);
    found.insert(found.end(), page->roots.begin(), page->roots.end());
    at = page->next;
    ASSERT_LE(++pages, 5);
  } while (at);
  EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected));
}

TEST_P(Purging, AnyNumberGoesInPieces) {
  std::vector<SagaKey> left;
  for (int i = 0; i < 700; ++i) left.push_back(given(store(), "s" + std::to_string(i), completed()));
  std::size_t sagas = 0;
  while (!left.empty()) {
    const auto piece = store().purge(left, kLater);
    ASSERT_TRUE(piece);
    ASSERT_GE(piece->roots, 1U);
    sagas += piece->sagas;
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(piece->roots));
  }
  EXPECT_EQ(sagas, 700U);
  EXPECT_THAT(*store().count_by_status({}), IsEmpty());
  EXPECT_EQ(store().purge({}, kLater), (Purged{0, 0}));
}

}  // namespace
}  // namespace saga::store::testing
