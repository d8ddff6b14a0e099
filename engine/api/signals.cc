// POST /v1/sagas/{id}/signals/{name}.
#include <fmt/format.h>

#include <array>

#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/refusal.h"
#include "engine/api/saga_view.h"

namespace saga::api {
namespace {

Checked<core::SignalArrived> read_signal(const Exchange& exchange) {
  static constexpr std::array<std::string_view, 1> kKeys{"payload"};
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  auto parsed = exchange.request.body.empty() ? Checked<Json>(Json::object()) : parse_body(exchange.request.body);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  BodyReader body(*parsed, kKeys);
  core::SignalArrived signal;
  signal.name = exchange.path[1];
  const Json* payload = body.any("payload");
  signal.payload = share(payload == nullptr ? Json(nullptr) : *payload);
  signal.actor = exchange.caller.shown();
  signal.verified = exchange.caller.verified;
  if (auto checked = std::move(body).check(); !checked) return tl::unexpected(std::move(checked.error()));
  return signal;
}

void answer_signal(const ExchangeRef& exchange, Result<runtime::DeliveryAnswer> answer) {
  if (!answer) return exchange->refuse(problem_of(answer.error()));
  if (answer->refusal) return exchange->refuse(refusal_problem(*answer->refusal, answer->saga));
  Response response;
  response.late_body = [saga = std::move(answer->saga)] { return saga_json(*saga.workflow, *saga.state); };
  exchange->answer(std::move(response));
}

}  // namespace

void take_signal(const Context& context, const ExchangeRef& exchange) {
  auto signal = read_signal(*exchange);
  if (!signal) return exchange->refuse(signal.error());
  if (const auto writable = expect_writable(context); !writable) return exchange->refuse(writable.error());
  context.runtime.deliver(
      {exchange->path[0], std::move(*signal), ""},
      [exchange](Result<runtime::DeliveryAnswer> answer) { answer_signal(exchange, std::move(answer)); });
}

}  // namespace saga::api
