// The same random history goes to every backend; whatever is asked, they must give one answer.
#include <algorithm>
#include <random>

#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

constexpr int kSagas = 30;

class Model : public ::testing::Test {
 protected:
  Model() : seed_(static_cast<std::uint32_t>(std::random_device{}())), random_(seed_) {
    for (const StoreKind& kind : store_kinds()) {
      stores_.push_back(kind.make(folder_, {}));
      EXPECT_EQ(stores_.back()->take_over(kShard, "model"), Epoch{1});
    }
  }

  int any(int below) { return static_cast<int>(random_() % static_cast<std::uint32_t>(below)); }
  bool one_in(int n) { return any(n) == 0; }
  std::string word(const std::string& stem, int below) { return stem + std::to_string(any(below)); }

  Head any_head() {
    Head head;
    head.status = word("status", 4);
    head.ended = one_in(3);
    head.needs_attention = one_in(3);
    if (head.needs_attention) {
      head.attention_since = kNoon + Millis{any(100)};
      for (int i = any(3); i > 0; --i)
        head.stuck.push_back({word("step", 3), one_in(2) ? "action" : "compensation", word("code", 3)});
    }
    head.updated_at = kNoon + Millis{any(100)};
    if (head.ended) head.finished_at = head.updated_at;
    if (!head.ended && one_in(2)) head.wake_at = kNoon + Millis{any(20)};
    return head;
  }

  Append any_append() {
    const SagaKey key = 1 + any(kSagas);
    std::int64_t& length = lengths_[static_cast<std::size_t>(key)];
    const std::int64_t next = std::max<std::int64_t>(2, length + (one_in(10) ? any(3) : 1));  // At times wrong.
    Append append = length == 0 || one_in(20) ? start(key, word("id", 2 * kSagas)) : further(key, next, 1 + any(3));
    if (append.create) {
      *append.create =
          Identity{append.create->id, word("workflow", 3), 1 + any(3), {}, kNoon + Millis{any(50)}, kShard};
      for (int i = any(3); i > 0; --i)
        append.create->tags.emplace_back(word("tag", 2) + std::to_string(i), word("value", 2));
      append.head = any_head();
    } else if (one_in(2)) {
      append.head = any_head();
    }
    if (append.head && !append.create && one_in(5)) append.events.clear();
    for (int i = one_in(4) ? 1 + any(2) : 0; i > 0; --i) append.wake.push_back(word("id", 2 * kSagas));
    append.wake_at = kNoon + Millis{any(20)};
    if (one_in(30)) append.fence.epoch = 2;
    return append;
  }

  ListFilter any_filter() {
    ListFilter filter;
    if (one_in(3)) filter.workflow = word("workflow", 4);
    if (one_in(4)) filter.version = 1 + any(3);
    if (one_in(3)) filter.statuses.push_back(word("status", 5));
    if (!filter.statuses.empty() && one_in(2))
      filter.statuses.push_back(filter.statuses[0] == "status1" ? "status2" : "status1");
    if (one_in(4)) filter.needs_attention = one_in(2);
    if (one_in(4)) filter.stuck_step = word("step", 3);
    if (one_in(4)) filter.stuck_code = word("code", 3);
    for (int i = 1; i <= 2; ++i) {
      if (one_in(5)) filter.tags.emplace_back(word("tag", 2) + std::to_string(i), word("value", 2));
    }
    if (one_in(4)) filter.since = kNoon + Millis{any(60)};
    if (one_in(4)) filter.until = kNoon + Millis{any(60)};
    return filter;
  }

  /// Asks every store and expects equal answers.
  template <typename Ask, typename Show>
  void agree(Ask ask, Show show) {
    const auto first = ask(*stores_[0]);
    ASSERT_TRUE(first) << first.error().message;
    for (std::size_t i = 1; i < stores_.size(); ++i) {
      const auto other = ask(*stores_[i]);
      ASSERT_TRUE(other) << other.error().message;
      ASSERT_EQ(show(*first), show(*other));
    }
  }

  void write() {
    std::vector<Append> group;
    for (int i = one_in(4) ? 1 + any(3) : 1; i > 0; --i) group.push_back(any_append());
    const Result<void> first = commit_all(*stores_[0], group);
    for (std::size_t i = 1; i < stores_.size(); ++i) {
      const Result<void> other = commit_all(*stores_[i], group);
      ASSERT_EQ(first.has_value(), other.has_value()) << (first ? other : first).error().message;
      if (!first) {
        ASSERT_EQ(first.error().code, other.error().code);
      }
    }
    for (SagaKey key = 1; key <= kSagas; ++key) {
      lengths_[static_cast<std::size_t>(key)] = static_cast<std::int64_t>(stores_[0]->load(key)->size());
    }
  }

  void ask() {
    const auto rows = [](const std::vector<SagaRow>& list) {
      std::vector<std::tuple<SagaKey, Identity, Head>> shown;
      for (const SagaRow& row : list) {
        Identity identity = row.identity;
        shown.emplace_back(row.key, std::move(identity), row.head);
      }
      return shown;
    };
    const auto due = [](const std::vector<DueSaga>& list) {
      std::vector<std::tuple<SagaKey, std::string, Timestamp>> shown;
      for (const DueSaga& saga : list) shown.emplace_back(saga.key, saga.id, saga.wake_at);
      return shown;
    };
    const auto same = [](const auto& value) { return value; };
    const ListFilter filter = any_filter();
    const std::optional<SagaKey> before = one_in(2) ? std::optional<SagaKey>(any(kSagas)) : std::nullopt;
    const auto limit = static_cast<std::size_t>(any(10));
    const Timestamp until = kNoon + Millis{any(25)};
    const std::optional<DueCursor> after =
        one_in(2) ? std::optional(DueCursor{kNoon + Millis{any(20)}, any(kSagas)}) : std::nullopt;
    const SagaKey key = 1 + any(kSagas);
    agree([&](Store& store) { return store.list(filter, before, limit); }, rows);
    agree([&](Store& store) { return store.count_by_status(filter); }, same);
    agree([&](Store& store) { return store.count_by_status({}); }, same);
    agree([&](Store& store) { return store.count_attention(filter); }, same);
    agree([&](Store& store) { return store.due(kShard, until, after, limit); }, due);
    agree([&](Store& store) { return store.load(key, 1 + any(1)); }, same);
  }

  const std::uint32_t seed_;
  std::mt19937 random_;
  TempFolder folder_;
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<std::int64_t> lengths_ = std::vector<std::int64_t>(kSagas + 1, 0);
};

TEST_F(Model, AllBackendsGiveOneAnswer) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < 500 && !HasFatalFailure(); ++i) {
    write();
    ask();
    ask();
  }
}

}  // namespace
}  // namespace saga::store::testing
