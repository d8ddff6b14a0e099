// What is left of a process that dies: the tables as far as they were synced. Stands before them as the group
// committer's backend, refuses, poisons, and loses what was under way when the process ends.
#pragma once

#include <memory>
#include <vector>

#include "store/memory/backend.h"
#include "tests/sim/book.h"
#include "tests/sim/life.h"
#include "tests/sim/setting.h"

namespace saga::sim {

class Disk final : public store::Backend {
 public:
  Disk(Setting& setting, Book& book);

  [[nodiscard]] store::MemoryBackend& tables() { return *tables_; }

  /// Whoever writes from now on. What nobody synced is gone.
  void belongs_to(std::shared_ptr<Life> life, const Clock& clock);
  /// A disk that takes the writes of nobody for a while.
  [[nodiscard]] bool refuses() const;

  [[nodiscard]] Result<std::vector<Result<void>>> commit(std::span<const store::AppendGroup> groups) override;
  [[nodiscard]] Result<bool> register_workflows(std::span<const store::WorkflowRow> rows,
                                                const store::AuditEntry* audit) override;
  [[nodiscard]] Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override;
  [[nodiscard]] Result<store::Epoch> take_over(store::ShardId shard, const std::string& owner) override;
  [[nodiscard]] Result<bool> record_notices(std::span<const store::Notice> told) override;
  [[nodiscard]] Result<store::Purged> purge(std::span<const store::SagaKey> roots, Timestamp ended_before) override;
  [[nodiscard]] Result<void> maintain() override { return {}; }

 private:
  std::vector<Result<void>> write(std::span<const store::AppendGroup> groups);
  void sync(const store::AppendGroup& group);
  void lose_unsynced();

  Setting& setting_;
  Book& book_;
  Chance chance_;
  std::unique_ptr<store::MemoryBackend> tables_;
  std::shared_ptr<Life> life_;
  const Clock* clock_ = nullptr;  ///< Of the process it belongs to.
  Timestamp refuses_until_;
  std::vector<store::AppendGroup> synced_;  ///< Only of a disk that lies, as the next.
  std::vector<store::AppendGroup> unsynced_;
};

}  // namespace saga::sim
