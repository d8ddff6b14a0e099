// A worker: an HTTP server whose endpoints are steps and their compensations, each behind the barrier (barrier.h).
//
//   auto store = open_sqlite_store("inventory.db", "CREATE TABLE IF NOT EXISTS stock (…)");
//   if (!store) …
//   StepServer server(**store, {.listen = "127.0.0.1:8081"});
//   server.action("POST", "/reservations", [](const StepCall& call, Transaction& tx) -> StepAnswer {
//     if (tx.execute("UPDATE stock SET on_hand = on_hand - 1 WHERE sku = ? AND on_hand > 0", call.input.at("sku")) ==
//     0)
//       return Refused{"out_of_stock", "there is nothing left"};
//     return Done{{{"reservation_id", call.saga_id}}};
//   });
//   server.compensation("DELETE", "/reservations/:saga", release);
//   if (auto started = server.start(); !started) …
//
// What comes in is checked before a handler sees it: the idempotency key ("SAGA_ID/STEP/action" or "…/compensation";
// the other headers may be absent, so that a step can be tried by hand), the body (strict JSON) and the path. What does
// not fit is answered 400, 404 or 405 as `application/problem+json`, saying what was expected. The server prints
// nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "workers/sdk/barrier.h"
#include "workers/sdk/step_call.h"
#include "workers/sdk/transaction.h"

namespace saga::workers {

struct StepServerOptions {
  std::string listen = "127.0.0.1:0";     ///< "HOST:PORT", "[::1]:PORT"; port 0: any free one.
  Millis default_timeout{30'000};         ///< Of a call without `Saga-Timeout-Ms`.
  Millis keep_keys = Barrier::kKeepKeys;  ///< How long an answer is remembered.
  Millis drain{10'000};                   ///< How long `stop` lets calls in work finish.
  std::size_t max_body = 16 << 20;        ///< A compensation carries its action's input and output.
  std::size_t max_connections = 4096;     ///< A thread each; one that is idle costs some 30 KB.
  /// For logs and figures: told of every call of a step before the barrier sees it, and of its answer before that is
  /// sent, answers from memory included. On the call's thread, many at once; the call waits. Must not throw.
  std::function<void(const StepCall&)> on_call = nullptr;
  std::function<void(const StepCall&, const StepAnswer&)> on_answer = nullptr;
};

struct StepOptions {
  Effects effects =
      Effects::kInTransaction;  ///< `kOutside`: the handler calls something beyond the database (barrier.h).
};

/// A request to an endpoint that is no step.
struct PlainCall {
  Json body;  ///< Null where there is none.
  std::map<std::string, std::string> path_parameters;
  std::multimap<std::string, std::string> query;
};

/// Answers 200 with JSON; its transaction is committed when it returns, rolled back when it throws (500).
using PlainHandler = std::function<Json(const PlainCall&, Transaction&)>;

class StepServer {
 public:
  /// `store` must outlive the server.
  explicit StepServer(BarrierStore& store, StepServerOptions options = {});
  ~StepServer();  ///< Stops.
  StepServer(const StepServer&) = delete;
  StepServer& operator=(const StepServer&) = delete;

  /// What is served where; before `start`. In a pattern a segment ":name" takes any one segment. A pattern that is
  /// there already for the same method and phase is a mistake of the program (aborts).
  void action(const std::string& method, const std::string& pattern, StepHandler handler, StepOptions options = {});
  void compensation(const std::string& method, const std::string& pattern, StepHandler handler,
                    StepOptions options = {});
  /// An endpoint that is no step: a state to look at, a switch. No barrier.
  void endpoint(const std::string& method, const std::string& pattern, PlainHandler handler);

  /// Listens and answers, on threads of its own. `kInvalid`: not an address; `kUnavailable`: cannot listen there.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] int port() const;  ///< The real one; 0 before `start`.

  /// Ends a call that a handler has answered Taken, whenever and on whatever thread, as `Barrier::finish` says. `key`
  /// is `StepCall::key`. What it tells the orchestrator is sent in the background until it is answered, also by the
  /// next process after a crash.
  [[nodiscard]] Result<void> finish(const std::string& key, Phase phase, const TakenWork& work);

  /// Says that a call that was Taken is still at work, so that it is waited for anew. `kConflict`: nobody waits for it
  /// any more, expect its compensation. `kNotFound`: it is not taken, or no URL was offered. `kUnavailable`: try again.
  [[nodiscard]] Result<void> heartbeat(const std::string& key, Phase phase);

  /// Takes no more calls, lets those in work finish for `drain`, then cuts their connections and waits for the handlers
  /// to return. What a handler had done by then is remembered, and answered when the call comes again.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saga::workers
