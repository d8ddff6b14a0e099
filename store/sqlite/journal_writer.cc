#include "store/sqlite/journal_writer.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <span>
#include <string_view>
#include <utility>

#include "store/sqlite/checksum.h"
#include "store/sqlite/journal_text.h"

namespace saga::store::sqlite {
namespace {

/// More gain little.
constexpr std::size_t kRowsAStatement = 8;
/// In bytes; the memory of a larger row is not kept.
constexpr std::size_t kUsualRow = 16'384;
/// Sagas whose last event is remembered: about 1.5 MB.
constexpr std::size_t kMostLastSeqs = 30'000;

/// Without FAIL, SQLite would make itself ready to undo the rows before one that fails; here the transaction is undone.
std::string insert_of(std::size_t rows) {
  std::string sql = "INSERT OR FAIL INTO journal(saga, seq, events, checksum) VALUES";
  for (std::size_t row = 0; row < rows; ++row) sql += row == 0 ? "(?, ?, ?, ?)" : ", (?, ?, ?, ?)";
  return sql;
}

}  // namespace

Result<void> JournalWriter::prepare(Connection& connection) {
  connection_ = &connection;
  return connection.prepare_all({
      {&insert_one_, insert_of(1)},
      {&insert_many_, insert_of(kRowsAStatement)},
      {&last_seq_, "SELECT MAX(seq) FROM journal WHERE saga = ?1"},
  });
}

Result<void> JournalWriter::check_follows(const Append& append) {
  if (append.create) return {};  // Its saga's row has just been made.
  const Result<std::int64_t> last = last_seq_of(append.saga);
  if (!last) return tl::unexpected(last.error());
  if (*last == append.first_seq - 1) return {};
  if (*last >= append.first_seq)
    return fail(ErrorCode::kConflict, fmt::format("saga {} has an event {} already", append.saga, append.first_seq));
  return fail(ErrorCode::kConflict, fmt::format("saga {} has no event {} for event {} to follow", append.saga,
                                                append.first_seq - 1, append.first_seq));
}

/// The seq of its newest event; 0: it has none.
Result<std::int64_t> JournalWriter::last_seq_of(SagaKey saga) {
  if (const auto last = last_seqs_.find(saga); last != last_seqs_.end()) return last->second;
  for (std::size_t row = waiting_; row-- > 0;) {
    if (rows_[row].saga == saga) return rows_[row].seq;
  }
  const ResetAtEnd reset(last_seq_);
  last_seq_.bind(1, saga);
  if (const int code = last_seq_.step(); code != SQLITE_ROW)
    return tl::unexpected(connection_->error(code, "looking for an event"));
  return last_seq_.integer(0);
}

Result<void> JournalWriter::add(const Append& append) {
  if (waiting_ == rows_.size()) rows_.emplace_back();
  Row& row = rows_[waiting_++];
  row.saga = append.saga;
  row.seq = append.events.back().seq;
  write_journal_text(row.events, append.events);
  row.checksum = checksum_of(append.saga, append.events);
  note_last_seq(append);
  return waiting_ < kRowsAStatement ? Result<void>{} : write_waiting();
}

void JournalWriter::note_last_seq(const Append& append) {
  if (append.head && append.head->ended) {
    last_seqs_.erase(append.saga);
    return;
  }
  if (last_seqs_.size() >= kMostLastSeqs) last_seqs_.clear();
  last_seqs_[append.saga] = append.events.back().seq;
}

Result<void> JournalWriter::write_waiting() {
  const std::size_t rows = std::exchange(waiting_, 0);
  if (rows == kRowsAStatement) return insert(insert_many_, 0, rows);
  for (std::size_t row = 0; row < rows; ++row) {
    if (Result<void> inserted = insert(insert_one_, row, 1); !inserted) return inserted;
  }
  return {};
}

Result<void> JournalWriter::insert(Statement& statement, std::size_t first, std::size_t rows) {
  const std::span<Row> written = std::span(rows_).subspan(first, rows);
  int parameter = 0;
  for (const Row& row : written) {
    statement.bind(++parameter, row.saga);
    statement.bind(++parameter, row.seq);
    statement.bind(++parameter, std::string_view(row.events));
    statement.bind(++parameter, row.checksum);
  }
  const int code = statement.run();
  for (Row& row : written) {
    if (row.events.capacity() > kUsualRow) row.events = {};
  }
  if (code == SQLITE_DONE) return {};
  const Row& row = written.front();
  return tl::unexpected(
      connection_->write_error(code, fmt::format("saga {} has an event {} already", row.saga, row.seq)));
}

void JournalWriter::forget_all() {
  waiting_ = 0;
  last_seqs_.clear();
}

}  // namespace saga::store::sqlite
