// The barrier on SQLite: one connection, which one call at a time writes through, in its own BEGIN IMMEDIATE
// transaction. Calls of this process queue for the connection; other processes on the file are waited for by SQLite's
// busy handler.
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "workers/sdk/barrier.h"
#include "workers/sdk/key_locks.h"

namespace saga::workers {
namespace {

using Clk = std::chrono::steady_clock;

constexpr const char* kBarrierSchema = R"(
  CREATE TABLE IF NOT EXISTS saga_barrier (
    key    TEXT NOT NULL,                -- "order-42/reserve_inventory"
    phase  TEXT NOT NULL,                -- action, compensation
    state  TEXT NOT NULL,                -- begun, taken, done
    answer TEXT NOT NULL,                -- the output as JSON, empty for none; of a taken one its callback URL
    at     INTEGER NOT NULL,             -- UTC milliseconds
    PRIMARY KEY (key, phase)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS saga_barrier_at ON saga_barrier (at);
  CREATE TABLE IF NOT EXISTS saga_callbacks (  -- to be sent until they are answered
    url  TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    at   INTEGER NOT NULL
  ) WITHOUT ROWID;
)";

constexpr std::size_t kMaxPrepared =
    200;  ///< Statements kept ready; a worker that builds SQL text by hand stays bounded.

std::string_view phase_text(Phase phase) { return phase == Phase::kAction ? "action" : "compensation"; }

std::string_view state_text(BarrierState state) {
  switch (state) {
    case BarrierState::kBegun:
      return "begun";
    case BarrierState::kTaken:
      return "taken";
    case BarrierState::kDone:
      break;
  }
  return "done";
}

bool is_passing(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
      return true;
    default:
      return false;
  }
}

/// A prepared statement while it is used: reset and unbound when done with.
class InUse {
 public:
  explicit InUse(sqlite3_stmt* statement) : statement_(statement) {}
  ~InUse() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  sqlite3_stmt* statement_;
};

/// The connection. Whoever uses it has it alone.
class Connection {
 public:
  Connection() = default;
  ~Connection() {
    for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
    sqlite3_close(db_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<void> open(const std::string& path, const std::string& schema) {
    const int code =
        sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) {
      return fail(ErrorCode::kUnavailable, fmt::format("cannot open the database '{}': {}", path, why()));
    }
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, 10'000);
    for (const std::string& text : {std::string("PRAGMA journal_mode=WAL"), std::string("PRAGMA synchronous=FULL"),
                                    std::string("PRAGMA foreign_keys=ON"), std::string(kBarrierSchema)}) {
      if (sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        return fail(ErrorCode::kUnavailable, fmt::format("cannot prepare the database '{}': {}", path, why()));
      }
    }
    if (sqlite3_exec(db_, schema.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return fail(ErrorCode::kInvalid, fmt::format("the schema for the database '{}' is refused: {}", path, why()));
    }
    sqlite3_set_authorizer(db_, &Connection::authorize, this);
    return {};
  }

  [[nodiscard]] std::string why() const { return db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_); }
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  void wait_for_others(Millis at_most) { sqlite3_busy_timeout(db_, static_cast<int>(at_most.count())); }

  /// BEGIN, COMMIT, ROLLBACK: ours alone, since a handler that ended its transaction would part the effects from the
  /// record.
  [[nodiscard]] int control(const char* sql) {
    ours_ = true;
    const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    ours_ = false;
    return code;
  }

  Transaction::Ran run(std::string_view sql, std::span<const SqlValue> values) {
    sqlite3_stmt* statement = prepare(sql);
    const InUse in_use(statement);
    bind(statement, sql, values);
    Transaction::Ran ran;
    std::shared_ptr<std::vector<std::string>> names;
    for (;;) {
      const int code = sqlite3_step(statement);
      if (code == SQLITE_DONE) break;
      if (code != SQLITE_ROW) throw error(sql, code);
      if (!names) names = column_names(statement);
      ran.rows.emplace_back(names, read_row(statement));
    }
    if (sqlite3_stmt_readonly(statement) == 0) ran.changed = sqlite3_changes(db_);
    return ran;
  }

 private:
  static int authorize(void* self, int action, const char*, const char*, const char*, const char*) {
    if (action == SQLITE_TRANSACTION && !static_cast<Connection*>(self)->ours_) return SQLITE_DENY;
    return SQLITE_OK;
  }

  [[nodiscard]] SqlError error(std::string_view sql, int code) const {
    if ((code & 0xff) == SQLITE_AUTH)
      return {fmt::format("the SDK begins and ends transactions, not '{}'", sql), false};
    return {fmt::format("{} (in '{}')", why(), sql.substr(0, 200)), is_passing(code)};
  }

  sqlite3_stmt* prepare(std::string_view sql) {
    if (const auto known = prepared_.find(sql); known != prepared_.end()) return known->second;
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    const int code =
        sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, &rest);
    if (code != SQLITE_OK) throw error(sql, code);
    const std::string_view left = sql.substr(static_cast<std::size_t>(rest - sql.data()));
    if (statement == nullptr || left.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      sqlite3_finalize(statement);
      throw SqlError(fmt::format("expected one statement, but it is '{}'", sql), false);
    }
    if (prepared_.size() >= kMaxPrepared) {
      sqlite3_finalize(prepared_.begin()->second);
      prepared_.erase(prepared_.begin());
    }
    prepared_.emplace(std::string(sql), statement);
    return statement;
  }

  void bind(sqlite3_stmt* statement, std::string_view sql, std::span<const SqlValue> values) {
    const int expected = sqlite3_bind_parameter_count(statement);
    if (static_cast<std::size_t>(expected) != values.size()) {
      throw SqlError(fmt::format("expected {} values, but there are {} (in '{}')", expected, values.size(), sql),
                     false);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const int place = static_cast<int>(i) + 1;
      int code = SQLITE_OK;
      if (const auto* text = std::get_if<std::string>(&values[i])) {
        code = sqlite3_bind_text64(statement, place, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      } else if (const auto* integer = std::get_if<std::int64_t>(&values[i])) {
        code = sqlite3_bind_int64(statement, place, *integer);
      } else if (const auto* real = std::get_if<double>(&values[i])) {
        code = sqlite3_bind_double(statement, place, *real);
      } else {
        code = sqlite3_bind_null(statement, place);
      }
      if (code != SQLITE_OK) throw error(sql, code);
    }
  }

  static std::shared_ptr<std::vector<std::string>> column_names(sqlite3_stmt* statement) {
    auto names = std::make_shared<std::vector<std::string>>();
    for (int i = 0; i < sqlite3_column_count(statement); ++i) names->emplace_back(sqlite3_column_name(statement, i));
    return names;
  }

  static std::vector<SqlValue> read_row(sqlite3_stmt* statement) {
    std::vector<SqlValue> values;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      switch (sqlite3_column_type(statement, i)) {
        case SQLITE_INTEGER:
          values.emplace_back(static_cast<std::int64_t>(sqlite3_column_int64(statement, i)));
          break;
        case SQLITE_FLOAT:
          values.emplace_back(sqlite3_column_double(statement, i));
          break;
        case SQLITE_NULL:
          values.emplace_back(nullptr);
          break;
        default: {  // Text, or a blob, which is read as text.
          const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
          values.emplace_back(bytes == nullptr
                                  ? std::string()
                                  : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, i))));
        }
      }
    }
    return values;
  }

  sqlite3* db_ = nullptr;
  bool ours_ = false;
  std::map<std::string, sqlite3_stmt*, std::less<>> prepared_;
};

/// The connection and the queue of those who want it.
class SqliteStore final : public BarrierStore {
 public:
  Result<void> open(const std::string& path, const std::string& schema) {
    if (auto opened = connection_.open(path, schema); !opened) return opened;
    if (path.empty() || path == ":memory:") return {};
    return keys_.open(path + "-keys");
  }

  Result<std::unique_ptr<KeyHold>> hold(const std::string& key, TimePoint until) override;
  Result<std::unique_ptr<BarrierTransaction>> begin(TimePoint until) override;

  Connection& connection() { return connection_; }
  KeyLocks& keys() { return keys_; }

  void hand_on() {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
    }
    free_.notify_one();
  }

 private:
  KeyLocks keys_;
  std::mutex mutex_;
  std::condition_variable free_;
  bool writing_ = false;  ///< Guarded by mutex_. Who set it has connection_ alone.
  Connection connection_;
};

class SqliteHold final : public KeyHold {
 public:
  SqliteHold(KeyLocks& keys, std::string key) : keys_(keys), key_(std::move(key)) {}
  ~SqliteHold() override { keys_.unlock(key_); }

 private:
  KeyLocks& keys_;
  std::string key_;
};

/// Has the connection from BEGIN IMMEDIATE until it is destroyed.
class SqliteTransaction final : public BarrierTransaction {
 public:
  explicit SqliteTransaction(SqliteStore& store) : store_(store), connection_(store.connection()) {}
  ~SqliteTransaction() override {
    if (connection_.in_transaction()) static_cast<void>(connection_.control("ROLLBACK"));
    store_.hand_on();
  }

  Ran run(std::string_view sql, std::span<const SqlValue> values) override {
    // SQLite ends a transaction by itself on some errors; what came after would stand alone.
    if (!connection_.in_transaction()) throw SqlError("the transaction was rolled back by an earlier error", true);
    return connection_.run(sql, values);
  }

  std::optional<BarrierRecord> find(const std::string& key, Phase phase) override {
    const auto rows =
        query("SELECT state, answer FROM saga_barrier WHERE key = ? AND phase = ?", key, phase_text(phase));
    if (rows.empty()) return std::nullopt;
    BarrierRecord record{BarrierState::kDone, rows.front().text(1)};
    if (rows.front().text(0) == "begun") record.state = BarrierState::kBegun;
    if (rows.front().text(0) == "taken") record.state = BarrierState::kTaken;
    return record;
  }

  void put(const std::string& key, Phase phase, const BarrierRecord& record, Timestamp now) override {
    execute("INSERT OR REPLACE INTO saga_barrier (key, phase, state, answer, at) VALUES (?, ?, ?, ?, ?)", key,
            phase_text(phase), state_text(record.state), record.answer, now.ms);
  }

  void erase(const std::string& key, Phase phase) override {
    execute("DELETE FROM saga_barrier WHERE key = ? AND phase = ?", key, phase_text(phase));
  }

  void put_callback(const PendingCallback& callback, Timestamp now) override {
    execute("INSERT OR REPLACE INTO saga_callbacks (url, body, at) VALUES (?, ?, ?)", callback.url, callback.body,
            now.ms);
  }

  std::vector<PendingCallback> callbacks(std::size_t limit) override {
    std::vector<PendingCallback> pending;
    for (const Row& row : query("SELECT url, body FROM saga_callbacks ORDER BY at LIMIT ?", limit)) {
      pending.push_back({row.text(0), row.text(1)});
    }
    return pending;
  }

  void erase_callback(const std::string& url) override { execute("DELETE FROM saga_callbacks WHERE url = ?", url); }

  std::size_t remove_older(Timestamp time, std::size_t limit) override {
    return static_cast<std::size_t>(
        execute("DELETE FROM saga_barrier WHERE (key, phase) IN (SELECT key, phase FROM saga_barrier "
                "WHERE at < ? AND state = 'done' ORDER BY at LIMIT ?)",
                time.ms, limit));
  }

  void commit() override {
    if (!connection_.in_transaction()) throw SqlError("the transaction was rolled back by an earlier error", true);
    if (const int code = connection_.control("COMMIT"); code != SQLITE_OK) {
      throw SqlError(fmt::format("the commit failed: {}", connection_.why()), is_passing(code));
    }
  }

 private:
  SqliteStore& store_;
  Connection& connection_;
};

Result<std::unique_ptr<KeyHold>> SqliteStore::hold(const std::string& key, TimePoint until) {
  if (auto locked = keys_.lock(key, until); !locked) return tl::unexpected(locked.error());
  return std::make_unique<SqliteHold>(keys_, key);
}

Result<std::unique_ptr<BarrierTransaction>> SqliteStore::begin(TimePoint until) {
  {
    std::unique_lock lock(mutex_);
    if (!free_.wait_until(lock, until, [&] { return !writing_; })) {
      return fail(ErrorCode::kOverloaded, "other calls are writing to the database");
    }
    writing_ = true;
  }
  auto transaction = std::make_unique<SqliteTransaction>(*this);
  const auto left = std::chrono::duration_cast<Millis>(until - Clk::now());
  connection_.wait_for_others(std::clamp(left, Millis{0}, Millis{60'000}));
  const int code = connection_.control("BEGIN IMMEDIATE");
  if (code == SQLITE_OK) return transaction;
  if ((code & 0xff) == SQLITE_BUSY) return fail(ErrorCode::kOverloaded, "another process is writing to the database");
  return fail(ErrorCode::kUnavailable, fmt::format("the database cannot be written: {}", connection_.why()));
}

}  // namespace

Result<std::unique_ptr<BarrierStore>> open_sqlite_store(const std::string& path, const std::string& schema) {
  auto store = std::make_unique<SqliteStore>();
  if (auto opened = store->open(path, schema); !opened) return tl::unexpected(opened.error());
  return store;
}

}  // namespace saga::workers
