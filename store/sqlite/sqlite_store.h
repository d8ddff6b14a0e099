// A store in one SQLite file: the embedded default.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/group_committer.h"
#include "store/store.h"

namespace saga::store {

struct SqliteOptions {
  std::string path;
  CommitterOptions committer;
  std::string vfs;                                  ///< SQLite's VFS by name; "" is the system's. For fault tests.
  int checkpoint_pages = 4'000;                     ///< Of the log, 16 MB, before they are copied into the database.
  std::size_t readers = 4;                          ///< Connections that read at the same time.
  std::chrono::milliseconds write_patience{1'000};  ///< With another program's write lock, before a try has failed.
  std::chrono::milliseconds read_patience{5'000};
  std::optional<std::vector<std::string>> migrations;  ///< In the place of the built-in ones. For tests of migration.
};

/// Opens or creates the store at `options.path`, migrating an older one, and owns the file until destroyed. Nothing is
/// scanned: a million sleeping sagas open as fast as none.
///
/// `kInvalid`: the path or the file cannot be a store. `kUnsupported`: written by a newer version. `kUnavailable`: in
/// use by another process. `kPoisoned`: the disk fails or has no room; another try may do. `kCorruption`: the file or
/// its log is damaged. Each says so in one sentence.
[[nodiscard]] Result<std::unique_ptr<Store>> make_sqlite_store(SqliteOptions options);

}  // namespace saga::store
