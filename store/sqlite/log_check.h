// Whether a write-ahead log that a crash has left is whole. SQLite takes the first frame that does not fit for the end
// of the log and drops whatever follows, which is right for a commit that was under way, and silently loses all later
// ones where a bit in the middle has changed.
#pragma once

#include <string>

#include "base/result.h"

namespace saga::store::sqlite {

/// Of the database at `path`, while nobody writes to it. `kCorruption`: the log breaks off where a commit surely had
/// been synced, because another one was written behind it; or there is a log, and no database that it belongs to.
/// Damage to the last commit, or to nothing but the file's end, looks like a commit under way and passes.
[[nodiscard]] Result<void> check_log(const std::string& path);

}  // namespace saga::store::sqlite
