// The tables, as the list of steps that lead to them. README.md beside this says what is written when.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite/connection.h"

namespace saga::store::sqlite {

/// Step i takes a store from version i to i + 1. A step that has been released never changes, not even in a comment:
/// a store's tables are compared with what it makes. What comes is appended.
[[nodiscard]] const std::vector<std::string>& migrations();

/// Refuses, before anything is written, a file that is no SQLite database or another program's (`kInvalid`), a store
/// that knows more than `steps` (`kUnsupported`), and one whose tables are not as its steps made them (`kCorruption`):
/// a bit of an index's condition is enough to hide sagas.
[[nodiscard]] Result<void> check_schema(Connection& connection, std::span<const std::string> steps);

/// Brings the store to the version that `steps` lead to, each step in a transaction of its own with its record in
/// `schema_version`: a crash in between leaves a store that the next start takes further.
[[nodiscard]] Result<void> migrate(Connection& connection, std::span<const std::string> steps);

}  // namespace saga::store::sqlite
