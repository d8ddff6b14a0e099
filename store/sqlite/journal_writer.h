// The rows of `journal` that a transaction writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace saga::store::sqlite {

/// On the writer's connection, inside its transaction. Rows wait until a statement is full of them: half of what one
/// costs is what SQLite does around it.
class JournalWriter {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);

  /// `kConflict` unless the saga has all events before the append's first, and no further. Writes nothing.
  [[nodiscard]] Result<void> check_follows(const Append& append);

  /// Takes in the events of an append that has some, and follows. `kConflict`, as of `write_waiting`: a row is there
  /// already, of this append or of one before it.
  [[nodiscard]] Result<void> add(const Append& append);
  [[nodiscard]] Result<void> write_waiting();

  /// The transaction, or a part of it, is undone: nothing waits, and nothing is known of any saga.
  void forget_all();
  /// The saga is removed.
  void forget(SagaKey saga) { last_seqs_.erase(saga); }

 private:
  struct Row {
    SagaKey saga = 0;
    std::int64_t seq = 0;  ///< Of its last event.
    std::string events;
    std::int64_t checksum = 0;
  };

  [[nodiscard]] Result<std::int64_t> last_seq_of(SagaKey saga);
  void note_last_seq(const Append& append);
  [[nodiscard]] Result<void> insert(Statement& statement, std::size_t first, std::size_t rows);

  Connection* connection_ = nullptr;
  Statement insert_one_, insert_many_, last_seq_;

  std::vector<Row> rows_;  ///< The first `waiting_` of them wait to be written; kept for their memory.
  std::size_t waiting_ = 0;

  /// The newest event of sagas written lately, so that their next append need not look for it. Nobody else writes.
  std::unordered_map<SagaKey, std::int64_t> last_seqs_;
};

}  // namespace saga::store::sqlite
