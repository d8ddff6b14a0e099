// The loop that owns live sagas. Everything that happens to a saga goes through its mailbox, is decided by the
// rulebook, becomes durable, and only then has effects. One engine thread; callers on any thread.
//
// What holds: an effect is released after the commit of the events it follows from; while a saga's commit is under way
// its further inputs wait; a saga is in memory only while it is busy; a saga whose due time has passed is picked up by
// a repeating scan, also when a wake-up was missed or the process died.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/core/decide.h"
#include "engine/runtime/callback_token.h"
#include "engine/runtime/reader.h"
#include "engine/runtime/registry.h"
#include "store/store.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::runtime {

struct RuntimeOptions {
  std::size_t max_live = 100'000;     ///< Sagas in memory; further starts wait as `pending`.
  std::size_t max_mailbox = 100'000;  ///< Inputs of clients waiting for the engine thread; more are refused.
  Millis sleep_after{60'000};         ///< One that waits longer is dropped from memory and read back when due.
  Millis scan_interval{1'000};        ///< Between two scans for due sagas.
  Millis scan_ahead{3'000};           ///< Sagas due this soon are read back by the scan already.
  std::size_t scan_batch = 1'000;     ///< Sagas read back at a time.
  store::ShardId shard = 0;
  std::string owner = "sagad";
  std::optional<std::uint64_t> seed;  ///< For the jitter of delays; drawn when none is given.
  /// False: everything happens on the thread that turns. With a `seed` besides, nothing comes from chance or from
  /// another clock than the one given: equal inputs give equal runs.
  bool own_threads = true;
};

/// How deep child sagas may nest below one that a client started.
inline constexpr std::size_t kMaxChildDepth = 8;

struct StartRequest {
  std::string id;  ///< Checked by the caller; never empty.
  workflows::WorkflowRef workflow;
  bool version_named = false;  ///< The client named the version: a clash on it counts.
  JsonRef input;               ///< Fits the workflow's schema; never null (`{}` where none is given).
  std::vector<std::pair<std::string, std::string>> tags;
  std::optional<Timestamp> start_at;
  std::string trace_id;     ///< 32 hex digits.
  std::string parent_span;  ///< 16 hex digits, or empty.
  std::string actor;
  bool verified = false;  ///< The actor is.
  std::string parent_id;  ///< Of a child saga, as the two below.
  std::string parent_step;
  int parent_attempt = 0;
};

/// A start that is on disk. `created` false: the same start was there; `saga` shows it as it is.
struct Started {
  bool created = false;
  Snapshot saga;
};
/// `kConflict`: the id is taken by other content. `kInvalid`: a step's child workflow cannot be used. `kOverloaded`,
/// `kUnavailable` (draining, store not writable), `kPoisoned`: nothing was accepted.
using StartDone = std::function<void(Result<Started>)>;

/// One of a start of many whose id is taken.
struct StartClash {
  std::size_t place = 0;
  std::string why;  ///< "saga 'x' is there already, …"

  bool operator==(const StartClash&) const = default;
};
/// How a start of many ended. With `clashes` nothing was started.
struct ManyStarted {
  std::vector<StartClash> clashes;  ///< In the order of their places.
  std::vector<bool> created;        ///< One for each; false: the same start was there.
};
/// Errors as for one start; nothing was accepted. `kConflict`: an id is taken, but no longer there to be compared.
using ManyStartedDone = std::function<void(Result<ManyStarted>)>;

/// What came for a saga that is known by its id.
struct Delivery {
  std::string saga_id;
  core::Input input;
  std::string step;  ///< Where the input is about a step: its name. Which index it has is filled in here.
};

/// How a delivery ended. With `refusal` nothing was written.
struct DeliveryAnswer {
  std::optional<core::Refusal> refusal;
  Snapshot saga;
  bool changed = false;  ///< Something was recorded, and an audit entry with it; false where its effect held already.
};
/// `kNotFound`, `kCorruption` (only `terminate` helps), `kOverloaded`, `kUnavailable`, `kPoisoned`.
using DeliveryDone = std::function<void(Result<DeliveryAnswer>)>;

/// A saga's commit became durable. Called on the engine thread; must not block.
struct CommitNotice {
  std::int64_t seq = 0;  ///< Of the last event.
  bool at_rest = false;  ///< Ended or suspended.
  Snapshot saga;
};
using Subscriber = std::function<void(const CommitNotice&)>;

/// Of which of a saga's commits a subscriber is told.
enum class Interest {
  kEveryCommit,
  kRest,  ///< Only those at rest.
};
inline constexpr std::size_t kInterests = 2;

/// Told of every durable commit, for metrics and logs. Called on the engine thread; must not block.
class RuntimeObserver {
 public:
  virtual ~RuntimeObserver() = default;
  virtual void committed(const workflows::Workflow& workflow, const core::SagaState& after,
                         std::span<const core::Event> events) = 0;
  /// A saga's record does not replay; it has been suspended.
  virtual void corrupt(const std::string& saga_id, const std::string& problem) = 0;
};

struct RuntimeStats {
  std::size_t live = 0;               ///< Sagas in memory.
  std::size_t mailbox = 0;            ///< Inputs waiting.
  std::size_t commits_in_flight = 0;  ///< Sagas whose append is under way.
  std::size_t open_calls = 0;
  std::size_t recovering = 0;  ///< Sagas being read back.
};

class Runtime {
 public:
  /// Takes the shard over; nothing moves before `run` or `turn`. All references outlive the runtime.
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> create(Registry& registry, store::Store& store,
                                                               workers::Dispatcher& dispatcher, const Clock& clock,
                                                               RuntimeObserver* observer, RuntimeOptions options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // ---- from any thread ------------------------------------------------------------------------------------------

  /// `done` runs exactly once, on the engine thread, after the start is durable or refused; or here, when refused at
  /// once.
  void start(StartRequest request, StartDone done);

  /// All or none, in one commit. No id is there twice. `done` as for one start.
  void start_many(std::vector<StartRequest> requests, ManyStartedDone done);

  /// An operator's command, a callback, a heartbeat or a signal. `done` runs exactly once, on the engine thread, after
  /// what follows is durable or it was refused.
  void deliver(Delivery delivery, DeliveryDone done);

  /// Checks the tokens of callback URLs.
  [[nodiscard]] const CallbackTokens& callback_tokens() const;

  /// `subscriber` is told of the commits of that saga from now on until the handle is destroyed (also if no such saga
  /// exists yet). A commit that is durable when `subscribe` returns may be told or not: subscribe first, then read.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(std::string saga_id, Interest interest, Subscriber subscriber);

  /// From now on no call is begun and no start accepted; calls in flight finish and are recorded.
  void drain();
  [[nodiscard]] bool drained() const;  ///< Draining, and no call and no commit is in flight.

  [[nodiscard]] RuntimeStats stats() const;

  /// Where workers reach the API: what `Saga-Callback-Url` begins with. Before `run`; without it calls carry none.
  void set_public_url(std::string url);

  /// Sagas that have been due for over ten seconds without being taken up, which says that something is wrong here.
  /// Exact up to a thousand. Blocks on the store, and for at most a second on the engine thread: while that does not
  /// answer, all that are due count. Without own threads on the engine thread.
  [[nodiscard]] Result<std::size_t> count_overdue();

  // ---- before the engine thread runs ------------------------------------------------------------------------------

  /// Suspends some more of the unfinished sagas, in the name of `actor` and before anything else happens to them;
  /// durable when it returns. False when none is left: call it until then. Memory holds one page of them at a time.
  /// Without own threads it goes only as far as it can before the store is stepped, which is the caller's to do.
  [[nodiscard]] Result<bool> hold_some(const core::Actor& actor);

  // ---- the engine thread ------------------------------------------------------------------------------------------

  /// One bounded batch: mailbox, timers, scans. Returns how many inputs it took. Tests call it directly.
  std::size_t turn();
  /// Only without own threads, and after a turn: when the next one has something to do if nothing comes until then. In
  /// the past: at once.
  [[nodiscard]] std::optional<Timestamp> next_due() const;
  /// Turns until stopped; sleeps while there is nothing to do.
  void run(std::stop_token stop);

 private:
  class Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace saga::runtime
