// A transaction on the worker's own database, as handlers use it. Statements are the database's own SQL with `?` for
// values; nothing is visible to others until the call it belongs to is done.
//
//   tx.execute("UPDATE stock SET on_hand = on_hand - ? WHERE sku = ?", quantity, sku);
//   for (const Row& row : tx.query("SELECT id, amount FROM charges WHERE order_id = ?", order)) use(row.text(0));
//
// This is the one place of the SDK that throws: a handler that forgot to look at a result would commit half an effect.
// The step server catches what a handler throws, rolls back and answers 500 or 503.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"

namespace saga::workers {

/// A statement or a commit failed. The transaction it belongs to should be given up by letting this pass through.
class SqlError : public std::runtime_error {
 public:
  SqlError(const std::string& message, bool passing) : std::runtime_error(message), passing_(passing) {}
  /// True for what may pass by itself (locked, disk full, I/O): answered 503. False for a mistake: answered 500.
  [[nodiscard]] bool passing() const { return passing_; }

 private:
  bool passing_;
};

using SqlValue = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

/// JSON numbers, strings, booleans (0, 1) and null keep their value; objects and arrays become their text.
[[nodiscard]] SqlValue to_sql(const Json& value);

template <typename T>
[[nodiscard]] SqlValue to_sql_value(const T& value) {
  if constexpr (std::is_same_v<T, std::nullptr_t>) {
    return nullptr;
  } else if constexpr (std::is_same_v<T, Json>) {
    return to_sql(value);
  } else if constexpr (std::integral<T>) {
    return static_cast<std::int64_t>(value);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<double>(value);
  } else {
    return std::string(std::string_view(value));
  }
}

/// One row of a result; columns count from 0. Asking for a column that is not there throws std::out_of_range.
class Row {
 public:
  Row(std::shared_ptr<const std::vector<std::string>> names, std::vector<SqlValue> values)
      : names_(std::move(names)), values_(std::move(values)) {}

  [[nodiscard]] bool is_null(std::size_t column) const;
  [[nodiscard]] std::int64_t integer(std::size_t column) const;  ///< 0 for null; a real is cut.
  [[nodiscard]] double real(std::size_t column) const;           ///< 0 for null.
  [[nodiscard]] std::string text(std::size_t column) const;      ///< Empty for null; numbers as text.
  [[nodiscard]] Json to_json() const;                            ///< An object by column names.

 private:
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<SqlValue> values_;
};

/// Used by one thread at a time, only while the handler that was given it runs.
class Transaction {
 public:
  Transaction() = default;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  virtual ~Transaction() = default;

  /// Runs one statement and returns how many rows it changed. Throws SqlError.
  template <typename... Values>
  std::int64_t execute(std::string_view sql, const Values&... values) {
    return run_with(sql, values...).changed;
  }

  /// Runs one statement and returns all its rows. Throws SqlError.
  template <typename... Values>
  [[nodiscard]] std::vector<Row> query(std::string_view sql, const Values&... values) {
    return run_with(sql, values...).rows;
  }

  /// The rows as a JSON array of objects. Throws SqlError.
  template <typename... Values>
  [[nodiscard]] Json query_json(std::string_view sql, const Values&... values) {
    Json list = Json::array();
    for (const Row& row : query(sql, values...)) list.push_back(row.to_json());
    return list;
  }

  struct Ran {
    std::vector<Row> rows;
    std::int64_t changed = 0;
  };
  /// What the templates above come down to. Throws SqlError.
  virtual Ran run(std::string_view sql, std::span<const SqlValue> values) = 0;

 private:
  template <typename... Values>
  Ran run_with(std::string_view sql, const Values&... values) {
    const std::vector<SqlValue> list{to_sql_value(values)...};
    return run(sql, list);
  }
};

}  // namespace saga::workers
