// What the handlers work on, and what one of them is given.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/api/gate.h"
#include "engine/api/http.h"
#include "engine/api/pool.h"
#include "engine/api/problem.h"
#include "engine/runtime/reader.h"
#include "engine/runtime/registry.h"
#include "engine/runtime/runtime.h"
#include "engine/telemetry/log.h"
#include "engine/telemetry/metrics.h"
#include "store/store.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::api {

/// References only; all of it outlives the API.
struct Context {
  runtime::Runtime& runtime;
  const runtime::Reader& reader;
  runtime::Registry& registry;
  store::Store& store;
  workers::Dispatcher& dispatcher;
  const Clock& clock;
  telemetry::Metrics& metrics;
  telemetry::Log& log;
  const std::atomic<bool>& draining;
  Pool& pool;
};

/// One request on its way to its answer.
struct Exchange {
  Request request;
  std::vector<std::string> path;  ///< What stands in the pattern's `{…}`, decoded.
  Caller caller;
  Answer answer;

  void refuse(const Problem& problem) const { answer(to_response(problem)); }
};
using ExchangeRef = std::shared_ptr<const Exchange>;

// ---- handlers -------------------------------------------------------------------------------------------------------
//
// Those that return a response may block and run on the pool; the others answer later.

void start_saga(const Context& context, const ExchangeRef& exchange);
void start_batch(const Context& context, const ExchangeRef& exchange);
void operator_call(const Context& context, const ExchangeRef& exchange);
void register_workflows(const Context& context, const ExchangeRef& exchange);
void take_signal(const Context& context, const ExchangeRef& exchange);
void take_callback(const Context& context, const ExchangeRef& exchange);
void take_heartbeat(const Context& context, const ExchangeRef& exchange);
void get_saga(const Context& context, const ExchangeRef& exchange);
void purge_sagas(const Context& context, const ExchangeRef& exchange);

[[nodiscard]] Checked<Response> list_sagas(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_events(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> list_audit(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> list_workflows(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_workflow(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> list_services(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_stats(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_description(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_live(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_ready(const Context& context, const Exchange& exchange);
[[nodiscard]] Checked<Response> get_metrics(const Context& context, const Exchange& exchange);

/// 503 while the store cannot write: what it would have to make durable is not begun.
[[nodiscard]] Checked<void> expect_writable(const Context& context);

/// 422 for any query parameter.
[[nodiscard]] Checked<void> expect_no_query(const Request& request);

}  // namespace saga::api
