#include "store/group_committer.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "tests/store/sagas.h"

namespace saga::store::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr std::chrono::seconds kPatience{30};

/// Answers commits from a script, then with success. Can be closed, so that the store thread waits inside a commit.
class ScriptedBackend final : public Backend {
 public:
  Result<std::vector<Result<void>>> commit(std::span<const AppendGroup> groups) override {
    std::unique_lock lock(mutex_);
    ++commits_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    if (!script_.empty()) {
      const Error error = script_.front();
      if (!forever_) script_.pop_front();
      return tl::unexpected(error);
    }
    std::size_t appends = 0;
    std::vector<Result<void>> results;
    for (const AppendGroup& group : groups) {
      appends += group.size();
      for (const Append& append : group) written_.push_back(append.saga);
      results.emplace_back();
    }
    batches_.push_back(appends);
    return results;
  }
  Result<bool> register_workflows(std::span<const WorkflowRow>, const AuditEntry*) override {
    const std::lock_guard lock(mutex_);
    written_.push_back(kRegistered);
    return registering_ ? Result<bool>(tl::unexpected(*registering_)) : true;
  }
  Result<std::string> keep_secret(const std::string&, const std::string& fresh) override { return fresh; }
  Result<Epoch> take_over(ShardId, const std::string&) override { return 1; }
  Result<bool> record_notices(std::span<const Notice>) override { return true; }
  Result<Purged> purge(std::span<const SagaKey> roots, Timestamp) override { return Purged{roots.size(), 0}; }
  Result<void> maintain() override {
    const std::lock_guard lock(mutex_);
    return maintaining_ ? Result<void>(tl::unexpected(*maintaining_)) : Result<void>();
  }

  static constexpr SagaKey kRegistered = -1;

  void fail_next(std::vector<Error> errors) {
    const std::lock_guard lock(mutex_);
    script_.assign(errors.begin(), errors.end());
    forever_ = false;
  }
  void fail_always(Error error) {
    const std::lock_guard lock(mutex_);
    script_.assign(1, std::move(error));
    forever_ = true;
  }
  void fail_registering(Error error) { registering_ = std::move(error); }
  void fail_maintaining(Error error) { maintaining_ = std::move(error); }

  void close() { set_open(false); }
  void open() { set_open(true); }
  /// Waits until `commit` was called `times` times since the beginning.
  void await_commits(int times) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return commits_ >= times; }));
  }
  [[nodiscard]] std::vector<SagaKey> written() {
    const std::lock_guard lock(mutex_);
    return written_;
  }
  [[nodiscard]] std::vector<std::size_t> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  [[nodiscard]] int commits() {
    const std::lock_guard lock(mutex_);
    return commits_;
  }

 private:
  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }

  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  std::deque<Error> script_;
  bool forever_ = false;
  bool open_ = true;
  int commits_ = 0;
  std::vector<SagaKey> written_;
  std::vector<std::size_t> batches_;
  std::optional<Error> registering_;
  std::optional<Error> maintaining_;
};

const Error kFull{ErrorCode::kUnavailable, "the disk is full"};
const Error kSyncFailed{ErrorCode::kPoisoned, "fsync failed"};

/// What the `done` of several appends were told, in order.
class Answers {
 public:
  [[nodiscard]] AppendDone next() {
    const std::lock_guard lock(mutex_);
    const std::size_t index = asked_++;
    return [this, index](const Result<void>& result) {
      const std::lock_guard done_lock(mutex_);
      order_.push_back(index);
      codes_.push_back(result ? std::nullopt : std::optional(result.error().code));
      changed_.notify_all();
    };
  }
  void await_all() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [this] { return codes_.size() == asked_; }));
    for (std::size_t i = 0; i < order_.size(); ++i) ASSERT_EQ(order_[i], i) << "out of order";
  }
  [[nodiscard]] std::vector<std::optional<ErrorCode>> codes() {
    const std::lock_guard lock(mutex_);
    return codes_;
  }

 private:
  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  std::size_t asked_ = 0;
  std::vector<std::size_t> order_;
  std::vector<std::optional<ErrorCode>> codes_;
};

class GroupCommitterTest : public ::testing::Test {
 protected:
  GroupCommitterTest() {
    options_.first_retry = std::chrono::milliseconds{1};
    options_.longest_retry = std::chrono::milliseconds{2};
  }
  void make() { committer_ = std::make_unique<GroupCommitter>(backend_, options_); }
  Result<void> submit(SagaKey saga) { return committer_->submit({further(saga, 2)}, answers_.next()); }

  CommitterOptions options_;
  ScriptedBackend backend_;
  Answers answers_;
  std::unique_ptr<GroupCommitter> committer_;
};

TEST_F(GroupCommitterTest, WhatWaitsTogetherSharesACommit) {
  options_.max_batch = 4;
  make();
  backend_.close();
  ASSERT_TRUE(submit(1));
  backend_.await_commits(1);
  for (SagaKey saga = 2; saga <= 11; ++saga) ASSERT_TRUE(submit(saga));
  EXPECT_EQ(committer_->queue_length(), 11U);
  backend_.open();
  answers_.await_all();
  EXPECT_THAT(backend_.batches(), ElementsAre(1, 4, 4, 2));
  EXPECT_THAT(backend_.written(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST_F(GroupCommitterTest, ABatchIsBoundedByBytesAndAGroupIsNeverSplit) {
  options_.max_batch = 4;
  options_.max_batch_bytes = 3'000;
  make();
  backend_.close();
  ASSERT_TRUE(submit(1));
  backend_.await_commits(1);
  Append big = further(2, 2);
  big.events[0].data = R"({"text":")" + std::string(2'000, 'x') + "\"}";
  ASSERT_TRUE(committer_->submit({big}, answers_.next()));
  ASSERT_TRUE(committer_->submit({big}, answers_.next()));
  AppendGroup group;
  for (SagaKey saga = 10; saga < 16; ++saga) group.push_back(further(saga, 2));
  ASSERT_TRUE(committer_->submit(group, answers_.next()));
  backend_.open();
  answers_.await_all();
  EXPECT_THAT(backend_.batches(), ElementsAre(1, 1, 1, 6));
}

TEST_F(GroupCommitterTest, AFailureThatMayPassIsWaitedFor) {
  make();
  backend_.fail_always(kFull);
  ASSERT_TRUE(submit(1));
  backend_.await_commits(3);
  const Health ill = committer_->health();
  EXPECT_FALSE(ill.writable);
  EXPECT_FALSE(ill.poisoned);
  EXPECT_EQ(ill.problem, "the disk is full");
  ASSERT_TRUE(submit(2)) << "the queue still has room";
  EXPECT_THAT(answers_.codes(), IsEmpty());
  EXPECT_THAT(committer_->register_workflows({}), FailsWith(ErrorCode::kUnavailable, "the disk is full"));
  backend_.fail_next({});
  answers_.await_all();
  EXPECT_THAT(answers_.codes(), ElementsAre(std::nullopt, std::nullopt));
  EXPECT_THAT(backend_.written(), ElementsAre(1, 2));
  EXPECT_TRUE(committer_->health().writable);
  EXPECT_EQ(committer_->health().problem, "");
}

TEST_F(GroupCommitterTest, WhoBlocksOnTheStoreThreadIsRefusedWhileTheDiskIsFull) {
  make();
  backend_.close();
  backend_.fail_always(kFull);
  ASSERT_TRUE(submit(1));
  backend_.await_commits(1);
  auto registered = std::async(std::launch::async, [this] { return committer_->register_workflows({}); });
  backend_.open();
  ASSERT_EQ(registered.wait_for(kPatience), std::future_status::ready);
  EXPECT_THAT(registered.get(), FailsWith(ErrorCode::kUnavailable));
  backend_.fail_next({});
  answers_.await_all();
}

TEST_F(GroupCommitterTest, AFailedSyncPoisonsForGood) {
  options_.max_batch = 2;
  make();
  backend_.close();
  for (SagaKey saga = 1; saga <= 5; ++saga) ASSERT_TRUE(submit(saga));
  backend_.await_commits(1);
  backend_.fail_next({kSyncFailed});
  backend_.open();
  answers_.await_all();
  EXPECT_THAT(answers_.codes(), ::testing::AllOf(SizeIs(5), Each(ErrorCode::kPoisoned)));
  EXPECT_EQ(backend_.commits(), 1) << "the backend would succeed now, and is not asked";
  EXPECT_THAT(submit(6), FailsWith(ErrorCode::kPoisoned, "fsync failed"));
  EXPECT_THAT(committer_->register_workflows({}), FailsWith(ErrorCode::kPoisoned));
  EXPECT_THAT(committer_->take_over(0, "me"), FailsWith(ErrorCode::kPoisoned));
  EXPECT_FALSE(committer_->health().writable);
  EXPECT_TRUE(committer_->health().poisoned);
  EXPECT_THAT(backend_.written(), IsEmpty());
  EXPECT_EQ(committer_->queue_length(), 0U);
}

TEST_F(GroupCommitterTest, AFailureNobodyKnowsPoisonsToo) {
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kCorruption, ErrorCode::kConflict}) {
    make();
    ScriptedBackend& backend = backend_;
    backend.fail_next({Error{code, "odd"}});
    ASSERT_TRUE(submit(1));
    answers_.await_all();
    EXPECT_EQ(answers_.codes().back(), ErrorCode::kPoisoned);
    EXPECT_TRUE(committer_->health().poisoned);
  }
}

TEST_F(GroupCommitterTest, AFailedSyncInUpkeepOrRegisteringPoisons) {
  backend_.fail_maintaining(kSyncFailed);
  make();
  ASSERT_TRUE(submit(1));
  answers_.await_all();
  EXPECT_THAT(answers_.codes(), ElementsAre(std::nullopt)) << "its commit was durable before";
  EXPECT_THAT(committer_->register_workflows({}), FailsWith(ErrorCode::kPoisoned));

  ScriptedBackend other;
  other.fail_registering(kSyncFailed);
  GroupCommitter committer(other, options_);
  EXPECT_THAT(committer.register_workflows({}), FailsWith(ErrorCode::kPoisoned));
  EXPECT_TRUE(committer.health().poisoned);
}

TEST_F(GroupCommitterTest, AConflictInRegisteringHarmsNobody) {
  backend_.fail_registering({ErrorCode::kConflict, "other content"});
  make();
  EXPECT_THAT(committer_->register_workflows({}), FailsWith(ErrorCode::kConflict));
  EXPECT_TRUE(committer_->health().writable);
  ASSERT_TRUE(submit(1));
  answers_.await_all();
  EXPECT_THAT(answers_.codes(), ElementsAre(std::nullopt));
}

TEST_F(GroupCommitterTest, ADoneMaySubmit) {
  options_.max_queued = 1;
  make();
  std::promise<Result<void>> second;
  ASSERT_TRUE(committer_->submit({further(1, 2)}, [&](const Result<void>&) {
    const Result<void> accepted =
        committer_->submit({further(1, 3)}, [&](const Result<void>& result) { second.set_value(result); });
    EXPECT_TRUE(accepted) << "its own room is free again";
  }));
  std::future<Result<void>> answered = second.get_future();
  ASSERT_EQ(answered.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(answered.get());
}

TEST_F(GroupCommitterTest, ClosingCommitsWhatWasAccepted) {
  options_.max_batch = 3;
  make();
  for (SagaKey saga = 1; saga <= 100; ++saga) ASSERT_TRUE(submit(saga));
  committer_.reset();
  EXPECT_THAT(answers_.codes(), ::testing::AllOf(SizeIs(100), Each(std::nullopt)));
  EXPECT_THAT(backend_.batches(), Each(Le(3U)));
  EXPECT_THAT(backend_.written(), SizeIs(100));
}

TEST_F(GroupCommitterTest, ClosingOnAFullDiskFailsWhatIsLeftAndEnds) {
  options_.max_batch = 1;
  options_.first_retry = std::chrono::hours{1};
  options_.longest_retry = std::chrono::hours{1};
  make();
  backend_.fail_always(kFull);
  for (SagaKey saga = 1; saga <= 5; ++saga) ASSERT_TRUE(submit(saga));
  backend_.await_commits(1);
  committer_.reset();
  EXPECT_THAT(answers_.codes(), ::testing::AllOf(SizeIs(5), Each(ErrorCode::kUnavailable)));
  EXPECT_THAT(backend_.commits(), Le(2));
}

TEST_F(GroupCommitterTest, ADoneThatSubmitsWhileTheStoreClosesIsRefused) {
  make();
  backend_.fail_always(kFull);
  GroupCommitter* const committer = committer_.get();
  std::optional<Result<void>> refused;
  ASSERT_TRUE(committer->submit({further(1, 2)}, [&, committer](const Result<void>&) {
    refused = committer->submit({further(2, 2)}, [](const Result<void>&) { FAIL() << "it was refused"; });
  }));
  backend_.await_commits(1);
  committer_.reset();  // On a full disk the `done` can only run once the store closes.
  ASSERT_TRUE(refused);
  EXPECT_THAT(*refused, FailsWith(ErrorCode::kUnavailable, "closing"));
}

}  // namespace
}  // namespace saga::store::testing
