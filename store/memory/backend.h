// The tables of a memory store, and writing to them by the rules of every store.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/backend.h"

namespace saga::store {

/// Writes on the store thread, reads on any. Never fails as a whole.
class MemoryBackend final : public Backend {
 public:
  [[nodiscard]] Result<std::vector<Result<void>>> commit(std::span<const AppendGroup> groups) override;
  [[nodiscard]] Result<bool> register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) override;
  [[nodiscard]] Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override;
  [[nodiscard]] Result<Epoch> take_over(ShardId shard, const std::string& owner) override;
  [[nodiscard]] Result<bool> record_notices(std::span<const Notice> told) override;
  [[nodiscard]] Result<Purged> purge(std::span<const SagaKey> roots, Timestamp ended_before) override;
  [[nodiscard]] Result<void> maintain() override { return {}; }

  // As in `Store`.
  [[nodiscard]] Result<SagaRow> find(const std::string& id) const;
  [[nodiscard]] Result<SagaRow> find(SagaKey key) const;
  [[nodiscard]] std::vector<Record> load(SagaKey saga, std::int64_t from_seq) const;
  [[nodiscard]] std::vector<DueSaga> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                         std::size_t limit) const;
  [[nodiscard]] std::vector<SagaRow> list(const ListFilter& filter, std::optional<SagaKey> before,
                                          std::size_t limit) const;
  [[nodiscard]] std::vector<StatusCount> count_by_status(const ListFilter& filter) const;
  [[nodiscard]] std::vector<AttentionCount> count_attention(const ListFilter& filter) const;
  [[nodiscard]] PurgePage purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after,
                                    std::size_t scan) const;
  [[nodiscard]] std::vector<Notice> notices_due(std::size_t limit) const;
  [[nodiscard]] std::vector<WorkflowRow> workflows() const;
  [[nodiscard]] std::vector<AuditRow> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                            std::size_t limit) const;
  [[nodiscard]] std::int64_t size_bytes() const;  ///< Of the events' data.

  [[nodiscard]] SagaKey last_key() const;  ///< The highest that was ever written; 0 when none was.

 private:
  struct Saga {
    SagaRow row;
    std::vector<Record> events;
  };
  using Due = std::tuple<ShardId, Timestamp, SagaKey>;

  Result<void> write_group(const AppendGroup& group);
  [[nodiscard]] Result<void> check(const Append& append) const;
  void write(const Append& append);
  void wake(const std::string& id, Timestamp at);
  void index(const SagaRow& row);
  void unindex(const SagaRow& row);
  /// A root and its children if all of them may go; else none.
  [[nodiscard]] std::vector<SagaKey> purgeable_family(const SagaRow& root, Timestamp ended_before) const;

  mutable std::shared_mutex mutex_;  ///< Guards all that follows.
  std::map<SagaKey, Saga> sagas_;
  std::map<std::string, SagaKey> keys_;  ///< In order: a saga's children stand together.
  std::set<std::string> purged_;
  std::map<SagaKey, Notice> told_;
  std::set<Due> due_;
  std::map<std::pair<std::string, std::int64_t>, WorkflowRow> workflows_;
  std::map<std::string, std::string> secrets_;
  std::map<ShardId, Epoch> epochs_;
  std::vector<AuditEntry> audit_;  ///< The key of one is its place, from 1.
  std::int64_t bytes_ = 0;
  SagaKey last_key_ = 0;
};

}  // namespace saga::store
