// The reading half of a SQLite store on one connection; ReaderPool lends these out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/filter_sql.h"
#include "store/sqlite/notices.h"
#include "store/store.h"

namespace saga::store::sqlite {

/// One thread at a time. Every call sees one commit: calls of several statements run in a read transaction.
class Reader {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Reader>> create(std::unique_ptr<Connection> connection);
  ~Reader();

  [[nodiscard]] Result<SagaRow> find(const std::string& id);
  [[nodiscard]] Result<SagaRow> find(SagaKey key);
  [[nodiscard]] Result<std::vector<Record>> load(SagaKey saga, std::int64_t from_seq);
  [[nodiscard]] Result<std::vector<DueSaga>> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                                 std::size_t limit);
  [[nodiscard]] Result<std::vector<SagaRow>> list(const ListFilter& filter, std::optional<SagaKey> before,
                                                  std::size_t limit);
  [[nodiscard]] Result<std::vector<StatusCount>> count_by_status(const ListFilter& filter);
  [[nodiscard]] Result<std::vector<AttentionCount>> count_attention(const ListFilter& filter);
  [[nodiscard]] Result<PurgePage> purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after,
                                            std::size_t scan);
  [[nodiscard]] Result<std::vector<Notice>> notices_due(std::size_t limit);
  [[nodiscard]] Result<std::vector<WorkflowRow>> workflows();
  [[nodiscard]] Result<std::vector<AuditRow>> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                                    std::size_t limit);

 private:
  struct Statements {
    Statement begin, end;
    Statement key_of, by_key, stuck, load, row_places, row_at, due, due_keys, workflows, purged, oldest, children;
  };

  explicit Reader(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  [[nodiscard]] Result<void> prepare();

  template <typename T, typename Work>
  Result<T> in_snapshot(Work work);

  /// How many sagas go with the root `id`, itself included; 0 if one has to stay.
  [[nodiscard]] Result<std::size_t> purgeable_family(const std::string& id, Timestamp ended_before);
  /// `kNotFound`, saying so where it was purged.
  [[nodiscard]] Error not_found(const std::string& id);
  /// Event by event where reading them in one go meets a damaged page: those that cannot be read are damaged.
  [[nodiscard]] Result<std::vector<Record>> load_what_is_left(SagaKey saga, std::int64_t from_seq);
  [[nodiscard]] Result<std::vector<DueSaga>> read_due(Statement& statement, ShardId shard, Timestamp until,
                                                      const DueCursor& after, std::size_t limit);
  [[nodiscard]] Result<SagaRow> read_one(Statement& statement, const std::string& name);
  [[nodiscard]] Result<SagaRow> read_row(const Statement& statement);
  /// Runs `sql` and hands every row to `take`.
  template <typename Take>
  Result<void> query(const Sql& sql, Take take);

  [[nodiscard]] Result<KeyRange> key_range(const ListFilter& filter, std::optional<SagaKey> before);
  /// The streams that hold what `filter` asks of workflow and status.
  [[nodiscard]] Result<std::vector<WorkflowStatus>> streams(const ListFilter& filter);
  /// From the table `counts`; for filters of workflow and status only, and without the oldest.
  [[nodiscard]] Result<std::vector<StatusCount>> kept_counts(const ListFilter& filter);
  [[nodiscard]] Result<std::vector<StatusCount>> scanned_counts(const ListFilter& filter);
  [[nodiscard]] Result<std::vector<StatusCount>> query_counts(const Sql& sql);
  [[nodiscard]] Result<void> add_oldest_attention(std::vector<StatusCount>& counts);

  std::unique_ptr<Connection> connection_;
  Statements run_;
  NoticesDue notices_;
};

}  // namespace saga::store::sqlite
