// Waiting for a saga to rest (to end or be suspended) without holding a thread: subscribe, read, then answer at the
// first durable commit at rest, or when the time is up.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"
#include "engine/api/pool.h"
#include "engine/runtime/runtime.h"

namespace saga::api {

/// One wait. Whatever comes first of `settle` (by the caller, by a commit, by the time) calls `done`, once.
class Wait : public std::enable_shared_from_this<Wait> {
 public:
  /// `state` is null when the time is up: the caller reads the saga then. Runs on the engine thread or the pool.
  using Done = std::function<void(std::shared_ptr<const runtime::Snapshot> at_rest)>;

  /// Subscribes before it returns. `pool` outlives the wait.
  [[nodiscard]] static std::shared_ptr<Wait> begin(runtime::Runtime& runtime, Pool& pool, std::string saga_id,
                                                   Done done);

  /// From now on the wait ends after `limit`.
  void limit(Millis limit);
  /// The caller has found what it waits for by itself, or gives up: nothing is called any more. False: too late.
  bool abandon();

  Wait(Pool& pool, Done done) : pool_(pool), done_(std::move(done)) {}

 private:
  /// Takes `done_`, the first time only.
  [[nodiscard]] Done take();
  void finish(std::shared_ptr<const runtime::Snapshot> at_rest);

  Pool& pool_;
  std::mutex mutex_;  ///< Guards the rest.
  Done done_;
  Pool::Ticket alarm_ = 0;
  std::unique_ptr<runtime::Runtime::Subscription> subscription_;
};

}  // namespace saga::api
