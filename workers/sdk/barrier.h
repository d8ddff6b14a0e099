// The barrier: whatever the network, the orchestrator and crashes do, each call of a step has its effect once, and an
// undone step stays undone. It remembers in the worker's own database, in the same transaction as the effects, under
// the key that action and compensation share.
//
//   call          | what is remembered            | what happens
//   --------------|-------------------------------|------------------------------------------------------------------
//   action        | compensation done             | refused, 409 `compensated`
//   action        | action done                   | the same answer
//   action        | taken                         | taken again; `finish` ends it and calls back
//   action        | nothing, or begun             | the handler runs
//   compensation  | compensation done             | the same answer
//   compensation  | action done, taken or begun   | the handler runs; a taken action cannot be finished any more
//   compensation  | nothing, outcome `done`       | the handler runs: the record is gone (older than 30 days), the
//   effect is not compensation  | nothing, outcome `unknown`    | 204, remembered: the action never came, and will be
//   refused if it does either        | the key is at work elsewhere  | waits for half the call's timeout, then 425
//   `at_work`
//
// Only what was done is remembered: a call that was refused or failed is tried anew when it comes again.
//
// Two ways to run a handler:
//
// `kInTransaction` (the usual one): one write transaction from the first look at the record to the commit. All effects
// are rows of the worker's database, so they and the record come together or not at all, a crash at any instant
// included. On SQLite writers follow one another; handlers must be quick.
//
// `kOutside`: for an action that calls something beyond the database, a payment gateway say. That the action has begun
// is committed first; then the handler runs without holding the database, and its transaction begins with its first
// statement. A compensation of an action that begun and was not seen to end runs its handler, which must look for what
// may have happened. The handler hands `idempotency_key` on, because it will be called again after a crash or a Retry.
// Before it returns Refused it must be sure that nothing happened.
//
// In both, the key is held from before the first look until after the commit, against other threads and other processes
// on the same file: a compensation's 2xx is never given while its action is still at work.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "workers/sdk/step_call.h"
#include "workers/sdk/transaction.h"

namespace saga::workers {

enum class BarrierState {
  kBegun,  ///< An action with outside effects was let through and was not seen to end.
  kTaken,  ///< Answered 202; finished by callback.
  kDone,
};

struct BarrierRecord {
  BarrierState state = BarrierState::kDone;
  std::string answer;  ///< The output as JSON text, empty for none. Of a taken one: the newest attempt's callback URL.
};

/// A callback that is to be sent until it is answered.
struct PendingCallback {
  std::string url;
  std::string body;
};

/// A transaction that can also keep the barrier's records. Rolled back when destroyed before `commit`. Its functions
/// throw SqlError.
class BarrierTransaction : public Transaction {
 public:
  [[nodiscard]] virtual std::optional<BarrierRecord> find(const std::string& key, Phase phase) = 0;
  virtual void put(const std::string& key, Phase phase, const BarrierRecord& record, Timestamp now) = 0;
  virtual void erase(const std::string& key, Phase phase) = 0;
  virtual void put_callback(const PendingCallback& callback, Timestamp now) = 0;
  /// Up to `limit`, the oldest first.
  [[nodiscard]] virtual std::vector<PendingCallback> callbacks(std::size_t limit) = 0;
  virtual void erase_callback(const std::string& url) = 0;
  /// Removes up to `limit` records of what is done written before `time`, oldest first; returns how many. Others stay:
  /// an effect may hang on them.
  virtual std::size_t remove_older(Timestamp time, std::size_t limit) = 0;
  /// Durable when it returns.
  virtual void commit() = 0;
};

/// Nobody else has the key while this lives. It ends with the process too, however that ends.
class KeyHold {
 public:
  KeyHold() = default;
  KeyHold(const KeyHold&) = delete;
  KeyHold& operator=(const KeyHold&) = delete;
  virtual ~KeyHold() = default;
};

/// A worker's database. Thread-safe. SQLite is built; another database fits by the same calls.
class BarrierStore {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  virtual ~BarrierStore() = default;
  /// `kOverloaded`: someone else has the key, still at `until`.
  [[nodiscard]] virtual Result<std::unique_ptr<KeyHold>> hold(const std::string& key, TimePoint until) = 0;
  /// A transaction that may write. `kOverloaded`: others write, still at `until`. `kUnavailable`: the database says no.
  [[nodiscard]] virtual Result<std::unique_ptr<BarrierTransaction>> begin(TimePoint until) = 0;
};

/// Opens or makes the SQLite database at `path` (WAL, every commit synced), adds the table `saga_barrier` and runs
/// `schema`: the worker's own statements, such that they can be run at every start ("CREATE TABLE IF NOT EXISTS …").
/// Several processes on one machine may share the file; beside it stands `PATH-keys`, empty, which carries their locks.
/// `kUnavailable` when the file cannot be opened, `kInvalid` when the schema is refused.
[[nodiscard]] Result<std::unique_ptr<BarrierStore>> open_sqlite_store(const std::string& path,
                                                                      const std::string& schema);

enum class Effects { kInTransaction, kOutside };

/// The rules of the table above. Thread-safe. Used by the step server; a worker with another server may use it
/// directly.
class Barrier {
 public:
  static constexpr Millis kKeepKeys = std::chrono::hours(24 * 30);
  static constexpr std::size_t kMaxOutput = 1 << 20;

  Barrier(BarrierStore& store, const Clock& clock, Millis keep_keys = kKeepKeys)
      : store_(store), clock_(clock), keep_keys_(keep_keys) {}

  /// Lets the call through, answers from memory or refuses. Blocks while the handler runs. Throws nothing.
  [[nodiscard]] StepAnswer pass(const StepCall& call, const StepHandler& handler, Effects effects);

  /// Ends a call that was `Taken`, for good and in one transaction with what `work` writes: Done is remembered, Refused
  /// and Retry are not, and with them nothing of `work`'s is kept; the callback that says so is kept to be sent. `work`
  /// that answers Taken leaves it as it is. Fine, without running `work`, where it was finished as done before.
  /// `kNotFound`: it was not taken, or ended otherwise. `kConflict`: it has been compensated. `kOverloaded`,
  /// `kUnavailable`: try again. `kInternal`: `work` threw.
  [[nodiscard]] Result<void> finish(const std::string& key, Phase phase, const TakenWork& work);

  /// Where the callback of a call that was `Taken` goes; empty where it was not, or no URL was offered.
  [[nodiscard]] Result<std::string> callback_url(const std::string& key, Phase phase);

  /// Removes one small batch of keys that are too old. How many; fewer than `kSweepBatch` means that it was the last.
  std::size_t sweep();
  static constexpr std::size_t kSweepBatch = 200;

 private:
  StepAnswer pass_or_throw(const StepCall& call, const StepHandler& handler, Effects effects);
  StepAnswer answer_again(const StepCall& call, const BarrierRecord& record, BarrierTransaction& transaction);
  StepAnswer run_in_transaction(const StepCall& call, const StepHandler& handler, BarrierTransaction& transaction);
  StepAnswer run_outside(const StepCall& call, const StepHandler& handler, std::unique_ptr<BarrierTransaction> first);
  /// What to keep of `answer`; none for what is tried anew. An output over the limit turns `answer` into a failure.
  [[nodiscard]] static std::optional<BarrierRecord> record_of(const StepCall& call, StepAnswer& answer);
  Result<void> finish_or_throw(const std::string& key, Phase phase, const TakenWork& work);

  BarrierStore& store_;
  const Clock& clock_;
  Millis keep_keys_;
};

}  // namespace saga::workers
