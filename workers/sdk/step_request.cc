#include "workers/sdk/step_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "workers/sdk/routes.h"

namespace saga::workers {
namespace {

constexpr std::size_t kMaxKey = 512;
constexpr std::size_t kMaxShown = 100;

struct Key {
  std::string saga;
  std::string step;
  Phase phase;
};

/// "order-42/reserve_inventory/action".
std::optional<Key> split_key(std::string_view text) {
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!clean || text.size() > kMaxKey) return std::nullopt;
  const auto last = text.rfind('/');
  const auto middle = text.find('/');
  if (last == std::string_view::npos || middle == last || text.find('/', middle + 1) != last) return std::nullopt;
  const std::string_view phase = text.substr(last + 1);
  Key key{std::string(text.substr(0, middle)), std::string(text.substr(middle + 1, last - middle - 1)), Phase::kAction};
  if (phase == "compensation") {
    key.phase = Phase::kCompensation;
  } else if (phase != "action") {
    return std::nullopt;
  }
  if (key.saga.empty() || key.step.empty()) return std::nullopt;
  return key;
}

/// A whole number from 1; `otherwise` where the header is absent.
Result<std::int64_t> read_number(const HttpRequest& request, std::string_view name, std::int64_t otherwise) {
  const std::string text = request.header(name);
  if (text.empty()) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > 1'000'000'000'000) {
    return fail(ErrorCode::kInvalid, fmt::format("expected a whole number from 1 in the header {}, but it is '{}'",
                                                 name, text.substr(0, kMaxShown)));
  }
  return number;
}

/// `expected` where the header is absent.
Result<std::string> read_word(const HttpRequest& request, std::string_view name, std::string_view expected) {
  const std::string text = request.header(name);
  if (text.empty() || text == expected) return std::string(expected);
  return fail(ErrorCode::kInvalid,
              fmt::format("expected '{}' in the header {}, as the idempotency key says, but it is '{}'", expected, name,
                          text.substr(0, kMaxShown)));
}

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 425:
      return "Too Early";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return status >= 500 ? "Server Error" : "Refused";
  }
}

HttpAnswer problem_with(int status, std::string_view code, std::string_view detail, std::optional<bool> retryable) {
  Json body{
      {"type", "about:blank"}, {"title", title_of(status)}, {"status", status}, {"code", code}, {"detail", detail}};
  if (retryable) body["retryable"] = *retryable;
  return {status, "application/problem+json", dump_json(body), {}};
}

struct ToHttp {
  HttpAnswer operator()(const Done& done) const {
    if (done.output.is_null()) return {204, "", "", {}};
    return {200, "application/json", dump_json(done.output), {}};
  }
  HttpAnswer operator()(const Taken&) const { return {202, "", "", {{std::string(kSagaAsync), "true"}}}; }
  HttpAnswer operator()(const Refused& refused) const {
    // Said in the body as well, since a compensation's failure would otherwise be retried whatever its status.
    return problem_with(refused.status, refused.code, refused.message, false);
  }
  HttpAnswer operator()(const Retry& retry) const {
    HttpAnswer answer = problem_with(retry.status, retry.code, retry.message, true);
    if (retry.retry_after) answer.headers.emplace_back("Retry-After", fmt::format("{}", retry.retry_after->count()));
    return answer;
  }
};

}  // namespace

Result<Json> read_body(const HttpRequest& request) {
  if (request.body.empty()) return Json(nullptr);
  auto body = read_json(request.body);
  if (!body) return fail(ErrorCode::kInvalid, "expected a JSON body: " + body.error().message);
  return body;
}

Result<StepCall> read_step_call(const HttpRequest& request, Millis default_timeout) {
  const auto received = std::chrono::steady_clock::now();
  const std::string idempotency_key = request.header(kIdempotencyKey);
  const auto key = split_key(idempotency_key);
  if (!key) {
    const std::string came =
        idempotency_key.empty() ? "there is none" : fmt::format("it is '{}'", idempotency_key.substr(0, kMaxShown));
    return fail(ErrorCode::kInvalid,
                fmt::format("expected a header {} such as 'SAGA_ID/STEP/action' or 'SAGA_ID/STEP/compensation', "
                            "but {}",
                            kIdempotencyKey, came));
  }
  StepCall call;
  call.saga_id = key->saga;
  call.step = key->step;
  call.phase = key->phase;
  call.idempotency_key = idempotency_key;
  call.key = key->saga + "/" + key->step;
  if (auto same = read_word(request, kSagaId, call.saga_id); !same) return tl::unexpected(same.error());
  if (auto same = read_word(request, kSagaStep, call.step); !same) return tl::unexpected(same.error());
  const std::string_view phase = call.phase == Phase::kAction ? "action" : "compensation";
  if (auto same = read_word(request, kSagaPhase, phase); !same) return tl::unexpected(same.error());
  const auto attempt = read_number(request, kSagaAttempt, 1);
  if (!attempt) return tl::unexpected(attempt.error());
  const auto timeout = read_number(request, kSagaTimeoutMs, default_timeout.count());
  if (!timeout) return tl::unexpected(timeout.error());
  auto input = read_body(request);
  if (!input) return tl::unexpected(input.error());

  call.attempt = static_cast<int>(std::min<std::int64_t>(*attempt, INT32_MAX));
  call.timeout = std::min(Millis{*timeout}, Millis{std::chrono::hours(24)});
  call.deadline = received + call.timeout;
  call.outcome = request.header(kSagaOutcome) == "done" ? ActionOutcome::kDone : ActionOutcome::kUnknown;
  call.workflow = request.header(kSagaWorkflow);
  call.traceparent = request.header(kTraceparent);
  call.callback_url = request.header(kSagaCallbackUrl);
  call.query = request.query;
  call.input = std::move(*input);
  return call;
}

HttpAnswer to_http(const StepAnswer& answer) { return std::visit(ToHttp{}, answer); }

HttpAnswer problem(int status, std::string_view code, std::string_view detail) {
  return problem_with(status, code, detail, std::nullopt);
}

}  // namespace saga::workers
