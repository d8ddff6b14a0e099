// What a database has to do for the group committer: write a batch in one transaction. Everything else about writing
// (queues, order, retries, poison) is the committer's, once for all backends.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace saga::store {

/// Appends that become durable all or none.
using AppendGroup = std::vector<Append>;

[[nodiscard]] inline bool is_audit_alone(const Append& append) { return append.audit && append.saga == 0; }

/// The writing half of a database. Not thread-safe: called on the store thread only.
///
/// Errors of every call: `kUnavailable` says that nothing was written and that the same call may succeed later.
/// `kPoisoned`, `kCorruption` and `kInternal` say that nobody knows what is on the disk: the committer ends all
/// writing. Other codes are an answer to the caller and change nothing.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Writes all groups in one transaction, in order, durable on return. One result a group: written, `kConflict` or
  /// `kFenced`; a group that was not written left nothing behind and does not touch the others.
  [[nodiscard]] virtual Result<std::vector<Result<void>>> commit(std::span<const AppendGroup> groups) = 0;

  [[nodiscard]] virtual Result<bool> register_workflows(std::span<const WorkflowRow> rows, const AuditEntry* audit) = 0;
  [[nodiscard]] virtual Result<std::string> keep_secret(const std::string& name, const std::string& fresh) = 0;
  [[nodiscard]] virtual Result<Epoch> take_over(ShardId shard, const std::string& owner) = 0;
  [[nodiscard]] virtual Result<bool> record_notices(std::span<const Notice> told) = 0;
  [[nodiscard]] virtual Result<Purged> purge(std::span<const SagaKey> roots, Timestamp ended_before) = 0;

  /// Upkeep that nobody waits for (SQLite's checkpoint): called after a batch was acknowledged.
  [[nodiscard]] virtual Result<void> maintain() = 0;
};

}  // namespace saga::store
