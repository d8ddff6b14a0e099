// SQLite's C interface as values: a connection, a prepared statement, and what a result code means to the store.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace saga::store::sqlite {

/// A prepared statement, compiled once and run many times. Parameters count from 1, columns from 0. Bound texts must
/// live until `reset`. Must not outlive its connection.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view text);
  void bind(int parameter, Timestamp time) { bind(parameter, time.ms); }
  void bind(int parameter, const std::optional<Timestamp>& time);

  /// SQLITE_ROW, SQLITE_DONE or the error's extended code.
  [[nodiscard]] int step();
  void reset();
  /// One that gives no rows: `step` and `reset`. SQLITE_DONE or the error's extended code.
  [[nodiscard]] int run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] Timestamp time(int column) const { return {integer(column)}; }
  [[nodiscard]] std::optional<Timestamp> optional_time(int column) const;

 private:
  sqlite3_stmt* statement_ = nullptr;
};

/// Resets a statement at the end of a scope, so that a read never holds its snapshot longer than needed.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  Statement& statement_;
};

enum class OpenMode { kReadWrite, kReadOnly };

/// One connection; one thread at a time.
class Connection {
 public:
  /// Opens `path` (creating it in `kReadWrite`) through the VFS named `vfs`; "" is the system's.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const std::string& path, const std::string& vfs,
                                                                OpenMode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs SQL that gives no rows, or whose rows nobody needs.
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  /// Each into the statement it stands beside.
  [[nodiscard]] Result<void> prepare_all(std::initializer_list<std::pair<Statement*, std::string>> all);
  /// The first column of the first row; none if there is no row or it is null.
  [[nodiscard]] Result<std::optional<std::int64_t>> query_integer(std::string_view sql);
  [[nodiscard]] Result<std::optional<std::string>> query_text(std::string_view sql);

  /// What `code`, which this connection has just returned, means: see `Backend` for the codes. `doing` completes
  /// "while …".
  [[nodiscard]] Error error(int code, std::string_view doing) const;

  /// Of a write: `kConflict` with `taken` where `code` says that a unique key was there, else as `error`.
  [[nodiscard]] Error write_error(int code, const std::string& taken) const;

  /// `kCorruption`: the tables are not as the steps of schema.h made them. `what` is wrong completes "(…)".
  [[nodiscard]] Error damaged(std::string_view what) const;

  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] std::int64_t rows_changed() const;  ///< By the last statement.
  [[nodiscard]] sqlite3* handle() const { return db_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* db_;
  const std::string path_;
};

}  // namespace saga::store::sqlite
