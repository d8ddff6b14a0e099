#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Listing : public StoreContract {
 protected:
  std::vector<std::string> list(const ListFilter& filter, std::optional<SagaKey> before = std::nullopt,
                                std::size_t limit = 100) {
    const auto rows = store().list(filter, before, limit);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    std::vector<std::string> ids;
    for (const SagaRow& row : *rows) ids.push_back(row.identity.id);
    return ids;
  }
};
EVERY_STORE(Listing);

TEST_P(Listing, NewestFirstWithWholeRows) {
  given(store(), "a", running(), identity("w", 2, {{"k", "v"}}));
  given(store(), "b", failed({{"pay", "action", "declined"}}));
  EXPECT_THAT(list({}), ElementsAre("b", "a"));
  const auto rows = store().list({}, std::nullopt, 10);
  EXPECT_EQ(rows->at(0).head, failed({{"pay", "action", "declined"}}));
  EXPECT_EQ(rows->at(1).identity.tags, (std::vector<std::pair<std::string, std::string>>{{"k", "v"}}));
  EXPECT_EQ(rows->at(1).identity.version, 2);
  EXPECT_EQ(rows->at(1).key, store().find("a")->key);
}

TEST_P(Listing, PagesFollowOneAnotherWithoutGapOrRepeat) {
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    given(store(), "s" + std::to_string(i), i % 2 == 0 ? running() : completed(),
          identity(i % 3 == 0 ? "a" : "b", 1, {{"t", "x"}}));
    expected.insert(expected.begin(), "s" + std::to_string(i));
  }
  std::vector<ListFilter> filters(4);
  filters[1].workflow = "a";
  filters[2].statuses = {"completed", "running"};
  filters[3].tags = {{"t", "x"}};
  for (const ListFilter& filter : filters) {
    std::vector<std::string> seen;
    std::optional<SagaKey> before;
    while (true) {
      const auto page = store().list(filter, before, 4);
      ASSERT_TRUE(page);
      if (page->empty()) break;
      EXPECT_LE(page->size(), 4U);
      for (const SagaRow& row : *page) seen.push_back(row.identity.id);
      before = page->back().key;
    }
    if (!filter.workflow) {
      EXPECT_EQ(seen, expected);
    } else {
      EXPECT_THAT(seen, ElementsAre("s24", "s21", "s18", "s15", "s12", "s9", "s6", "s3", "s0"));
    }
  }
  EXPECT_THAT(list({}, std::nullopt, 0), IsEmpty());
}

TEST_P(Listing, FiltersByWorkflowVersionAndStatus) {
  given(store(), "a1", running(), identity("a", 1));
  given(store(), "a2", completed(), identity("a", 2));
  given(store(), "b1", running(), identity("b", 1));
  given(store(), "b2", failed({}), identity("b", 1));
  ListFilter filter;
  filter.workflow = "a";
  EXPECT_THAT(list(filter), ElementsAre("a2", "a1"));
  filter.version = 1;
  EXPECT_THAT(list(filter), ElementsAre("a1"));
  filter = {};
  filter.statuses = {"running"};
  EXPECT_THAT(list(filter), ElementsAre("b1", "a1"));
  filter.statuses = {"failed", "completed", "unheard_of"};
  EXPECT_THAT(list(filter), ElementsAre("b2", "a2"));
  filter.workflow = "b";
  EXPECT_THAT(list(filter), ElementsAre("b2"));
  filter.workflow = "c";
  EXPECT_THAT(list(filter), IsEmpty());
}

TEST_P(Listing, AStatusIsTheLastOne) {
  const SagaKey key = given(store(), "a");
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), completed())));
  ListFilter filter;
  filter.statuses = {"running"};
  EXPECT_THAT(list(filter), IsEmpty());
  filter.statuses = {"completed"};
  EXPECT_THAT(list(filter), ElementsAre("a"));
}

TEST_P(Listing, FiltersByAttentionAndPlace) {
  given(store(), "well");
  given(store(), "declined", failed({{"pay", "action", "declined"}}));
  given(store(), "two", failed({{"pay", "action", "503"}, {"ship", "compensation", "declined"}}));
  ListFilter filter;
  filter.needs_attention = true;
  EXPECT_THAT(list(filter), ElementsAre("two", "declined"));
  filter.needs_attention = false;
  EXPECT_THAT(list(filter), ElementsAre("well"));
  filter = {};
  filter.stuck_step = "pay";
  EXPECT_THAT(list(filter), ElementsAre("two", "declined"));
  filter.stuck_code = "declined";
  EXPECT_THAT(list(filter), ElementsAre("declined")) << "step and code are of one place";
  filter.stuck_step = std::nullopt;
  EXPECT_THAT(list(filter), ElementsAre("two", "declined"));
  filter.stuck_code = "402";
  EXPECT_THAT(list(filter), IsEmpty());
}

TEST_P(Listing, APlaceIsForgottenWithTheHeadThatLeavesIt) {
  const SagaKey key = given(store(), "a", failed({{"pay", "action", "declined"}}));
  ASSERT_TRUE(commit(store(), with_head(further(key, 2), failed({{"ship", "action", "503"}}))));
  ListFilter filter;
  filter.stuck_step = "pay";
  EXPECT_THAT(list(filter), IsEmpty());
  filter.stuck_step = "ship";
  EXPECT_THAT(list(filter), ElementsAre("a"));
  ASSERT_TRUE(commit(store(), with_head(further(key, 3), running())));
  EXPECT_THAT(list(filter), IsEmpty());
}

TEST_P(Listing, FiltersByTags) {
  given(store(), "none");
  given(store(), "eu", running(), identity("w", 1, {{"region", "eu"}}));
  given(store(), "eu-vip", running(), identity("w", 1, {{"region", "eu"}, {"tier", "vip"}}));
  given(store(), "us-vip", completed(), identity("w", 1, {{"tier", "vip"}, {"region", "us"}}));
  ListFilter filter;
  filter.tags = {{"region", "eu"}};
  EXPECT_THAT(list(filter), ElementsAre("eu-vip", "eu"));
  filter.tags = {{"region", "eu"}, {"tier", "vip"}};
  EXPECT_THAT(list(filter), ElementsAre("eu-vip"));
  filter.tags = {{"tier", "vip"}};
  filter.statuses = {"completed"};
  EXPECT_THAT(list(filter), ElementsAre("us-vip"));
  filter.tags = {{"tier", "eu"}};
  EXPECT_THAT(list(filter), IsEmpty());
}

TEST_P(Listing, FiltersByTimeOfCreation) {
  for (int i = 0; i < 5; ++i)
    given(store(), "s" + std::to_string(i), running(), identity("w", 1, {}, kNoon + Millis{i * 10}));
  given(store(), "clock-went-back", running(), identity("w", 1, {}, kNoon + Millis{15}));
  ListFilter filter;
  filter.since = kNoon + Millis{20};
  EXPECT_THAT(list(filter), ElementsAre("s4", "s3", "s2"));
  filter.until = kNoon + Millis{40};
  EXPECT_THAT(list(filter), ElementsAre("s3", "s2"));
  filter.since = kNoon + Millis{10};
  EXPECT_THAT(list(filter), ElementsAre("clock-went-back", "s3", "s2", "s1"));
  filter.statuses = {"running"};
  EXPECT_THAT(list(filter), ElementsAre("clock-went-back", "s3", "s2", "s1"));
  filter.since = kNoon + Millis{41};
  EXPECT_THAT(list(filter), IsEmpty());
  filter = {};
  filter.until = kNoon;
  EXPECT_THAT(list(filter), IsEmpty());
}

}  // namespace
}  // namespace saga::store::testing
