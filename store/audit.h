// Who called for what, and what came of it: a journal of its own beside the sagas', which it outlives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace saga::store {

/// Never changed and never removed. Members that do not apply are empty.
struct AuditEntry {
  Timestamp at;
  std::string actor;      ///< "ops", or "ops (bob@desk)" with what a verified caller added.
  bool verified = false;  ///< A token says so.
  std::string verb;       ///< "cancel", "register", "purge", …
  std::string saga;       ///< Its id; it may be purged, or never have been.
  std::string step;
  std::string reason;
  std::string result;  ///< "done", "nothing" (it held already) or "refused".
  std::string detail;  ///< Why it was refused; what was registered or purged.

  bool operator==(const AuditEntry&) const = default;
};

/// Grows with time.
using AuditKey = std::int64_t;

struct AuditRow {
  AuditKey key = 0;
  AuditEntry entry;

  bool operator==(const AuditRow&) const = default;
};

/// Empty members do not filter.
struct AuditFilter {
  std::optional<std::string> actor;  ///< The whole of it, or what stands before " (".
  std::optional<std::string> verb;
  std::optional<std::string> saga;
  std::optional<Timestamp> since;  ///< at >= since.
  std::optional<Timestamp> until;  ///< at < until.
};

}  // namespace saga::store
