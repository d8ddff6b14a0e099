#include "store/memory/memory_store.h"

#include <atomic>
#include <utility>

#include "store/memory/backend.h"

namespace saga::store {
namespace {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(const MemoryOptions& options) : committer_(backend_, options.committer) {}

  SagaKey reserve_key() override { return next_key_.fetch_add(1); }
  Result<void> submit(Append&& append, AppendDone done) override {
    return committer_.submit_one(std::move(append), std::move(done));
  }
  Result<void> submit_all(std::vector<Append> appends, AppendDone done) override {
    return committer_.submit(std::move(appends), std::move(done));
  }
  Result<bool> register_workflows(std::vector<WorkflowRow> rows, std::shared_ptr<const AuditEntry> audit) override {
    return committer_.register_workflows(std::move(rows), std::move(audit));
  }
  Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override {
    return committer_.keep_secret(name, fresh);
  }
  Result<Epoch> take_over(ShardId shard, const std::string& owner) override {
    return committer_.take_over(shard, owner);
  }
  Result<Purged> purge(std::vector<SagaKey> roots, Timestamp ended_before) override {
    return committer_.purge(roots, ended_before);
  }
  Result<void> record_notices(std::vector<Notice> told) override { return committer_.record_notices(told); }

  Result<SagaRow> find(const std::string& id) override { return backend_.find(id); }
  Result<SagaRow> find(SagaKey key) override { return backend_.find(key); }
  Result<std::vector<Record>> load(SagaKey saga, std::int64_t from_seq) override {
    return backend_.load(saga, from_seq);
  }
  Result<std::vector<DueSaga>> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                   std::size_t limit) override {
    return backend_.due(shard, until, after, limit);
  }
  Result<std::vector<SagaRow>> list(const ListFilter& filter, std::optional<SagaKey> before,
                                    std::size_t limit) override {
    return backend_.list(filter, before, limit);
  }
  Result<std::vector<StatusCount>> count_by_status(const ListFilter& filter) override {
    return backend_.count_by_status(filter);
  }
  Result<std::vector<AttentionCount>> count_attention(const ListFilter& filter) override {
    return backend_.count_attention(filter);
  }
  Result<PurgePage> purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after, std::size_t scan) override {
    return backend_.purgeable(filter, after, scan);
  }
  Result<std::vector<Notice>> notices_due(std::size_t limit) override { return backend_.notices_due(limit); }
  Result<std::vector<WorkflowRow>> workflows() override { return backend_.workflows(); }
  Result<std::vector<AuditRow>> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                      std::size_t limit) override {
    return backend_.audit(filter, before, limit);
  }

  Health health() const override { return committer_.health(); }
  std::size_t queue_length() const override { return committer_.queue_length(); }
  std::int64_t size_bytes() const override { return backend_.size_bytes(); }
  void observe_commits(CommitObserver observer) override { committer_.observe_commits(std::move(observer)); }
  void observe_failures(FailureObserver observer) override { committer_.observe_failures(std::move(observer)); }

 private:
  std::atomic<SagaKey> next_key_{1};
  MemoryBackend backend_;
  GroupCommitter committer_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(MemoryOptions options) { return std::make_unique<MemoryStore>(options); }

}  // namespace saga::store
