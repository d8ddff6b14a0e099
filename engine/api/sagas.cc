// POST /v1/sagas and GET /v1/sagas/{id}.
#include <array>

#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/saga_view.h"
#include "engine/api/starts.h"
#include "engine/api/target.h"
#include "engine/api/wait.h"

namespace saga::api {
namespace {

constexpr std::array<std::string_view, 1> kWaitOnly{"wait"};

/// The rendering is left to who sends it: it costs more than the engine thread should pay.
Response saga_response(int status, runtime::Snapshot saga) {
  Response response;
  response.status = status;
  if (status == 201) response.headers.emplace_back("Location", "/v1/sagas/" + saga.state->facts->id);
  response.late_body = [saga = std::move(saga)] { return saga_json(*saga.workflow, *saga.state); };
  return response;
}

Response corrupt_response(const store::SagaRow& row, const std::string& problem) {
  Response response;
  JsonWriter json;
  write_corrupt_saga(json, row, problem, Detail::kFull);
  response.body = json.take();
  return response;
}

bool at_rest(const core::SagaState& state) {
  return core::has_ended(state.status) || state.status == core::SagaStatus::kSuspended;
}

// ---- starting -------------------------------------------------------------------------------------------------------

/// Reads and checks all that the client sent; nothing of a refused start reaches the runtime.
Checked<runtime::StartRequest> read_start(const Context& context, const Exchange& exchange) {
  auto body = parse_body(exchange.request.body);
  if (!body) return tl::unexpected(std::move(body.error()));
  return read_start(context, start_origin(context, exchange), *body, "");
}

void start_and_answer(const Context& context, const ExchangeRef& exchange, runtime::StartRequest start) {
  context.runtime.start(std::move(start), [exchange](Result<runtime::Started> started) {
    if (!started) return exchange->refuse(problem_of(started.error()));
    exchange->answer(saga_response(started->created ? 201 : 200, std::move(started->saga)));
  });
}

/// A start whose client waits. Its members are touched on the engine thread only, until the wait's limit is set.
struct StartWait {
  bool answered = false;  ///< The start itself has been answered by the runtime.
  int status = 201;  ///< Tells whether it was started now; the body tells how the saga stands when the wait is over.
  runtime::Snapshot at_start;
  std::shared_ptr<const runtime::Snapshot> early;  ///< At rest before the start was answered.
};

void start_and_wait(const Context& context, const ExchangeRef& exchange, runtime::StartRequest start, Millis patience) {
  const std::string id = start.id;
  auto facts = std::make_shared<StartWait>();
  auto wait =
      Wait::begin(context.runtime, context.pool, id,
                  [exchange, facts, id, &context](const std::shared_ptr<const runtime::Snapshot>& at_rest) {
                    if (!facts->answered) {
                      facts->early = at_rest;
                      return;
                    }
                    if (at_rest) return exchange->answer(saga_response(facts->status, *at_rest));
                    auto now = context.reader.read(id);
                    exchange->answer(saga_response(facts->status, now ? std::move(*now) : std::move(facts->at_start)));
                  });
  context.runtime.start(std::move(start), [exchange, facts, wait, patience](Result<runtime::Started> started) {
    facts->answered = true;
    if (!started) {
      wait->abandon();
      return exchange->refuse(problem_of(started.error()));
    }
    facts->status = started->created ? 201 : 200;
    if (facts->early) return exchange->answer(saga_response(facts->status, *facts->early));
    facts->at_start = started->saga;
    if (!at_rest(*started->saga.state)) return wait->limit(patience);
    if (wait->abandon()) exchange->answer(saga_response(facts->status, std::move(started->saga)));
  });
}

// ---- reading --------------------------------------------------------------------------------------------------------

/// The saga as the store has it; a corrupt one from its row.
Response read_saga(const Context& context, const std::string& id) {
  auto saga = context.reader.read(id);
  if (saga) return saga_response(200, std::move(*saga));
  if (saga.error().code != ErrorCode::kCorruption) return to_response(problem_of(saga.error()));
  const auto row = context.store.find(id);
  if (!row) return to_response(problem_of(row.error()));
  return corrupt_response(*row, saga.error().message);
}

void read_or_wait(const Context& context, const ExchangeRef& exchange, Millis patience) {
  const std::string id = exchange->path[0];
  if (patience == Millis{0}) return exchange->answer(read_saga(context, id));
  auto wait = Wait::begin(context.runtime, context.pool, id,
                          [exchange, id, &context](const std::shared_ptr<const runtime::Snapshot>& at_rest) {
                            exchange->answer(at_rest ? saga_response(200, *at_rest) : read_saga(context, id));
                          });
  auto saga = context.reader.read(id);
  if (saga && !at_rest(*saga->state)) return wait->limit(patience);
  if (!wait->abandon()) return;
  exchange->answer(saga ? saga_response(200, std::move(*saga)) : read_saga(context, id));
}

}  // namespace

void start_saga(const Context& context, const ExchangeRef& exchange) {
  const auto query = Query::parse(exchange->request.query, kWaitOnly);
  if (!query) return exchange->refuse(query.error());
  const auto patience = read_wait(*query);
  if (!patience) return exchange->refuse(patience.error());
  auto start = read_start(context, *exchange);
  if (!start) return exchange->refuse(start.error());
  if (const auto writable = expect_writable(context); !writable) return exchange->refuse(writable.error());
  if (*patience == Millis{0}) return start_and_answer(context, exchange, std::move(*start));
  start_and_wait(context, exchange, std::move(*start), *patience);
}

void get_saga(const Context& context, const ExchangeRef& exchange) {
  const auto query = Query::parse(exchange->request.query, kWaitOnly);
  if (!query) return exchange->refuse(query.error());
  const auto patience = read_wait(*query);
  if (!patience) return exchange->refuse(patience.error());
  read_or_wait(context, exchange, *patience);
}

}  // namespace saga::api
