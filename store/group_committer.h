// The store thread. Appends from any thread queue here; the thread takes all that wait, has the backend write them in
// one transaction, acknowledges them in order of submission, and repeats. So one append pays one sync of latency, and
// a thousand that wait together share one. A simulator does without the thread and calls `step` instead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/backend.h"
#include "store/store.h"

namespace saga::store {

struct CommitterOptions {
  std::size_t max_queued = 10'000;                        ///< Appends accepted and not yet committed.
  std::size_t max_queued_bytes = std::size_t{256} << 20;  ///< Of their data: 10,000 appends of 1 MiB would be 10 GB.
  std::size_t max_batch = 500;  ///< Appends a commit; a bigger one gains little and waits longer.
  std::size_t max_batch_bytes = std::size_t{16} << 20;
  std::chrono::milliseconds first_retry{10};  ///< After a failure that may pass; doubled up to the longest.
  std::chrono::milliseconds longest_retry{1'000};
  bool own_thread = true;  ///< False: nothing is written but by `step`.
};

/// Owns the store thread and is the only writer of its backend. Thread-safe, unless it has no thread of its own: then
/// whoever calls it is the store thread.
///
/// What is accepted is settled exactly once: committed, refused by itself (`kConflict`, `kFenced`), or failed with the
/// store (`kPoisoned`). While the backend says `kUnavailable` the batch is retried and everything behind it waits;
/// `health` says why. Any other failure of a commit poisons: from then on nothing is written and nothing acknowledged,
/// because after a failed sync a later success of the same database proves nothing.
///
/// The destructor commits all that was accepted and runs its `done` before the thread ends. Only if the backend is
/// unavailable at that moment does the rest fail, as `kUnavailable`.
class GroupCommitter {
 public:
  /// `backend` outlives the committer.
  GroupCommitter(Backend& backend, CommitterOptions options);
  ~GroupCommitter();
  GroupCommitter(const GroupCommitter&) = delete;
  GroupCommitter& operator=(const GroupCommitter&) = delete;

  /// As `Store::submit_all`. `done` may submit again; it must not call what blocks on the store thread.
  [[nodiscard]] Result<void> submit(AppendGroup group, AppendDone done);
  /// As `Store::submit`.
  [[nodiscard]] Result<void> submit_one(Append&& append, AppendDone done);

  /// As in `Store`. They go before queued appends; all fail as `kUnavailable` instead of waiting for a full disk.
  [[nodiscard]] Result<bool> register_workflows(std::vector<WorkflowRow> rows,
                                                std::shared_ptr<const AuditEntry> audit = nullptr);
  [[nodiscard]] Result<std::string> keep_secret(const std::string& name, const std::string& fresh);
  [[nodiscard]] Result<Epoch> take_over(ShardId shard, const std::string& owner);
  [[nodiscard]] Result<void> record_notices(const std::vector<Notice>& told);
  [[nodiscard]] Result<Purged> purge(const std::vector<SagaKey>& roots, Timestamp ended_before);

  [[nodiscard]] Health health() const;
  [[nodiscard]] std::size_t queue_length() const;

  /// Only without a thread: writes the next batch and runs its `done`. True when it settled one; false when none waits
  /// or the backend is unavailable, which leaves the batch for the next `step`.
  bool step();

  /// Called before the first `submit`.
  void observe_commits(CommitObserver observer);
  void observe_failures(FailureObserver observer);

 private:
  struct Job {
    AppendGroup group;
    AppendDone done;
    std::size_t bytes = 0;
  };
  /// Something other than appends for the store thread. `run` writes and keeps its result, `answer` wakes who waits
  /// with it, `refuse` with an error instead: so that whoever learns of a failed sync finds the store poisoned.
  struct Task {
    std::function<std::optional<Error>()> run;
    std::function<void()> answer;
    std::function<void(const Error&)> refuse;
  };
  using Results = Result<std::vector<Result<void>>>;  ///< One for each group, or why there is none.
  struct Batch {
    std::vector<AppendGroup> groups;
    std::vector<AppendDone> dones;
    std::size_t appends = 0;
    std::size_t bytes = 0;
  };

  [[nodiscard]] Result<void> enqueue(AppendGroup& group, AppendDone done);  ///< Takes `group` when it is accepted.
  template <typename T>
  Result<T> on_store_thread(std::function<Result<T>()> work);

  void run(const std::stop_token& stop);
  Batch take_batch();  ///< `mutex_` is held.
  void run_tasks(std::deque<Task> tasks);
  void settle(Batch batch, const Results& results);
  void maintain();
  [[nodiscard]] Results commit_or_retry(const Batch& batch, const std::stop_token& stop);
  [[nodiscard]] std::optional<Results> try_commit(const Batch& batch, bool last_try);
  void wait_to_retry(std::chrono::milliseconds delay, const std::stop_token& stop);
  void set_problem(const Error& error);  ///< Poisons unless the error is `kUnavailable`.
  void set_well();

  Backend& backend_;
  const CommitterOptions options_;
  FailureObserver failed_;        ///< As `observer_`.
  CommitObserver observer_;       ///< Written before the first submit, read on the store thread.
  std::optional<Error> gave_up_;  ///< Of the store thread: the backend was unavailable when the store closed.
  std::optional<Batch> held_;     ///< Without a thread: the batch under way.
  bool acknowledging_ = false;    ///< Without a thread: a `done` runs.

  mutable std::mutex mutex_;  ///< Guards all that follows up to `thread_`.
  std::condition_variable_any wake_;
  std::deque<Job> jobs_;
  std::deque<Task> tasks_;
  std::size_t unsettled_ = 0;  ///< Appends in `jobs_` and in the batch under way.
  std::size_t unsettled_bytes_ = 0;
  std::optional<Error> poison_;  ///< Once set, never cleared.
  std::string problem_;          ///< Why the last try failed; empty when it did not.
  bool closing_ = false;

  std::jthread thread_;  ///< Last: it uses everything above.
};

}  // namespace saga::store
