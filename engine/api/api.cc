#include "engine/api/api.h"

#include <fmt/format.h>

#include <chrono>

#include "engine/api/router.h"

namespace saga::api {
namespace {

/// A body over this is read on the pool: parsing it would hold the I/O thread up.
constexpr std::size_t kSmallBody = 32 << 10;

/// The label of requests that no route takes.
constexpr std::string_view kNoRoute = "other";

/// The answer may come from the store's last commit, when the API is gone already; the metrics are not.
Answer counted(const Context& context, std::string_view route, std::string method, Answer answer) {
  return [&metrics = context.metrics, route, method = std::move(method), answer = std::move(answer),
          begun = std::chrono::steady_clock::now()](Response response) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    metrics.http_answered(route, method, response.status, took);
    answer(std::move(response));
  };
}

Response options_response(const std::string& allowed) {
  Response response;
  response.status = 204;
  response.headers.emplace_back("Allow", allowed);
  return response;
}

void run(const Context& context, const Route& route, const ExchangeRef& exchange) {
  if (const auto* later = std::get_if<LaterHandler>(&route.handler)) return (*later)(context, exchange);
  auto response = std::get<BlockingHandler>(route.handler)(context, *exchange);
  response ? exchange->answer(std::move(*response)) : exchange->refuse(response.error());
}

/// What the audit calls the request; empty where it does not tell of it.
std::string_view audited_verb(const Match& match) {
  if (match.route->audited_as != "{verb}") return match.route->audited_as;
  const auto verb = core::verb_from(match.path[1]);
  return verb ? core::to_string(*verb) : std::string_view();
}

}  // namespace

void Api::turn_away(const Match& match, const Admission& admission, Answer answer) {
  Response response = to_response(*admission.refusal);
  const std::string_view verb = audited_verb(match);
  if (verb.empty()) return answer(std::move(response));
  if (match.route->audited_as == "{verb}") context_.metrics.operator_called(verb, "refused");
  const Timestamp now = context_.clock.now();
  if (!strangers_.take(now)) return answer(std::move(response));
  store::AuditEntry entry = audit_of(admission.caller, verb, now);
  if (match.route->audited_as == "{verb}") entry.saga = match.path[0];
  entry.result = "refused";
  entry.detail = admission.refusal->detail;
  audit_then_answer(context_, std::move(entry), std::move(response), std::move(answer));
}

void Api::handle(Request request, Answer answer) {
  if (request.method == "OPTIONS") {
    const std::string allowed = request.path == "*" ? "GET, HEAD, POST, OPTIONS" : allowed_methods(request.path);
    if (!allowed.empty())
      return counted(context_, kNoRoute, request.method, std::move(answer))(options_response(allowed));
  }
  auto match = find_route(request.method, request.path);
  const std::string_view label = match ? match->route->pattern : kNoRoute;
  answer = counted(context_, label, request.method, std::move(answer));
  if (!match) return answer(to_response(match.error()));
  const Route& route = *match->route;
  Admission admission = gate_.admit(route.needs, request);
  if (admission.refusal) return turn_away(*match, admission, std::move(answer));
  const bool here = route.runs == Runs::kHere && request.body.size() <= kSmallBody;
  const ExchangeRef exchange = std::make_shared<const Exchange>(
      Exchange{std::move(request), std::move(match->path), std::move(admission.caller), std::move(answer)});
  if (here) return run(context_, route, exchange);
  context_.pool.post([this, &route, exchange] { run(context_, route, exchange); });
}

std::size_t Api::max_body(std::string_view method, std::string_view path) const { return api::max_body(method, path); }

}  // namespace saga::api
