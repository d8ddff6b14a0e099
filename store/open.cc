#include "store/open.h"

#include <fmt/format.h>

#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace saga::store {

Result<std::unique_ptr<Store>> open_store(std::string_view place, const CommitterOptions& options) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (place == "memory") return make_memory_store(MemoryOptions{options});
  if (place.starts_with("postgresql://") || place.starts_with("postgres://")) {
    return fail(ErrorCode::kUnsupported, "a store on PostgreSQL is not built yet: expected sqlite:PATH or memory");
  }
  if (!place.starts_with(kSqlite) || place == kSqlite) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is not a store: expected sqlite:PATH or memory", place));
  }
  SqliteOptions sqlite;
  sqlite.path = place.substr(kSqlite.size());
  sqlite.committer = options;
  return make_sqlite_store(std::move(sqlite));
}

}  // namespace saga::store
