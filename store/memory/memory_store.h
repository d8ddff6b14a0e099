// A store that lasts as long as its process: for tests and for trying things out (`--store memory`).
#pragma once

#include <atomic>
#include <memory>

#include "store/group_committer.h"
#include "store/memory/backend.h"
#include "store/store.h"

namespace saga::store {

struct MemoryOptions {
  CommitterOptions committer;
};

[[nodiscard]] std::unique_ptr<Store> make_memory_store(MemoryOptions options = {});

/// The same over tables that outlive it, as a disk outlives a process: what another one over them finds is what was
/// written. `writer` stands before them and decides what becomes of a write; it may be the tables themselves.
class StoreOverMemory : public Store {
 public:
  StoreOverMemory(MemoryBackend& tables, Backend& writer, const CommitterOptions& options);

  /// As `GroupCommitter::step`.
  bool step() { return committer_.step(); }

  SagaKey reserve_key() override;
  Result<void> submit(Append&& append, AppendDone done) override;
  Result<void> submit_all(std::vector<Append> appends, AppendDone done) override;
  Result<bool> register_workflows(std::vector<WorkflowRow> rows, std::shared_ptr<const AuditEntry> audit) override;
  Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override;
  Result<Epoch> take_over(ShardId shard, const std::string& owner) override;
  Result<Purged> purge(std::vector<SagaKey> roots, Timestamp ended_before) override;
  Result<void> record_notices(std::vector<Notice> told) override;
  Result<SagaRow> find(const std::string& id) override;
  Result<SagaRow> find(SagaKey key) override;
  Result<std::vector<Record>> load(SagaKey saga, std::int64_t from_seq) override;
  Result<std::vector<DueSaga>> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                   std::size_t limit) override;
  Result<std::vector<SagaRow>> list(const ListFilter& filter, std::optional<SagaKey> before,
                                    std::size_t limit) override;
  Result<std::vector<StatusCount>> count_by_status(const ListFilter& filter) override;
  Result<std::vector<AttentionCount>> count_attention(const ListFilter& filter) override;
  Result<PurgePage> purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after, std::size_t scan) override;
  Result<std::vector<Notice>> notices_due(std::size_t limit) override;
  Result<std::vector<WorkflowRow>> workflows() override;
  Result<std::vector<AuditRow>> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                      std::size_t limit) override;
  Health health() const override;
  std::size_t queue_length() const override;
  std::int64_t size_bytes() const override;
  void observe_commits(CommitObserver observer) override;
  void observe_failures(FailureObserver observer) override;

 private:
  MemoryBackend& tables_;
  std::atomic<SagaKey> next_key_;
  GroupCommitter committer_;  ///< Last: its destructor writes what was accepted.
};

}  // namespace saga::store
