// One call of a step as a worker's handler sees it, and the four things a handler may answer.
//
// A handler never looks at HTTP. What it returns becomes the answer that the orchestrator reads by the step protocol:
//
//   Done     done for good. 200 with `output` as JSON, or 204 when `output` is null. Remembered: every later call with
//   the
//            same key gets the same answer and the handler is not run again.
//   Taken    begun, to be finished later by `StepServer::finish`. 202 with `Saga-Async: true`. Remembered as Done is,
//            until then.
//   Refused  the business says no: an action that is refused ends its step, and a compensation that is refused has
//   failed
//            for good and waits for an operator. Not remembered. Nothing of its transaction is kept.
//   Retry    not now: called again after a while. Not remembered. Nothing of its transaction is kept.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "base/time.h"
#include "workers/protocol/protocol.h"

namespace saga::workers {

class Transaction;

/// What the orchestrator knows of the action that a compensation undoes.
enum class ActionOutcome {
  kDone,     ///< It answered that it was done.
  kUnknown,  ///< It may or may not have happened: there is no output; find what to undo by `saga_id` and `step`.
};

struct StepCall {
  std::string saga_id;   ///< "order-42".
  std::string workflow;  ///< "order-saga/1"; empty when the caller did not say.
  std::string step;      ///< "reserve_inventory".
  Phase phase = Phase::kAction;
  int attempt = 1;              ///< 1, 2, 3, …; only to look at: it says nothing of what happened before.
  std::string key;              ///< "order-42/reserve_inventory": the same for the action and its compensation.
  std::string idempotency_key;  ///< `key` and the phase: what to hand on to a service that takes such keys.
  ActionOutcome outcome = ActionOutcome::kDone;        ///< Of a compensation only.
  Json input;                                          ///< The body; null where there is none.
  Millis timeout{30'000};                              ///< How long the orchestrator waits for this attempt.
  std::chrono::steady_clock::time_point deadline;      ///< When that ends.
  std::map<std::string, std::string> path_parameters;  ///< "/reservations/:id" gives "id"; decoded.
  std::multimap<std::string, std::string> query;       ///< Decoded.
  std::string traceparent;                             ///< W3C Trace Context; to be handed on to further services.
  std::string callback_url;  ///< Where a call that was `Taken` is finished; empty when not offered.
};

struct Done {
  Json output;  ///< At most 1 MiB as text.
};

struct Taken {};

struct Refused {
  std::string code;     ///< For programs: "out_of_stock". A definition may name it.
  std::string message;  ///< For people, one sentence.
  int status = 422;     ///< 4xx. Not 409: after an attempt that timed out it means "still at work".
};

struct Retry {
  std::string code;
  std::string message;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
  int status = 503;  ///< 503: it may have happened. 429: this attempt surely did nothing.
};

using StepAnswer = std::variant<Done, Taken, Refused, Retry>;

/// Does a step, or undoes it. May run on many threads at once, for different keys; never for one key twice at once. All
/// it writes through the transaction is committed together with the barrier's record when it returns Done or Taken, and
/// rolled back when it returns anything else or throws (a throw is answered 500 `internal_error`).
using StepHandler = std::function<StepAnswer(const StepCall&, Transaction&)>;

/// Ends what a handler has answered Taken to: Done or Refused, Retry to have it called again from the start, or Taken
/// where it is not finished after all.
using TakenWork = std::function<StepAnswer(Transaction&)>;

}  // namespace saga::workers
