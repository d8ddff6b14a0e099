// The writing half of a SQLite store: one connection, used by the store thread alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/backend.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/journal_writer.h"
#include "store/sqlite/notices.h"
#include "store/sqlite/remover.h"

namespace saga::store::sqlite {

/// Writes batches through prepared statements. A step's append touches the end of `journal`, its index and nothing
/// else; a head updates the saga's row and what is found by it.
///
/// A batch is first written straight. Only if a group turns out to conflict after some of its rows are in is the
/// transaction rolled back and written again with a savepoint a group: conflicts are rare, savepoints are not free.
class Writer final : public Backend {
 public:
  /// Takes the connection over. A checkpoint is due when the log has `checkpoint_pages` pages.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> create(std::unique_ptr<Connection> connection,
                                                              int checkpoint_pages);

  [[nodiscard]] Result<std::vector<Result<void>>> commit(std::span<const AppendGroup> groups) override;
  [[nodiscard]] Result<bool> register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) override;
  [[nodiscard]] Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override;
  [[nodiscard]] Result<Epoch> take_over(ShardId shard, const std::string& owner) override;
  [[nodiscard]] Result<bool> record_notices(std::span<const Notice> told) override;
  [[nodiscard]] Result<Purged> purge(std::span<const SagaKey> roots, Timestamp ended_before) override;
  [[nodiscard]] Result<void> maintain() override;

  /// The first key that no saga has or had.
  [[nodiscard]] Result<SagaKey> next_key();

 private:
  struct Statements {
    Statement begin, commit, rollback, savepoint, release, rollback_to;
    Statement epoch, take_over;
    Statement insert_saga, purged, insert_tag;
    Statement old_head, update_head, update_times, wake;
    Statement insert_stuck, delete_stuck;
    Statement count;
    Statement workflow, insert_workflow;
    Statement secret, insert_secret;
    Statement insert_audit;
  };
  struct Count {
    std::int64_t sagas = 0;
    std::int64_t needing_attention = 0;
  };
  /// By workflow and status: what the transaction changes in `counts`.
  using Counts = std::map<std::pair<std::string, std::string>, Count>;

  /// How the groups of a transaction are kept apart.
  enum class Isolation { kNone, kSavepoints };
  /// A value: all groups have their result. `kNeedsSavepoints`: one left rows behind, nothing is decided.
  enum class BatchOutcome { kWritten, kNeedsSavepoints };

  Writer(std::unique_ptr<Connection> connection, int checkpoint_pages);
  [[nodiscard]] Result<void> prepare();

  /// Runs `work` inside a transaction; rolled back unless it returns a value and COMMIT succeeds.
  template <typename T, typename Work>
  Result<T> in_transaction(const char* doing, Work work);

  Result<BatchOutcome> write_batch(std::span<const AppendGroup> groups, Isolation isolation,
                                   std::vector<Result<void>>& results);
  Result<void> write_group(const AppendGroup& group, Isolation isolation);
  Result<void> write_append(const Append& append);
  Result<void> write_events(const Append& append);
  Result<void> create_saga(const Append& append);
  Result<void> update_head(const Append& append);
  Result<void> write_wake_ups(const Append& append);
  Result<void> write_stuck(SagaKey saga, const std::vector<Stuck>& stuck);
  Result<void> write_audit(const AuditEntry& entry);
  Result<void> write_counts();
  void add_group_counts();  ///< What a group that was written changes.
  Result<void> check_fence(const Fence& fence);
  void count(const std::string& workflow, const std::string& status, bool needs_attention, std::int64_t sagas);

  void roll_back();

  std::unique_ptr<Connection> connection_;  ///< First: the statements end before it.
  Statements run_;
  JournalWriter journal_;
  Remover remover_;
  NoticesTold notices_;
  const int checkpoint_pages_;
  int log_pages_ = 0;  ///< Of the write-ahead log after the last commit.
  int checkpoint_at_;  ///< Grows where readers hold a checkpoint back.

  // Of the transaction under way.
  std::vector<std::pair<ShardId, std::optional<Epoch>>> epochs_;
  Counts counts_;
  std::vector<std::pair<std::pair<std::string, std::string>, Count>> group_counts_;
  bool group_wrote_ = false;  ///< The current group has rows in the transaction.
};

}  // namespace saga::store::sqlite
