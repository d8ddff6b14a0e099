// POST /v1/callbacks/{saga}/{step}/{phase}/{attempt}/{token} and …/heartbeat: a worker finishes, or is still at, a call
// that it answered 202. The token in the URL stands in for every other right; it is quoted in no answer.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/refusal.h"

namespace saga::api {
namespace {

constexpr std::string_view kNoCode = "failed";  ///< Of a failure that does not say why.

tl::unexpected<Problem> unknown_callback() {
  return refuse(ProblemKind::kNotFound, "this is no callback URL that a call was given");
}

/// A wrong token is answered as an unknown saga is: nobody learns by trying what there is.
Checked<runtime::CallbackTarget> read_target(const Context& context, const Exchange& exchange) {
  const auto& path = exchange.path;
  runtime::CallbackTarget target{path[0], path[1], workers::Phase::kAction, 0};
  if (path[2] == workers::to_string(workers::Phase::kCompensation)) {
    target.phase = workers::Phase::kCompensation;
  } else if (path[2] != workers::to_string(workers::Phase::kAction)) {
    return unknown_callback();
  }
  const char* const end = path[3].data() + path[3].size();
  const auto [parsed, error] = std::from_chars(path[3].data(), end, target.attempt);
  if (error != std::errc{} || parsed != end || !context.runtime.callback_tokens().is_genuine(target, path[4])) {
    return unknown_callback();
  }
  return target;
}

/// `error`: further members are passed over, so that an RFC 9457 body can be handed on as it is.
void read_error(BodyReader& body, core::CallbackArrived& callback) {
  callback.code = kNoCode;
  const Json* error = body.any("error");
  if (error == nullptr || error->is_null()) return;
  if (!error->is_object()) return body.complain("error", "expected an object with code, message and retryable");
  const auto text = [&](const char* key, std::string& into) {
    const auto at = error->find(key);
    if (at == error->end() || at->is_null()) return;
    if (!at->is_string()) return body.complain("error", fmt::format("expected a string as '{}'", key));
    into = at->get<std::string>();
  };
  text("detail", callback.message);
  text("message", callback.message);
  text("code", callback.code);
  if (callback.code.empty()) callback.code = kNoCode;
  const auto retryable = error->find("retryable");
  if (retryable == error->end() || retryable->is_null()) return;
  if (!retryable->is_boolean()) return body.complain("error", "expected true or false as 'retryable'");
  callback.retryable = retryable->get<bool>();
}

Checked<core::CallbackArrived> read_callback(const Exchange& exchange) {
  static constexpr std::array<std::string_view, 3> kKeys{"status", "output", "error"};
  auto parsed = parse_body(exchange.request.body);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  BodyReader body(*parsed, kKeys);
  core::CallbackArrived callback;
  const auto status = body.text("status");
  body.require("status", status.has_value());
  callback.succeeded = status == "succeeded";
  if (status && !callback.succeeded && status != "failed") {
    body.complain("status", fmt::format("expected 'succeeded' or 'failed', but it is '{}'", *status));
  }
  const Json* output = body.any("output");
  if (callback.succeeded) {
    callback.output = share(output == nullptr ? Json(nullptr) : *output);
    if (body.any("error") != nullptr) body.complain("error", "a callback that succeeded has no error");
  } else {
    if (output != nullptr) body.complain("output", "a callback that failed has no output");
    read_error(body, callback);
  }
  if (auto checked = std::move(body).check(); !checked) return tl::unexpected(std::move(checked.error()));
  return callback;
}

void answer_callback(const ExchangeRef& exchange, Result<runtime::DeliveryAnswer> answer) {
  if (!answer) {
    // The token says that there was such a call: the saga has been purged since, or the store is an older backup.
    if (answer.error().code == ErrorCode::kNotFound) {
      return exchange->refuse({ProblemKind::kGone, answer.error().message, {}, std::nullopt, std::nullopt, {}});
    }
    return exchange->refuse(problem_of(answer.error()));
  }
  if (answer->refusal) {
    Problem problem = refusal_problem(*answer->refusal, answer->saga);
    problem.allowed.reset();  // That is for operators.
    return exchange->refuse(problem);
  }
  Response response;
  response.status = 204;
  exchange->answer(std::move(response));
}

void deliver(const Context& context, const ExchangeRef& exchange, const runtime::CallbackTarget& target,
             core::Input input) {
  if (const auto writable = expect_writable(context); !writable) return exchange->refuse(writable.error());
  context.runtime.deliver(
      {target.saga, std::move(input), target.step},
      [exchange](Result<runtime::DeliveryAnswer> answer) { answer_callback(exchange, std::move(answer)); });
}

}  // namespace

void take_callback(const Context& context, const ExchangeRef& exchange) {
  const auto target = read_target(context, *exchange);
  if (!target) return exchange->refuse(target.error());
  auto callback = read_callback(*exchange);
  if (!callback) return exchange->refuse(callback.error());
  callback->phase = target->phase;
  callback->attempt = target->attempt;
  deliver(context, exchange, *target, std::move(*callback));
}

void take_heartbeat(const Context& context, const ExchangeRef& exchange) {
  const auto target = read_target(context, *exchange);
  if (!target) return exchange->refuse(target.error());
  deliver(context, exchange, *target, core::HeartbeatArrived{0, target->phase, target->attempt});
}

}  // namespace saga::api
