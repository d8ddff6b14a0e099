#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include "tests/store/sqlite/fault_vfs.h"
#include "tests/store/sqlite/opened.h"

namespace saga::store::testing {
namespace {

class Faults : public ::testing::Test {
 protected:
  SqliteOptions options() const {
    SqliteOptions options = options_for(folder_.path("saga.db"));
    options.vfs = disk_.name();
    return options;
  }
  std::unique_ptr<Store> reopened() { return opened(options_for(folder_.path("saga.db"))); }

  TempFolder folder_;
  FaultVfs disk_;
};

/// Submits without waiting.
std::future<Result<void>> submit(Store& store, Append append) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> answered = answer->get_future();
  const Result<void> accepted =
      store.submit(std::move(append), [answer](Result<void> result) { answer->set_value(std::move(result)); });
  EXPECT_TRUE(accepted) << (accepted ? "" : accepted.error().message);
  return answered;
}

TEST_F(Faults, EachCommitSyncsTheLogOnce) {
  const auto store = opened(options());
  own(*store);
  const SagaKey key = given(*store, "order-1");
  const int before = disk_.syncs_of("-wal");
  for (std::int64_t seq = 2; seq <= 6; ++seq) ASSERT_TRUE(commit(*store, further(key, seq)));
  EXPECT_EQ(disk_.syncs_of("-wal"), before + 5);
}

TEST_F(Faults, AFailedSyncOfTheLogPoisonsThoughSqliteWouldGoOn) {
  auto store = opened(options());
  own(*store);
  const SagaKey key = given(*store, "order-1");
  disk_.fail_next_sync("-wal");
  EXPECT_THAT(commit(*store, further(key, 2)), FailsWith(ErrorCode::kPoisoned, "saga.db"));
  EXPECT_THAT(commit(*store, further(key, 2)), FailsWith(ErrorCode::kPoisoned));
  EXPECT_THAT(store->take_over(kShard, "again"), FailsWith(ErrorCode::kPoisoned));
  EXPECT_TRUE(store->health().poisoned);
  EXPECT_FALSE(store->health().writable);
  EXPECT_EQ(store->load(key)->size(), 1U) << "reads go on, and see what was committed";
  store.reset();

  store = reopened();
  own(*store);
  EXPECT_TRUE(store->health().writable);
  EXPECT_GE(store->load(key)->size(), 1U);
}

TEST_F(Faults, ARestartAfterAFailedSyncBuildsOnNothingThatIsNotOnTheDisk) {
  auto store = opened(options());
  own(*store);
  const SagaKey key = given(*store, "order-1");
  disk_.fail_next_sync("-wal");
  EXPECT_FALSE(commit(*store, further(key, 2)));
  store.reset();

  store = opened(options());
  const Epoch epoch = own(*store);
  std::int64_t events = static_cast<std::int64_t>(store->load(key)->size());
  EXPECT_EQ(events, 2) << "the system's cache still shows what the disk does not have";
  ASSERT_TRUE(commit(*store, further(key, ++events, 1, epoch)));
  std::mt19937 random(1);
  disk_.cut_power(folder_.path("saga.db"), folder_.path("cut.db"), random);
  EXPECT_EQ(static_cast<std::int64_t>(opened(folder_.path("cut.db"))->load(key)->size()), events);
}

TEST_F(Faults, AFailedSyncOfTheDatabaseInACheckpointPoisons) {
  SqliteOptions small = options();
  small.checkpoint_pages = 1;
  const auto store = opened(small);
  own(*store);
  const SagaKey key = given(*store, "order-1");
  disk_.fail_next_sync("saga.db");
  // A checkpoint runs after the answer: the one before may be under way still, or the next commit's is the first to
  // fail.
  std::int64_t acknowledged = 1;
  Result<void> last = commit(*store, further(key, acknowledged + 1));
  while (last && acknowledged < 1'000) last = commit(*store, further(key, ++acknowledged + 1));
  EXPECT_THAT(last, FailsWith(ErrorCode::kPoisoned, "copying the log"));
  EXPECT_EQ(store->load(key)->size(), static_cast<std::size_t>(acknowledged)) << "what was acknowledged is there";
}

TEST_F(Faults, AFailedWritePoisons) {
  const auto store = opened(options());
  own(*store);
  const SagaKey key = given(*store, "order-1");
  disk_.fail_next_write();
  EXPECT_THAT(commit(*store, further(key, 2)), FailsWith(ErrorCode::kPoisoned));
}

TEST_F(Faults, AFullDiskIsWaitedForAndNothingIsLost) {
  auto store = opened(options());
  own(*store);
  const SagaKey key = given(*store, "order-1");
  disk_.set_full(true);
  std::vector<std::future<Result<void>>> answers;
  answers.push_back(submit(*store, further(key, 2)));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (store->health().writable && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(store->health().writable);
  EXPECT_FALSE(store->health().poisoned);
  EXPECT_THAT(store->health().problem, ::testing::HasSubstr("full"));
  for (std::int64_t seq = 3; seq <= 10; ++seq) answers.push_back(submit(*store, further(key, seq)));
  EXPECT_THAT(store->take_over(kShard, "again"), FailsWith(ErrorCode::kUnavailable, "full"));
  EXPECT_EQ(store->load(key)->size(), 1U);
  EXPECT_EQ(answers[0].wait_for(std::chrono::seconds(0)), std::future_status::timeout);

  disk_.set_full(false);
  for (auto& answer : answers) EXPECT_TRUE(answer.get());
  EXPECT_TRUE(store->health().writable);
  EXPECT_EQ(store->load(key)->size(), 10U);
  store.reset();
  EXPECT_EQ(reopened()->load(key)->size(), 10U);
}

TEST_F(Faults, AnotherProgramsWriteLockIsWaitedFor) {
  SqliteOptions hurried = options();
  hurried.write_patience = std::chrono::milliseconds{1};
  const auto store = opened(hurried);
  own(*store);
  const SagaKey key = given(*store, "order-1");
  sqlite3* shell = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.path("saga.db").c_str(), &shell), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(shell, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  auto answer = submit(*store, further(key, 2));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (store->health().writable && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_THAT(store->health().problem, ::testing::HasSubstr("another program"));
  ASSERT_EQ(sqlite3_exec(shell, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(shell);
  EXPECT_TRUE(answer.get());
}

/// Commits at random, cuts the power at a random instant, and looks whether all that was acknowledged before is there.
TEST_F(Faults, WhatWasAcknowledgedSurvivesAPowerCut) {
  const auto seed = static_cast<std::uint32_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  SqliteOptions small = options();
  small.checkpoint_pages = 20;  // Often, so that cuts fall between a checkpoint's writes too.
  const auto store = opened(small);
  own(*store);
  const SagaKey key = given(*store, "order-1");

  for (int round = 0; round < 40; ++round) {
    std::atomic<std::int64_t> acknowledged{static_cast<std::int64_t>(store->load(key)->size())};
    const std::int64_t first = acknowledged + 1;
    const std::int64_t appends = 1 + random() % 30;
    const std::int64_t cut_after = first + static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(appends));
    const std::string copy = folder_.path("cut-" + std::to_string(round) + ".db");
    std::int64_t promised = 0;
    std::vector<std::future<Result<void>>> answers;
    for (std::int64_t seq = first; seq < first + appends; ++seq) {
      auto answer = std::make_shared<std::promise<Result<void>>>();
      answers.push_back(answer->get_future());
      ASSERT_TRUE(store->submit(further(key, seq), [&acknowledged, answer, seq](const Result<void>& result) {
        if (result) acknowledged = seq;
        answer->set_value(result);
      }));
      if (seq == cut_after) {
        promised = acknowledged;  // Read before the cut: later ones may be there or not.
        disk_.cut_power(folder_.path("saga.db"), copy, random);
      }
    }
    for (auto& answer : answers) ASSERT_TRUE(answer.get());

    const auto after = opened(copy);
    ASSERT_NE(after, nullptr);
    const auto found = after->load(key);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_GE(static_cast<std::int64_t>(found->size()), promised) << "round " << round;
    for (std::size_t i = 0; i < found->size(); ++i) ASSERT_EQ((*found)[i], event(static_cast<std::int64_t>(i) + 1));
  }
}

/// The power is cut before every single write, truncation and sync, in commits and in the checkpoints between them.
TEST_F(Faults, WhatWasAcknowledgedSurvivesAPowerCutAtEveryStep) {
  struct Cut {
    std::string copy;
    std::int64_t promised = 0;
  };
  constexpr std::size_t kCuts = 600;
  const auto seed = static_cast<std::uint32_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  SqliteOptions small = options();
  small.checkpoint_pages = 12;
  auto store = opened(small);
  own(*store);
  const SagaKey key = given(*store, "order-1");
  std::atomic<std::int64_t> acknowledged{1};
  std::mutex mutex;
  std::vector<Cut> cuts;  // Made on the store thread; guarded by `mutex`.
  std::atomic<std::size_t> made{0};
  const auto cut = [&] {
    const std::lock_guard lock(mutex);
    cuts.push_back({folder_.path("cut-" + std::to_string(++made) + ".db"), acknowledged});
    disk_.cut_power(folder_.path("saga.db"), cuts.back().copy, random);
  };
  int syncs_of_database = 0;
  while (made < kCuts) {
    disk_.before_each_step(cut);
    const std::int64_t seq = acknowledged + 1;
    std::promise<bool> answered;
    ASSERT_TRUE(store->submit(further(key, seq), [&](const Result<void>& result) {
      if (result) acknowledged = seq;
      answered.set_value(result.has_value());
    }));
    ASSERT_TRUE(answered.get_future().get());
    // The checkpoint follows the answer; a call behind it is answered after its end.
    EXPECT_EQ(store->register_workflows({}), Result<bool>(false));
    disk_.before_each_step({});
    std::vector<Cut> looked_at;
    {
      const std::lock_guard lock(mutex);
      looked_at.swap(cuts);
    }
    for (const Cut& one : looked_at) {
      {
        const auto after = opened(one.copy);
        ASSERT_NE(after, nullptr);
        const auto found = after->load(key);
        ASSERT_TRUE(found) << found.error().message;
        ASSERT_GE(static_cast<std::int64_t>(found->size()), one.promised) << one.copy;
        for (std::size_t i = 0; i < found->size(); ++i) ASSERT_EQ((*found)[i], event(static_cast<std::int64_t>(i) + 1));
      }
      for (const char* const ending : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(one.copy + ending);
    }
    syncs_of_database = disk_.syncs_of("saga.db");
  }
  EXPECT_GT(syncs_of_database, 3) << "no checkpoint was cut";
}

}  // namespace
}  // namespace saga::store::testing
