// A store whose process dies at a chosen commit: just before it, or just after it and before anybody is told.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace saga::testing {

/// Everything else goes to the store inside, which outlives every crash.
class CrashingStore final : public store::Store {
 public:
  enum class Crash { kBefore, kAfter };

  explicit CrashingStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}

  /// The `commit`th from now on, from 1, is the last one. Nothing submitted later is written or answered.
  void crash_at(int commit, Crash crash) {
    left_ = commit;
    crash_ = crash;
  }
  [[nodiscard]] bool dead() const { return dead_; }
  /// For the next process.
  void revive() {
    dead_ = false;
    left_ = 0;
  }
  [[nodiscard]] int commits() const { return commits_; }

  store::SagaKey reserve_key() override { return inner_->reserve_key(); }
  Result<void> submit(store::Append&& append, store::AppendDone done) override {
    if (dead_) return {};
    ++commits_;
    if (left_ == 0 || --left_ > 0) return inner_->submit(std::move(append), std::move(done));
    dead_ = true;
    if (crash_ == Crash::kBefore) return {};
    std::promise<void> written;
    auto submitted = inner_->submit(std::move(append), [&written](const Result<void>&) { written.set_value(); });
    if (submitted) written.get_future().wait();
    return {};
  }
  Result<void> submit_all(std::vector<store::Append> appends, store::AppendDone done) override {
    return inner_->submit_all(std::move(appends), std::move(done));
  }
  Result<bool> register_workflows(std::vector<store::WorkflowRow> rows,
                                  std::shared_ptr<const store::AuditEntry> audit) override {
    return inner_->register_workflows(std::move(rows), std::move(audit));
  }
  Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override {
    return inner_->keep_secret(name, fresh);
  }
  Result<store::Epoch> take_over(store::ShardId shard, const std::string& owner) override {
    return inner_->take_over(shard, owner);
  }
  Result<store::Purged> purge(std::vector<store::SagaKey> roots, Timestamp ended_before) override {
    return inner_->purge(std::move(roots), ended_before);
  }
  Result<void> record_notices(std::vector<store::Notice> told) override {
    return inner_->record_notices(std::move(told));
  }
  Result<store::SagaRow> find(const std::string& id) override { return inner_->find(id); }
  Result<store::SagaRow> find(store::SagaKey key) override { return inner_->find(key); }
  Result<std::vector<store::Record>> load(store::SagaKey saga, std::int64_t from_seq) override {
    return inner_->load(saga, from_seq);
  }
  Result<std::vector<store::DueSaga>> due(store::ShardId shard, Timestamp until, std::optional<store::DueCursor> after,
                                          std::size_t limit) override {
    return inner_->due(shard, until, after, limit);
  }
  Result<std::vector<store::SagaRow>> list(const store::ListFilter& filter, std::optional<store::SagaKey> before,
                                           std::size_t limit) override {
    return inner_->list(filter, before, limit);
  }
  Result<std::vector<store::StatusCount>> count_by_status(const store::ListFilter& filter) override {
    return inner_->count_by_status(filter);
  }
  Result<std::vector<store::AttentionCount>> count_attention(const store::ListFilter& filter) override {
    return inner_->count_attention(filter);
  }
  Result<store::PurgePage> purgeable(const store::PurgeFilter& filter, std::optional<store::PurgeCursor> after,
                                     std::size_t scan) override {
    return inner_->purgeable(filter, after, scan);
  }
  Result<std::vector<store::Notice>> notices_due(std::size_t limit) override { return inner_->notices_due(limit); }
  Result<std::vector<store::WorkflowRow>> workflows() override { return inner_->workflows(); }
  Result<std::vector<store::AuditRow>> audit(const store::AuditFilter& filter, std::optional<store::AuditKey> before,
                                             std::size_t limit) override {
    return inner_->audit(filter, before, limit);
  }
  store::Health health() const override { return inner_->health(); }
  std::size_t queue_length() const override { return inner_->queue_length(); }
  std::int64_t size_bytes() const override { return inner_->size_bytes(); }
  void observe_commits(store::CommitObserver observer) override { inner_->observe_commits(std::move(observer)); }
  void observe_failures(store::FailureObserver observer) override { inner_->observe_failures(std::move(observer)); }

 private:
  std::unique_ptr<store::Store> inner_;
  std::atomic<bool> dead_{false};
  int left_ = 0;  ///< 0: no crash. The engine's thread and the test's are one.
  Crash crash_ = Crash::kAfter;
  int commits_ = 0;
};

}  // namespace saga::testing
