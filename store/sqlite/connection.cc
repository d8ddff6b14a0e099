#include "store/sqlite/connection.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace saga::store::sqlite {
namespace {

/// No room left, as opposed to a device that fails.
bool out_of_space(int system_errno) { return system_errno == ENOSPC || system_errno == EDQUOT; }

bool is_sync(int extended_code) {
  return extended_code == SQLITE_IOERR_FSYNC || extended_code == SQLITE_IOERR_DIR_FSYNC;
}

ErrorCode meaning_of(int code, int system_errno) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
      return ErrorCode::kUnavailable;
    case SQLITE_IOERR:
      // Growing the shared-memory index on a full disk fails as an I/O error too, and nothing durable is in it. A sync
      // that failed for want of space is a failed sync.
      if (code == SQLITE_IOERR_NOMEM || code == SQLITE_IOERR_SHMSIZE || (out_of_space(system_errno) && !is_sync(code)))
        return ErrorCode::kUnavailable;
      return ErrorCode::kPoisoned;
    case SQLITE_READONLY:
      return ErrorCode::kPoisoned;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorruption;
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    default:
      return ErrorCode::kInternal;
  }
}

constexpr const char* kRestore =
    "; stop sagad, keep a copy of the file with its -wal, and restore a backup ('sqlite3 FILE .recover' saves what can "
    "still be read)";

std::string advice(int code) {
  if (code == SQLITE_IOERR_SHMSIZE) return "; if the disk is full, free some space, it goes on by itself";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "; free some space, it goes on by itself";
    case SQLITE_BUSY:
      return "; another program holds the file's write lock, it goes on when that ends";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return kRestore;
    case SQLITE_READONLY:
      return code == SQLITE_READONLY_DBMOVED ? "; the file was moved or deleted under the running program" : "";
    default:
      return is_sync(code) ? "; the last writes may not be on the disk" : "";
  }
}

}  // namespace

// ---- Statement ------------------------------------------------------------------------------------------------------

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  return *this;
}

void Statement::bind(int parameter, std::int64_t value) {
  SAGA_CHECK(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK, "a parameter that the statement has");
}

void Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL; an empty text is not that.
  const char* const data = text.data() == nullptr ? "" : text.data();
  const int code = sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_STATIC, SQLITE_UTF8);
  SAGA_CHECK(code == SQLITE_OK, "a parameter that the statement has, and a text below SQLite's limit of 1 GB");
}

void Statement::bind(int parameter, const std::optional<Timestamp>& time) {
  if (time) return bind(parameter, time->ms);
  SAGA_CHECK(sqlite3_bind_null(statement_, parameter) == SQLITE_OK, "a parameter that the statement has");
}

int Statement::step() { return sqlite3_step(statement_); }

void Statement::reset() { sqlite3_reset(statement_); }

int Statement::run() {
  const int code = sqlite3_step(statement_);
  sqlite3_reset(statement_);
  return code;
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::text(int column) const {
  const unsigned char* const data = sqlite3_column_text(statement_, column);
  if (data == nullptr) return {};
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::optional<Timestamp> Statement::optional_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

// ---- Connection -----------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, const std::string& vfs, OpenMode mode) {
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (mode == OpenMode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  // Counting its memory takes a lock of the whole process at each allocation, and nobody asks. Too late, and without
  // harm, where the process has used SQLite before.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (db == nullptr) return fail(ErrorCode::kUnavailable, fmt::format("{}: no memory to open it", path));
  std::unique_ptr<Connection> connection(new Connection(db, path));
  if (code != SQLITE_OK) return tl::unexpected(connection->error(code, "opening it"));
  return connection;
}

Connection::~Connection() { sqlite3_close_v2(db_); }

Result<void> Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, fmt::format("running {}", sql.substr(0, 60))));
  return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code == SQLITE_ERROR) {  // Our statements are right, so that the tables are not as we made them.
    return tl::unexpected(damaged(sqlite3_errmsg(db_)));
  }
  if (code != SQLITE_OK) return tl::unexpected(error(code, fmt::format("preparing {}", sql.substr(0, 60))));
  return Statement(statement);
}

Result<void> Connection::prepare_all(std::initializer_list<std::pair<Statement*, std::string>> all) {
  for (const auto& [statement, sql] : all) {
    Result<Statement> prepared = prepare(sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<std::optional<std::int64_t>> Connection::query_integer(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return tl::unexpected(error(code, "reading"));
  if (statement->is_null(0)) return std::nullopt;
  return statement->integer(0);
}

Result<std::optional<std::string>> Connection::query_text(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const int code = statement->step();
  if (code == SQLITE_DONE) return std::nullopt;
  if (code != SQLITE_ROW) return tl::unexpected(error(code, "reading"));
  if (statement->is_null(0)) return std::nullopt;
  return statement->text(0);
}

Error Connection::error(int code, std::string_view doing) const {
  const ErrorCode meaning = meaning_of(code, sqlite3_system_errno(db_));
  return {meaning,
          fmt::format("{}: {} (SQLite {}) while {}{}", path_, sqlite3_errstr(code), code, doing, advice(code))};
}

Error Connection::write_error(int code, const std::string& taken) const {
  if ((code & 0xff) == SQLITE_CONSTRAINT) return {ErrorCode::kConflict, taken};
  return error(code, "writing");
}

Error Connection::damaged(std::string_view what) const {
  return {
      ErrorCode::kCorruption,
      fmt::format("{}: its tables are not those of sagad ({}): damaged, or changed by hand{}", path_, what, kRestore)};
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

std::int64_t Connection::rows_changed() const { return sqlite3_changes64(db_); }

}  // namespace saga::store::sqlite
