#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AuditEntry entry(const std::string& verb, const std::string& actor = "ops", const std::string& saga = "",
                 Timestamp at = kNoon) {
  AuditEntry made;
  made.at = at;
  made.actor = actor;
  made.verified = true;
  made.verb = verb;
  made.saga = saga;
  made.result = "done";
  return made;
}

class Auditing : public StoreContract {
 protected:
  /// The verbs of what `filter` finds, newest first.
  std::vector<std::string> verbs(const AuditFilter& filter = {}, std::optional<AuditKey> before = std::nullopt,
                                 std::size_t limit = 100) {
    const auto rows = store().audit(filter, before, limit);
    EXPECT_TRUE(rows);
    std::vector<std::string> found;
    for (const AuditRow& row : *rows) found.push_back(row.entry.verb);
    return found;
  }
};
EVERY_STORE(Auditing);

TEST_P(Auditing, AnEntryIsWrittenWithItsEventsOrByItself) {
  const SagaKey key = given(store(), "order-1");
  Append cancelled = further(key, 2);
  const AuditEntry with_events{kNoon, "ops (bob@desk)", true, "cancel", "order-1", "", "\"quoted\"\nü", "done", ""};
  cancelled.audit = std::make_shared<const AuditEntry>(with_events);
  ASSERT_TRUE(commit(store(), cancelled));
  const AuditEntry alone{kNoon + Millis{1}, "anonymous", false, "skip", "order-1", "pay", "why", "refused", "no"};
  ASSERT_TRUE(commit(store(), audit_alone(alone)));
  const auto rows = store().audit({}, std::nullopt, 10);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].entry, alone);
  EXPECT_EQ((*rows)[1].entry, with_events);
  EXPECT_GT((*rows)[0].key, (*rows)[1].key);
  EXPECT_EQ(store().load(key)->size(), 2U);
}

TEST_P(Auditing, WhatConflictsLeavesNoEntry) {
  const SagaKey key = given(store(), "order-1");
  Append late = further(key, 5);
  late.audit = std::make_shared<const AuditEntry>(entry("cancel"));
  EXPECT_THAT(commit(store(), late), FailsWith(ErrorCode::kConflict));
  Append fenced = further(key, 2, 1, 7);
  fenced.audit = late.audit;
  EXPECT_THAT(commit(store(), fenced), FailsWith(ErrorCode::kFenced));
  // As a group: the first member is fine, the second is not.
  Append fine = further(key, 2);
  fine.audit = late.audit;
  EXPECT_THAT(commit_all(store(), {fine, late}), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit_all(store(), {audit_alone(entry("purge")), late}), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(verbs(), IsEmpty());
  EXPECT_EQ(store().load(key)->size(), 1U);
  EXPECT_TRUE(commit_all(store(), {audit_alone(entry("purge")), fine}));
  EXPECT_THAT(verbs(), ElementsAre("cancel", "purge"));
}

TEST_P(Auditing, AnEntryAloneNeedsNeitherSagaNorShard) {
  ASSERT_EQ(store().take_over(kShard, "second"), Epoch{2});
  EXPECT_TRUE(commit(store(), audit_alone(entry("register"))));
  EXPECT_THAT(verbs(), ElementsAre("register"));
}

TEST_P(Auditing, RegisteringIsWrittenDownWhereSomethingIsNew) {
  const WorkflowRow row{"a", 1, "{}", "# a", kNoon};
  const auto audit = std::make_shared<const AuditEntry>(entry("register", "release"));
  EXPECT_EQ(store().register_workflows({row}, audit), true);
  EXPECT_EQ(store().register_workflows({row}, audit), false);
  WorkflowRow other = row;
  other.content = "[]";
  EXPECT_THAT(store().register_workflows({other}, audit), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(verbs(), ElementsAre("register"));
}

TEST_P(Auditing, IsReadNewestFirstPageAfterPage) {
  for (const char* verb : {"1", "2", "3", "4", "5"}) ASSERT_TRUE(commit(store(), audit_alone(entry(verb))));
  const auto first = store().audit({}, std::nullopt, 2);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->size(), 2U);
  EXPECT_EQ(first->front().entry.verb, "5");
  EXPECT_THAT(verbs({}, first->back().key, 2), ElementsAre("3", "2"));
  EXPECT_THAT(verbs({}, first->back().key), ElementsAre("3", "2", "1"));
  EXPECT_THAT(verbs({}, 1), IsEmpty());
}

TEST_P(Auditing, IsFilteredByWhoWhatWhichAndWhen) {
  const auto put = [&](const AuditEntry& made) { ASSERT_TRUE(commit(store(), audit_alone(made))); };
  put(entry("cancel", "ops", "order-1", kNoon));
  put(entry("retry", "ops (bob@desk)", "order-2", kNoon + Millis{10}));
  put(entry("skip", "ops2", "order-1", kNoon + Millis{20}));
  put(entry("register", "release", "", kNoon + Millis{30}));
  const auto by = [&](auto set) {
    AuditFilter filter;
    set(filter);
    return verbs(filter);
  };
  EXPECT_THAT(by([](AuditFilter& f) { f.actor = "ops"; }), ElementsAre("retry", "cancel"));
  EXPECT_THAT(by([](AuditFilter& f) { f.actor = "ops (bob@desk)"; }), ElementsAre("retry"));
  EXPECT_THAT(by([](AuditFilter& f) { f.actor = "op"; }), IsEmpty());
  EXPECT_THAT(by([](AuditFilter& f) { f.verb = "skip"; }), ElementsAre("skip"));
  EXPECT_THAT(by([](AuditFilter& f) { f.saga = "order-1"; }), ElementsAre("skip", "cancel"));
  EXPECT_THAT(by([](AuditFilter& f) { f.since = kNoon + Millis{10}; }), ElementsAre("register", "skip", "retry"));
  EXPECT_THAT(by([](AuditFilter& f) { f.until = kNoon + Millis{10}; }), ElementsAre("cancel"));
  EXPECT_THAT(by([](AuditFilter& f) {
                f.actor = "ops";
                f.saga = "order-2";
                f.verb = "retry";
              }),
              ElementsAre("retry"));
}

}  // namespace
}  // namespace saga::store::testing
