#include "store/memory/memory_store.h"

#include <utility>

namespace saga::store {
namespace {

/// Before the store in the order of bases, so that it outlives the committer.
struct OwnTables {
  MemoryBackend tables;
};

class MemoryStore final : private OwnTables, public StoreOverMemory {
 public:
  explicit MemoryStore(const MemoryOptions& options) : StoreOverMemory(tables, tables, options.committer) {}
};

}  // namespace

StoreOverMemory::StoreOverMemory(MemoryBackend& tables, Backend& writer, const CommitterOptions& options)
    : tables_(tables), next_key_(tables.last_key() + 1), committer_(writer, options) {}

SagaKey StoreOverMemory::reserve_key() { return next_key_.fetch_add(1); }

Result<void> StoreOverMemory::submit(Append&& append, AppendDone done) {
  return committer_.submit_one(std::move(append), std::move(done));
}

Result<void> StoreOverMemory::submit_all(std::vector<Append> appends, AppendDone done) {
  return committer_.submit(std::move(appends), std::move(done));
}

Result<bool> StoreOverMemory::register_workflows(std::vector<WorkflowRow> rows,
                                                 std::shared_ptr<const AuditEntry> audit) {
  return committer_.register_workflows(std::move(rows), std::move(audit));
}

Result<std::string> StoreOverMemory::keep_secret(const std::string& name, const std::string& fresh) {
  return committer_.keep_secret(name, fresh);
}

Result<Epoch> StoreOverMemory::take_over(ShardId shard, const std::string& owner) {
  return committer_.take_over(shard, owner);
}

Result<Purged> StoreOverMemory::purge(std::vector<SagaKey> roots, Timestamp ended_before) {
  return committer_.purge(roots, ended_before);
}

Result<void> StoreOverMemory::record_notices(std::vector<Notice> told) { return committer_.record_notices(told); }

Result<SagaRow> StoreOverMemory::find(const std::string& id) { return tables_.find(id); }

Result<SagaRow> StoreOverMemory::find(SagaKey key) { return tables_.find(key); }

Result<std::vector<Record>> StoreOverMemory::load(SagaKey saga, std::int64_t from_seq) {
  return tables_.load(saga, from_seq);
}

Result<std::vector<DueSaga>> StoreOverMemory::due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                                  std::size_t limit) {
  return tables_.due(shard, until, after, limit);
}

Result<std::vector<SagaRow>> StoreOverMemory::list(const ListFilter& filter, std::optional<SagaKey> before,
                                                   std::size_t limit) {
  return tables_.list(filter, before, limit);
}

Result<std::vector<StatusCount>> StoreOverMemory::count_by_status(const ListFilter& filter) {
  return tables_.count_by_status(filter);
}

Result<std::vector<AttentionCount>> StoreOverMemory::count_attention(const ListFilter& filter) {
  return tables_.count_attention(filter);
}

Result<PurgePage> StoreOverMemory::purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after,
                                             std::size_t scan) {
  return tables_.purgeable(filter, after, scan);
}

Result<std::vector<Notice>> StoreOverMemory::notices_due(std::size_t limit) { return tables_.notices_due(limit); }

Result<std::vector<WorkflowRow>> StoreOverMemory::workflows() { return tables_.workflows(); }

Result<std::vector<AuditRow>> StoreOverMemory::audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                                     std::size_t limit) {
  return tables_.audit(filter, before, limit);
}

Health StoreOverMemory::health() const { return committer_.health(); }

std::size_t StoreOverMemory::queue_length() const { return committer_.queue_length(); }

std::int64_t StoreOverMemory::size_bytes() const { return tables_.size_bytes(); }

void StoreOverMemory::observe_commits(CommitObserver observer) { committer_.observe_commits(std::move(observer)); }

void StoreOverMemory::observe_failures(FailureObserver observer) { committer_.observe_failures(std::move(observer)); }

std::unique_ptr<Store> make_memory_store(MemoryOptions options) { return std::make_unique<MemoryStore>(options); }

}  // namespace saga::store
