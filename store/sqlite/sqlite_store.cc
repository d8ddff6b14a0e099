#include "store/sqlite/sqlite_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <atomic>
#include <utility>

#include "store/sqlite/connection.h"
#include "store/sqlite/file_guard.h"
#include "store/sqlite/log_check.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/reader_pool.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"

namespace saga::store {
namespace sqlite {
namespace {

/// 0 for a file that is not there.
std::int64_t size_of(const std::string& path) { return file_size(path).value_or(0); }

class SqliteStore final : public Store {
 public:
  SqliteStore(OwnerLock lock, std::string path, std::unique_ptr<Writer> writer, SagaKey next_key,
              ReaderPool::Open open_reader, const SqliteOptions& options)
      : lock_(std::move(lock)),
        path_(std::move(path)),
        next_key_(next_key),
        writer_(std::move(writer)),
        readers_(std::move(open_reader), options.readers),
        committer_(*writer_, options.committer) {}

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
  Result<void> record_notices(std::vector<Notice> told) override { return committer_.record_notices(told); }
  Result<Purged> purge(std::vector<SagaKey> roots, Timestamp ended_before) override {
    return committer_.purge(roots, ended_before);
  }

  Result<SagaRow> find(const std::string& id) override {
    return readers_.with_reader<SagaRow>([&](Reader& reader) { return reader.find(id); });
  }
  Result<SagaRow> find(SagaKey key) override {
    return readers_.with_reader<SagaRow>([&](Reader& reader) { return reader.find(key); });
  }
  Result<std::vector<Record>> load(SagaKey saga, std::int64_t from_seq) override {
    return readers_.with_reader<std::vector<Record>>([&](Reader& reader) { return reader.load(saga, from_seq); });
  }
  Result<std::vector<DueSaga>> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                   std::size_t limit) override {
    return readers_.with_reader<std::vector<DueSaga>>(
        [&](Reader& reader) { return reader.due(shard, until, after, limit); });
  }
  Result<std::vector<SagaRow>> list(const ListFilter& filter, std::optional<SagaKey> before,
                                    std::size_t limit) override {
    return readers_.with_reader<std::vector<SagaRow>>(
        [&](Reader& reader) { return reader.list(filter, before, limit); });
  }
  Result<std::vector<StatusCount>> count_by_status(const ListFilter& filter) override {
    return readers_.with_reader<std::vector<StatusCount>>(
        [&](Reader& reader) { return reader.count_by_status(filter); });
  }
  Result<std::vector<AttentionCount>> count_attention(const ListFilter& filter) override {
    return readers_.with_reader<std::vector<AttentionCount>>(
        [&](Reader& reader) { return reader.count_attention(filter); });
  }
  Result<PurgePage> purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after, std::size_t scan) override {
    return readers_.with_reader<PurgePage>([&](Reader& reader) { return reader.purgeable(filter, after, scan); });
  }
  Result<std::vector<Notice>> notices_due(std::size_t limit) override {
    return readers_.with_reader<std::vector<Notice>>([&](Reader& reader) { return reader.notices_due(limit); });
  }
  Result<std::vector<WorkflowRow>> workflows() override {
    return readers_.with_reader<std::vector<WorkflowRow>>([](Reader& reader) { return reader.workflows(); });
  }
  Result<std::vector<AuditRow>> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                      std::size_t limit) override {
    return readers_.with_reader<std::vector<AuditRow>>(
        [&](Reader& reader) { return reader.audit(filter, before, limit); });
  }

  Health health() const override {
    Health health = committer_.health();
    if (health.problem.empty()) health.problem = readers_.damage();
    return health;
  }
  std::size_t queue_length() const override { return committer_.queue_length(); }
  std::int64_t size_bytes() const override { return size_of(path_) + size_of(path_ + "-wal"); }
  void observe_commits(CommitObserver observer) override { committer_.observe_commits(std::move(observer)); }
  void observe_failures(FailureObserver observer) override {
    readers_.observe_failures(observer);
    committer_.observe_failures(std::move(observer));
  }

 private:
  OwnerLock lock_;  ///< First: the file is let go after all connections are closed.
  const std::string path_;
  std::atomic<SagaKey> next_key_;
  std::unique_ptr<Writer> writer_;
  ReaderPool readers_;
  GroupCommitter committer_;  ///< Last: its destructor writes what was accepted.
};

std::string patience(std::chrono::milliseconds time) { return fmt::format("PRAGMA busy_timeout = {};", time.count()); }

Result<std::unique_ptr<Connection>> open_for_writing(const std::string& path, const SqliteOptions& options,
                                                     const std::vector<std::string>& steps) {
  Result<std::unique_ptr<Connection>> connection = Connection::open(path, options.vfs, OpenMode::kReadWrite);
  if (!connection) return connection;
  Connection& db = **connection;
  if (Result<void> r = db.execute(patience(options.write_patience)); !r) return tl::unexpected(r.error());
  if (Result<void> r = check_schema(db, steps); !r) return tl::unexpected(r.error());

  const Result<std::optional<std::string>> mode = db.query_text("PRAGMA journal_mode = WAL");
  if (!mode) return tl::unexpected(mode.error());
  if (*mode != "wal") {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}: its file system cannot carry a write-ahead log (journal mode '{}')", path,
                            mode->value_or("")));
  }
  // FULL: one sync of the log a commit. Debian's SQLite overwrites deleted content unless told not to.
  const Result<void> set = db.execute(
      "PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY; "
      "PRAGMA cache_size = -16384;"
      "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0;");
  if (!set) return tl::unexpected(set.error());
  // A log left by a crash may hold commits that reached the system's cache but not the disk (a sync that failed is not
  // tried again for the same pages). Copied into the database and synced there, they are durable before anything is
  // acknowledged on top of them.
  if (size_of(path + "-wal") > 0) {
    if (Result<void> copied = db.execute("PRAGMA wal_checkpoint(TRUNCATE)"); !copied)
      return tl::unexpected(copied.error());
  }
  const auto page_size = db.query_integer("PRAGMA page_size");
  if (!page_size) return tl::unexpected(page_size.error());
  if (size_of(path) % page_size->value_or(1) != 0) {
    return fail(
        ErrorCode::kCorruption,
        fmt::format("{} ends in the middle of a page: it was cut off; keep a copy, and restore a backup", path));
  }
  if (Result<void> migrated = migrate(db, steps); !migrated) return tl::unexpected(migrated.error());
  if (Result<void> synced = sync_folder_of(path); !synced) return tl::unexpected(synced.error());
  return connection;
}

ReaderPool::Open reader_opener(const std::string& path, const SqliteOptions& options) {
  return [path, vfs = options.vfs, wait = options.read_patience]() -> Result<std::unique_ptr<Reader>> {
    Result<std::unique_ptr<Connection>> connection = Connection::open(path, vfs, OpenMode::kReadOnly);
    if (!connection) return tl::unexpected(connection.error());
    if (Result<void> set =
            (*connection)
                ->execute(patience(wait) +
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192");
        !set) {
      return tl::unexpected(set.error());
    }
    return Reader::create(std::move(*connection));
  };
}

/// While a store is opened, what may pass (no room, another program's lock) is told apart from another owner.
Error not_opened(Error error) {
  if (error.code == ErrorCode::kUnavailable) error.code = ErrorCode::kPoisoned;
  return error;
}

}  // namespace
}  // namespace sqlite

Result<std::unique_ptr<Store>> make_sqlite_store(SqliteOptions options) {
  using namespace sqlite;
  const Result<std::string> path = check_database_path(options.path);
  if (!path) return tl::unexpected(path.error());
  Result<OwnerLock> lock = OwnerLock::acquire(*path);
  if (!lock) return tl::unexpected(lock.error());
  if (Result<void> log = check_log(*path); !log) return tl::unexpected(log.error());
  const std::vector<std::string>& steps = options.migrations ? *options.migrations : migrations();
  Result<std::unique_ptr<Connection>> connection = open_for_writing(*path, options, steps);
  if (!connection) return tl::unexpected(not_opened(connection.error()));
  Result<std::unique_ptr<Writer>> writer = Writer::create(std::move(*connection), options.checkpoint_pages);
  if (!writer) return tl::unexpected(not_opened(writer.error()));
  const Result<SagaKey> next_key = (*writer)->next_key();
  if (!next_key) return tl::unexpected(not_opened(next_key.error()));
  return std::make_unique<SqliteStore>(std::move(*lock), *path, std::move(*writer), *next_key,
                                       reader_opener(*path, options), options);
}

}  // namespace saga::store
