// Durable journals of sagas, and what finding a saga needs. Knows nothing of sagas' rules: a status is a word, an event
// is a line of JSON. One contract suite runs over every backend.
//
// The event log is the truth. A saga's row (`Head`) is what lists and recovery read; it is written in the same
// transaction as the events, at the start, when the status changes and when the saga goes to sleep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/audit.h"

namespace saga::store {

/// A saga's number inside the store; never reused, grows with time, so that order by key is order of acceptance.
using SagaKey = std::int64_t;
using ShardId = std::int32_t;
using Epoch = std::int64_t;

/// One event as it is stored.
struct Record {
  std::int64_t seq = 0;  ///< From 1, without gaps, within its saga.
  Timestamp at;
  std::string type;  ///< A word, "step_completed"; the store only keeps it.
  std::string data;  ///< A JSON object as text; read back to the byte as it was written.
  /// Only of what is read: it is not as it was written. What can still be read of it is in the other members.
  bool damaged = false;

  bool operator==(const Record&) const = default;
};

/// Where a saga waits for an operator.
struct Stuck {
  std::string step;
  std::string phase;  ///< "action", "compensation", or "" where no step is meant.
  std::string code;

  bool operator==(const Stuck&) const = default;
};

/// What is set once, at the start.
struct Identity {
  std::string id;
  std::string workflow;
  std::int64_t version = 1;
  std::vector<std::pair<std::string, std::string>> tags;
  Timestamp created_at;
  ShardId shard = 0;

  bool operator==(const Identity&) const = default;
};

/// What changes with the saga's status.
struct Head {
  std::string status;
  bool ended = false;  ///< Nothing more happens by itself; `wake_at` is none.
  bool needs_attention = false;
  std::optional<Timestamp> attention_since;
  std::vector<Stuck> stuck;
  Timestamp updated_at;
  std::optional<Timestamp> finished_at;
  /// When somebody has to look at the saga again. Not later than now for a busy one; none for one that waits for an
  /// operator or has ended.
  std::optional<Timestamp> wake_at;

  bool operator==(const Head&) const = default;
};

/// Who may write: the owner of `shard` for `epoch`.
struct Fence {
  ShardId shard = 0;
  Epoch epoch = 0;
};

/// One saga's next events. All of it becomes durable, or none.
struct Append {
  SagaKey saga = 0;
  Fence fence;
  std::int64_t first_seq = 1;      ///< The seq of `events[0]`; what is there already makes it a conflict.
  std::vector<Record> events;      ///< Empty only where `head` or `audit` alone is written.
  std::optional<Identity> create;  ///< With `first_seq` 1. An id that is or was taken makes it a conflict.
  std::optional<Head> head;        ///< None: the row stays as it is. Always given with `create`.
  /// Ids of further sagas that have to be looked at because of this one: where one is there and has not ended, its
  /// `wake_at` becomes `wake_at` if that is earlier or it has none. Nothing else of it is touched or checked.
  std::vector<std::string> wake;
  Timestamp wake_at;
  /// What the events follow from, where somebody called for it.
  std::shared_ptr<const AuditEntry> audit;
};

/// An append of `entry` and nothing else: of no saga, and behind no fence. Never a conflict.
[[nodiscard]] inline Append audit_alone(AuditEntry entry) {
  Append append;
  append.audit = std::make_shared<const AuditEntry>(std::move(entry));
  return append;
}

/// How an append ended: durable; `kConflict` (seq or id taken; nothing of it was written); `kFenced`; `kPoisoned`.
/// What may pass (a full disk, a lost connection) is retried inside and reported by `health`.
using AppendDone = std::function<void(Result<void>)>;

struct SagaRow {
  SagaKey key = 0;
  Identity identity;
  Head head;

  bool operator==(const SagaRow&) const = default;
};

struct DueSaga {
  SagaKey key = 0;
  std::string id;
  Timestamp wake_at;
};

/// Where a scan of due sagas goes on: strictly after this one.
struct DueCursor {
  Timestamp wake_at;
  SagaKey key = 0;
};

/// Empty members do not filter.
struct ListFilter {
  std::optional<std::string> workflow;  ///< The name, any version.
  std::optional<std::int64_t> version;
  std::vector<std::string> statuses;  ///< Any of these.
  std::optional<bool> needs_attention;
  std::optional<std::string> stuck_step;
  std::optional<std::string> stuck_code;
  std::vector<std::pair<std::string, std::string>> tags;  ///< All of these.
  std::optional<Timestamp> since;                         ///< created_at >= since.
  std::optional<Timestamp> until;                         ///< created_at < until.
};

/// Which sagas a purge takes: those that have ended and need no attention. One whose id has a '~' is a child of the one
/// named before it; children count by their root, go with it and never before it, and keep it while one of them stays.
/// Empty members do not filter; all but the time are the root's.
struct PurgeFilter {
  Timestamp ended_before;
  std::optional<std::string> workflow;  ///< The name, any version.
  std::optional<std::int64_t> version;
  std::vector<std::string> statuses;  ///< Any of these.
};

/// Where a look for purgeable sagas goes on: strictly after this one.
struct PurgeCursor {
  Timestamp created_at;
  SagaKey key = 0;

  bool operator==(const PurgeCursor&) const = default;
};

/// Sagas that may be purged, oldest first.
struct PurgePage {
  std::vector<SagaKey> roots;
  std::size_t sagas = 0;            ///< The roots and all their children.
  std::optional<PurgeCursor> next;  ///< None: there is nothing beyond.
};

/// How far one piece of a purge came.
struct Purged {
  std::size_t roots = 0;  ///< Dealt with, from the front of what was asked.
  std::size_t sagas = 0;  ///< Removed, children included.

  bool operator==(const Purged&) const = default;
};

/// That a saga needs attention since then or, `over`, that it no longer does. Somebody outside is told once.
struct Notice {
  SagaKey saga = 0;
  std::string id;
  Timestamp since;
  bool over = false;

  bool operator==(const Notice&) const = default;
};

struct StatusCount {
  std::string workflow;
  std::string status;
  std::int64_t sagas = 0;
  std::int64_t needing_attention = 0;
  std::optional<Timestamp> oldest_attention;

  bool operator==(const StatusCount&) const = default;
};

struct AttentionCount {
  std::string workflow;
  std::string step;
  std::string phase;
  std::string code;
  std::int64_t sagas = 0;

  bool operator==(const AttentionCount&) const = default;
};

/// A registered definition. `content` is compared, `source` is shown.
struct WorkflowRow {
  std::string name;
  std::int64_t version = 1;
  std::string content;  ///< The document as parsed, as canonical JSON text.
  std::string source;   ///< As it was given.
  Timestamp registered_at;

  bool operator==(const WorkflowRow&) const = default;
};

/// What the operator of the daemon is told about the store.
struct Health {
  bool writable = true;
  bool poisoned = false;
  std::string problem;  ///< One line; empty when all is well. A part that cannot be read leaves the rest writable.
};

/// Told of every commit, on the store thread; for metrics. Must not block.
struct CommitFacts {
  std::chrono::microseconds duration{0};
  std::size_t appends = 0;
};
using CommitObserver = std::function<void(const CommitFacts&)>;

/// Told of every failure of the database itself, on the thread that met it; for metrics. Must not block.
using FailureObserver = std::function<void(ErrorCode)>;

/// Durable journals. Thread-safe. Reads see the last commit and may block for as long as a query takes; they go on
/// after the store is poisoned, writes do not.
class Store {
 public:
  virtual ~Store() = default;

  // ---- writing ----------------------------------------------------------------------------------------------------

  /// A number for a saga about to be created. Never handed out twice, also not after a restart unless unused.
  [[nodiscard]] virtual SagaKey reserve_key() = 0;

  /// Queues `append`; `kOverloaded` when the queue is full, `kPoisoned` after a failed sync. Once accepted, `done` runs
  /// exactly once, on the store thread, in order of submission. Appends that wait together share one commit. One that
  /// is refused is left as it was, to be submitted again.
  [[nodiscard]] virtual Result<void> submit(Append&& append, AppendDone done) = 0;

  /// The same for the next events of several sagas, durable all or none: a start of many, or a child's end together
  /// with its parent's wake-up. A conflict of one is the conflict of all. An empty list is refused as `kInvalid`.
  [[nodiscard]] virtual Result<void> submit_all(std::vector<Append> appends, AppendDone done) {
    static_cast<void>(appends);
    static_cast<void>(done);
    return fail(ErrorCode::kUnsupported, "this store writes one saga at a time");
  }

  /// Durable when it returns. The same name, version and content again: fine, false. Other content: `kConflict`.
  /// Several rows are registered all or none; with them, if anything is new, `audit`.
  [[nodiscard]] virtual Result<bool> register_workflows(std::vector<WorkflowRow> rows,
                                                        std::shared_ptr<const AuditEntry> audit = nullptr) = 0;

  /// What is kept as the secret `name`: `fresh` if nothing was, durable when it returns.
  [[nodiscard]] virtual Result<std::string> keep_secret(const std::string& name, const std::string& fresh) = 0;

  /// Takes a shard over: raises its epoch, so that the former owner's appends fail as `kFenced`.
  [[nodiscard]] virtual Result<Epoch> take_over(ShardId shard, const std::string& owner) = 0;

  /// Removes for ever as many of `roots`, from the front and at least one, as a transaction of a few milliseconds can:
  /// events, tags and rows, with all their children. One that no longer is as a `PurgeFilter` with `ended_before` wants
  /// it is passed over. The ids stay taken. Durable when it returns.
  [[nodiscard]] virtual Result<Purged> purge(std::vector<SagaKey> roots, Timestamp ended_before) = 0;

  /// What was told: due no more. Durable when it returns.
  [[nodiscard]] virtual Result<void> record_notices(std::vector<Notice> told) = 0;

  // ---- reading ----------------------------------------------------------------------------------------------------

  [[nodiscard]] virtual Result<SagaRow> find(const std::string& id) = 0;  ///< `kNotFound`; it says so of a purged one.
  [[nodiscard]] virtual Result<SagaRow> find(SagaKey key) = 0;            ///< `kNotFound`.

  /// A saga's events in order, from `from_seq`; none for an unknown key. A damaged one is among them as long as it can
  /// be said that it was there.
  [[nodiscard]] virtual Result<std::vector<Record>> load(SagaKey saga, std::int64_t from_seq = 1) = 0;

  /// Unfinished sagas of `shard` whose `wake_at` is at or before `until`, by (wake_at, key), after `after`. Where rows
  /// cannot be read, their ids are empty.
  [[nodiscard]] virtual Result<std::vector<DueSaga>> due(ShardId shard, Timestamp until, std::optional<DueCursor> after,
                                                         std::size_t limit) = 0;

  /// Newest first; `before`: keys below it only.
  [[nodiscard]] virtual Result<std::vector<SagaRow>> list(const ListFilter& filter, std::optional<SagaKey> before,
                                                          std::size_t limit) = 0;

  [[nodiscard]] virtual Result<std::vector<StatusCount>> count_by_status(const ListFilter& filter) = 0;
  [[nodiscard]] virtual Result<std::vector<AttentionCount>> count_attention(const ListFilter& filter) = 0;

  /// What `filter` would purge among the `scan` oldest sagas after `after`.
  [[nodiscard]] virtual Result<PurgePage> purgeable(const PurgeFilter& filter, std::optional<PurgeCursor> after,
                                                    std::size_t scan) = 0;

  /// What has not been told yet, those that are over first, then the longest waiting.
  [[nodiscard]] virtual Result<std::vector<Notice>> notices_due(std::size_t limit) = 0;

  [[nodiscard]] virtual Result<std::vector<WorkflowRow>> workflows() = 0;  ///< By name, then version.

  /// Newest first; `before`: keys below it only.
  [[nodiscard]] virtual Result<std::vector<AuditRow>> audit(const AuditFilter& filter, std::optional<AuditKey> before,
                                                            std::size_t limit) = 0;

  [[nodiscard]] virtual Health health() const = 0;
  [[nodiscard]] virtual std::size_t queue_length() const = 0;
  [[nodiscard]] virtual std::int64_t size_bytes() const = 0;

  /// `observer` is told of every commit from now on; called before the first submit.
  virtual void observe_commits(CommitObserver observer) = 0;
  /// The same for failures, called before anything else: a commit that is tried again fails as often as it does, a
  /// conflict is none.
  virtual void observe_failures(FailureObserver observer) = 0;
};

}  // namespace saga::store
