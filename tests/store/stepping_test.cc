// A committer without a thread: whoever steps it is the store thread.
#include <functional>
#include <future>

#include "store/group_committer.h"
#include "store/memory/memory_store.h"
#include "tests/store/sagas.h"

namespace saga::store::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Error kFull{ErrorCode::kUnavailable, "the disk is full"};

/// Stands before the tables and fails commits by a script.
class FailingWriter final : public Backend {
 public:
  explicit FailingWriter(MemoryBackend& tables) : tables_(tables) {}

  Result<std::vector<Result<void>>> commit(std::span<const AppendGroup> groups) override {
    batches.push_back(groups.size());
    if (!problem) return tables_.commit(groups);
    return tl::unexpected(*problem);
  }
  Result<bool> register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) override {
    return tables_.register_workflows(rows, audit);
  }
  Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override {
    return tables_.keep_secret(name, fresh);
  }
  Result<Epoch> take_over(ShardId shard, const std::string& owner) override { return tables_.take_over(shard, owner); }
  Result<bool> record_notices(std::span<const Notice> told) override { return tables_.record_notices(told); }
  Result<Purged> purge(std::span<const SagaKey> roots, Timestamp ended_before) override {
    return tables_.purge(roots, ended_before);
  }
  Result<void> maintain() override {
    ++upkeeps;
    return {};
  }

  std::optional<Error> problem;
  std::vector<std::size_t> batches;  ///< Groups in each commit that was tried.
  int upkeeps = 0;

 private:
  MemoryBackend& tables_;
};

CommitterOptions stepped() {
  CommitterOptions options;
  options.own_thread = false;
  return options;
}

class Stepping : public ::testing::Test {
 protected:
  void boot(CommitterOptions options = stepped()) {
    store_.reset();
    store_ = std::make_unique<StoreOverMemory>(tables_, writer_, options);
    ASSERT_TRUE(store_->take_over(kShard, "me"));
    ++epoch_;
  }
  Result<void> start(const std::string& id) {
    return store_->submit(testing::start(store_->reserve_key(), id, epoch_), [this](const Result<void>& result) {
      answers_.push_back(result ? std::nullopt : std::optional(result.error().code));
    });
  }

  MemoryBackend tables_;
  FailingWriter writer_{tables_};
  Epoch epoch_ = 0;
  std::vector<std::optional<ErrorCode>> answers_;
  std::unique_ptr<StoreOverMemory> store_;
};

TEST_F(Stepping, NothingIsWrittenBetweenTheSteps) {
  CommitterOptions options = stepped();
  options.max_batch = 2;
  boot(options);
  EXPECT_FALSE(store_->step()) << "nothing waits";
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(start(id));
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(store_->queue_length(), 3U);
  EXPECT_TRUE(store_->step());
  EXPECT_THAT(answers_, SizeIs(2));
  EXPECT_THAT(store_->find("c"), FailsWith(ErrorCode::kNotFound));
  EXPECT_TRUE(store_->step());
  EXPECT_FALSE(store_->step());
  EXPECT_THAT(answers_, ::testing::AllOf(SizeIs(3), Each(std::nullopt)));
  EXPECT_THAT(writer_.batches, ElementsAre(2, 1));
  EXPECT_EQ(writer_.upkeeps, 3) << "after the takeover and after each batch";
  EXPECT_TRUE(store_->find("c"));
}

TEST_F(Stepping, WritesWhatTheThreadWrites) {
  boot();
  const std::unique_ptr<Store> threaded = make_memory_store();
  ASSERT_TRUE(threaded->take_over(kShard, "me"));
  const auto run = [](Store& store, const std::function<void()>& step) {
    std::vector<std::optional<ErrorCode>> answers;
    std::vector<Append> appends{
        testing::start(1, "a"), testing::start(2, "a"),    further(1, 2),
        further(1, 2),          testing::start(3, "b", 9), with_head(further(1, 3), completed())};
    for (Append& append : appends) {
      std::promise<std::optional<ErrorCode>> answer;
      EXPECT_TRUE(store.submit(std::move(append), [&answer](const Result<void>& result) {
        answer.set_value(result ? std::nullopt : std::optional(result.error().code));
      }));
      step();
      answers.push_back(answer.get_future().get());
    }
    return answers;
  };
  const auto expected = run(*threaded, [] {});
  EXPECT_EQ(run(*store_, [this] { store_->step(); }), expected);
  EXPECT_THAT(expected, ElementsAre(std::nullopt, ErrorCode::kConflict, std::nullopt, ErrorCode::kConflict,
                                    ErrorCode::kFenced, std::nullopt));
  EXPECT_EQ(store_->load(1, 1), threaded->load(1));
  EXPECT_EQ(store_->find("a")->head, threaded->find("a")->head);
}

TEST_F(Stepping, ABatchThatMeetsAFullDiskStaysAndIsTriedAtTheNextStep) {
  boot();
  writer_.problem = kFull;
  ASSERT_TRUE(start("a"));
  EXPECT_FALSE(store_->step());
  ASSERT_TRUE(start("b")) << "the queue still has room";
  EXPECT_FALSE(store_->step());
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(store_->queue_length(), 2U);
  EXPECT_EQ(store_->health().problem, "the disk is full");
  EXPECT_THAT(store_->keep_secret("key", "1"), FailsWith(ErrorCode::kUnavailable, "the disk is full"));
  writer_.problem.reset();
  EXPECT_TRUE(store_->step());
  EXPECT_TRUE(store_->health().writable);
  EXPECT_TRUE(store_->step());
  EXPECT_THAT(answers_, ElementsAre(std::nullopt, std::nullopt));
  EXPECT_THAT(writer_.batches, ElementsAre(1, 1, 1, 1)) << "what came later is a batch of its own";
}

TEST_F(Stepping, AFailedSyncPoisons) {
  boot();
  writer_.problem = Error{ErrorCode::kPoisoned, "fsync failed"};
  ASSERT_TRUE(start("a"));
  EXPECT_TRUE(store_->step());
  EXPECT_THAT(answers_, ElementsAre(ErrorCode::kPoisoned));
  writer_.problem.reset();
  EXPECT_THAT(start("b"), FailsWith(ErrorCode::kPoisoned, "fsync failed"));
  EXPECT_THAT(store_->keep_secret("key", "1"), FailsWith(ErrorCode::kPoisoned));
  EXPECT_FALSE(store_->step());
}

TEST_F(Stepping, WhatBlocksOnTheStoreThreadRunsAtOnce) {
  boot();
  EXPECT_EQ(store_->keep_secret("key", "1"), "1");
  EXPECT_EQ(store_->keep_secret("key", "2"), "1");
  EXPECT_EQ(store_->register_workflows({WorkflowRow{"order-saga", 1, "{}", "", kNoon}}, nullptr), true);
  EXPECT_THAT(store_->register_workflows({WorkflowRow{"order-saga", 1, "[]", "", kNoon}}, nullptr),
              FailsWith(ErrorCode::kConflict));
}

TEST_F(Stepping, ClosingCommitsWhatWasAcceptedAndItIsThereAfterwards) {
  CommitterOptions options = stepped();
  options.max_batch = 1;
  boot(options);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(start(id));
  boot();
  EXPECT_THAT(answers_, ::testing::AllOf(SizeIs(3), Each(std::nullopt)));
  EXPECT_TRUE(store_->find("c"));
  EXPECT_EQ(store_->reserve_key(), 4) << "no key twice";
}

TEST_F(Stepping, ClosingOnAFullDiskFailsWhatIsLeftAsACrashWould) {
  CommitterOptions options = stepped();
  options.max_batch = 1;
  boot(options);
  writer_.problem = kFull;
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(start(id));
  EXPECT_FALSE(store_->step());
  store_.reset();
  EXPECT_THAT(answers_, ::testing::AllOf(SizeIs(3), Each(ErrorCode::kUnavailable)));
  EXPECT_THAT(writer_.batches, SizeIs(2)) << "one last try, for all";
  EXPECT_EQ(tables_.last_key(), 0);
}

}  // namespace
}  // namespace saga::store::testing
