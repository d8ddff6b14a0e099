#include "workers/protocol/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "workers/protocol/retry_after.h"
#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

constexpr std::size_t kMaxMessage = 1'000;
constexpr std::size_t kMaxCode = 200;  ///< A code is a name; a worker that puts a text there fills no index with it.
constexpr std::size_t kMaxQuotedBody = 200;

/// What a row of the table says, before the body or the step's options change `retried`.
struct Row {
  Outcome outcome = Outcome::kUnknown;
  bool retried = false;
};

/// The rows for an answer that does not mean done.
Row row_of(int status, const AnswerContext& context) {
  if (status == 409 && context.earlier_attempt_unknown) return {Outcome::kUnknown, true};  // Still at work.
  if (status == 408 || status == 425 || (status >= 500 && status <= 599)) return {Outcome::kUnknown, true};
  if (status == 429) return {Outcome::kNotDone, true};
  if (status >= 400 && status <= 499) return {Outcome::kNotDone, false};
  return {Outcome::kUnknown, false};  // 3xx, or a number that HTTP does not know.
}

enum class Declared { kNothing, kJson, kOther };

Declared declared_type(std::string_view content_type) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (type.empty()) return Declared::kNothing;
  constexpr std::string_view kApplication = "application/";
  if (!equal_ignoring_case(type.substr(0, kApplication.size()), kApplication)) return Declared::kOther;
  const std::string_view subtype = type.substr(kApplication.size());
  constexpr std::string_view kSuffix = "+json";
  const bool suffixed =
      subtype.size() > kSuffix.size() && equal_ignoring_case(subtype.substr(subtype.size() - kSuffix.size()), kSuffix);
  return suffixed || equal_ignoring_case(subtype, "json") ? Declared::kJson : Declared::kOther;
}

bool begins_with(std::string_view body, std::string_view any_of) {
  body = trim(body);
  return !body.empty() && any_of.find(body.front()) != std::string_view::npos;
}

/// The output of an answer that means done, or why there is none.
tl::expected<Json, std::string> read_output(const Answered& answer) {
  if (answer.body_over_limit) return tl::unexpected<std::string>("the body is larger than 1 MiB");
  if (answer.body.empty()) return Json(nullptr);
  const Declared declared = declared_type(answer.content_type);
  // A body without a type that is an object or an array is taken as what it plainly is.
  if (declared == Declared::kJson || (declared == Declared::kNothing && begins_with(answer.body, "{["))) {
    auto parsed = read_json(answer.body);
    if (parsed) return std::move(*parsed);
    if (declared == Declared::kJson) {
      return tl::unexpected<std::string>("the body is declared JSON, but at " + parsed.error().message);
    }
  }
  if (!is_utf8(answer.body)) return tl::unexpected<std::string>("the body is neither JSON nor UTF-8 text");
  return Json(answer.body);
}

/// What the body of a failure says of itself.
struct FailureBody {
  std::string code;
  std::string message;
  std::optional<bool> retryable;
};

FailureBody read_failure(const Answered& answer) {
  FailureBody said;
  const Declared declared = declared_type(answer.content_type);
  if (declared == Declared::kJson || begins_with(answer.body, "{")) {
    const auto parsed = parse_json(answer.body);
    if (!parsed || !parsed->is_object()) return said;
    if (const auto code = parsed->find("code"); code != parsed->end()) {
      if (code->is_string()) said.code = bounded_utf8(code->get_ref<const std::string&>(), kMaxCode);
      if (code->is_number()) said.code = dump_json(*code);
    }
    for (const char* name : {"detail", "title", "message"}) {
      const auto text = parsed->find(name);
      if (text == parsed->end() || !text->is_string() || text->get_ref<const std::string&>().empty()) continue;
      said.message = text->get_ref<const std::string&>();
      break;
    }
    if (const auto flag = parsed->find("retryable"); flag != parsed->end() && flag->is_boolean()) {
      said.retryable = flag->get<bool>();
    }
  } else if (const auto text = trim(answer.body); !text.empty() && text.front() != '<') {
    // Plain text says why; a page made for a browser does not.
    said.message = bounded_utf8(text, kMaxQuotedBody);
  }
  return said;
}

/// Completes a failed verdict: `non_retryable` beats what the body says, which beats the table.
Verdict failure(const AnswerContext& context, Row row, Verdict verdict, std::optional<bool> body_says = std::nullopt) {
  verdict.outcome = row.outcome;
  verdict.message = bounded_utf8(verdict.message, kMaxMessage);
  // A compensation is never refused.
  verdict.retryable = body_says.value_or(row.retried || context.phase == Phase::kCompensation);
  const std::string status = verdict.http_status == 0 ? std::string() : std::to_string(verdict.http_status);
  const bool ruled_out = std::ranges::any_of(context.non_retryable, [&](const std::string& listed) {
    return listed == verdict.code || (!status.empty() && listed == status);
  });
  if (ruled_out) verdict.retryable = false;
  return verdict;
}

Verdict done(int status, Json output) {
  Verdict verdict;
  verdict.outcome = Outcome::kDone;
  verdict.http_status = status;
  verdict.output = share(std::move(output));
  return verdict;
}

Verdict interpret_answer(const Answered& answer, const AnswerContext& context, Timestamp now) {
  const bool success = answer.status >= 200 && answer.status <= 299;
  if (answer.status == 202 && answer.async) {
    Verdict taken;
    taken.outcome = Outcome::kPending;
    taken.http_status = answer.status;
    return taken;
  }
  Verdict failed;
  failed.http_status = answer.status;
  std::optional<bool> body_says;
  Row row = row_of(answer.status, context);
  if (success || std::ranges::find(context.accept, answer.status) != context.accept.end()) {
    auto output = read_output(answer);
    if (output) return done(answer.status, std::move(*output));
    // An accepted failure status is done by its number; its page need not make sense.
    if (!success)
      return done(answer.status, is_utf8(answer.body) && !answer.body.empty() ? Json(answer.body) : Json(nullptr));
    failed.code = codes::kBadAnswer;
    failed.message = fmt::format("answered {}, but {}", answer.status, output.error());
    row = {Outcome::kUnknown, false};
  } else {
    FailureBody said = read_failure(answer);
    failed.code = said.code.empty() ? std::to_string(answer.status) : std::move(said.code);
    failed.message = said.message.empty() ? fmt::format("answered {}", answer.status) : std::move(said.message);
    body_says = said.retryable;
  }
  Verdict verdict = failure(context, row, std::move(failed), body_says);
  if (verdict.retryable && answer.retry_after) verdict.retry_after = parse_retry_after(*answer.retry_after, now);
  return verdict;
}

Verdict interpret_not_sent(const NotSent& fact, const AnswerContext& context) {
  Verdict verdict;
  verdict.message = fact.message;
  if (fact.reason == NotSent::Reason::kNoInstance) {
    // Not an attempt, so nothing that an attempt's options could rule out.
    verdict.outcome = Outcome::kNotCalled;
    verdict.retryable = true;
    verdict.code = codes::kNoInstance;
    verdict.message = bounded_utf8(verdict.message, kMaxMessage);
    return verdict;
  }
  verdict.code = codes::kUnreachable;
  return failure(context, {Outcome::kNotDone, true}, std::move(verdict));
}

Verdict interpret_unknown(const OutcomeUnknown& fact, const AnswerContext& context) {
  Verdict verdict;
  verdict.message = fact.message;
  switch (fact.reason) {
    case OutcomeUnknown::Reason::kTimeout:
      verdict.code = codes::kTimeout;
      break;
    case OutcomeUnknown::Reason::kConnectionLost:
      verdict.code = codes::kConnectionLost;
      break;
    case OutcomeUnknown::Reason::kBadAnswer:
      verdict.code = codes::kBadAnswer;
      break;
  }
  return failure(context, {Outcome::kUnknown, fact.reason != OutcomeUnknown::Reason::kBadAnswer}, std::move(verdict));
}

}  // namespace

std::string_view to_string(Phase phase) { return phase == Phase::kAction ? "action" : "compensation"; }

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kNotDone:
      return "not_done";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kPending:
      return "pending";
    case Outcome::kNotCalled:
      return "not_called";
  }
  return "unknown";
}

std::string idempotency_key(std::string_view saga_id, std::string_view step, Phase phase) {
  return concat({saga_id, "/", step, "/", to_string(phase)});
}

bool Verdict::operator==(const Verdict& o) const {
  return outcome == o.outcome && retryable == o.retryable && http_status == o.http_status && code == o.code &&
         message == o.message && retry_after == o.retry_after && same_json(output, o.output);
}

Verdict interpret(const CallOutcome& outcome, const AnswerContext& context, Timestamp now) {
  if (const auto* answer = std::get_if<Answered>(&outcome)) return interpret_answer(*answer, context, now);
  if (const auto* not_sent = std::get_if<NotSent>(&outcome)) return interpret_not_sent(*not_sent, context);
  return interpret_unknown(std::get<OutcomeUnknown>(outcome), context);
}

}  // namespace saga::workers
