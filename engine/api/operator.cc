// POST /v1/sagas/{id}/{cancel|suspend|resume|retry|skip|terminate}.
#include <fmt/format.h>

#include <array>

#include "engine/api/audit.h"
#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/names.h"
#include "engine/api/refusal.h"
#include "engine/api/saga_view.h"
#include "engine/api/target.h"
#include "engine/runtime/audit.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxReason = 1000;

bool needs_reason(core::Verb verb) {
  return verb == core::Verb::kCancel || verb == core::Verb::kSkip || verb == core::Verb::kTerminate;
}

/// Into `command` as far as it can be read, for the audit.
Checked<void> read_command(core::Verb verb, const Exchange& exchange, core::OperatorCommand& command) {
  static constexpr std::array<std::string_view, 3> kKeys{"reason", "step", "output"};
  command.verb = verb;
  command.actor = {exchange.caller.shown(), exchange.caller.verified, ""};
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  auto parsed = exchange.request.body.empty() ? Checked<Json>(Json::object()) : parse_body(exchange.request.body);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  BodyReader body(*parsed, kKeys);
  std::string reason = body.text("reason").value_or("");
  if (needs_reason(verb)) body.require("reason", false);
  if (parsed->is_object() && parsed->contains("reason") && needs_reason(verb) && reason.empty() &&
      (*parsed)["reason"].is_string()) {
    body.complain("reason",
                  fmt::format("expected why the saga is to be changed by {}, but it is empty", core::to_string(verb)));
  }
  if (count_characters(reason) > kMaxReason || !is_plain_text(reason)) {
    body.complain("reason", fmt::format("expected at most {} characters without control characters", kMaxReason));
  } else {
    command.actor.reason = std::move(reason);
  }
  command.step = body.text("step").value_or("");
  const bool takes_step = verb == core::Verb::kRetry || verb == core::Verb::kSkip;
  if (!takes_step && !command.step.empty())
    body.complain("step", fmt::format("{} takes no step", core::to_string(verb)));
  if (verb == core::Verb::kSkip) body.require("step", false);
  if (const Json* output = body.any("output"); output != nullptr) {
    if (verb != core::Verb::kSkip) body.complain("output", fmt::format("{} takes no output", core::to_string(verb)));
    command.output = share(*output);
  }
  return std::move(body).check();
}

/// A corrupt saga that was ended: all that is left to show of it is its row.
Response terminated_response(const Context& context, const std::string& id) {
  const auto row = context.store.find(id);
  if (!row) return to_response(problem_of(row.error()));
  Response response;
  JsonWriter json;
  write_corrupt_saga(json, *row, "its record does not replay", Detail::kFull);
  response.body = json.take();
  return response;
}

using CommandRef = std::shared_ptr<const core::OperatorCommand>;

/// Refused, and written down as that.
void refuse_call(const Context& context, const ExchangeRef& exchange, const core::OperatorCommand& command,
                 const Problem& problem) {
  context.metrics.operator_called(core::to_string(command.verb), "refused");
  audit_then_answer(
      context,
      runtime::audit_entry(exchange->path[0], command, context.clock.now(), runtime::kAuditRefused, problem.detail),
      to_response(problem), exchange->answer);
}

/// True for what the saga says; false for what only the moment does.
bool is_refusal(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kCorruption;
}

void answer_command(const Context& context, const ExchangeRef& exchange, const CommandRef& command,
                    Result<runtime::DeliveryAnswer> answer) {
  const std::string_view name = core::to_string(command->verb);
  if (!answer) {
    Problem problem = problem_of(answer.error());
    if (answer.error().code == ErrorCode::kCorruption) problem.allowed = {core::Verb::kTerminate};
    if (is_refusal(answer.error())) return refuse_call(context, exchange, *command, problem);
    context.metrics.operator_called(name, "failed");
    return exchange->refuse(problem);
  }
  if (answer->refusal) return refuse_call(context, exchange, *command, refusal_problem(*answer->refusal, answer->saga));
  context.metrics.operator_called(name, "done");
  context.log.info("operator_call",
                   {{"saga_id", exchange->path[0]}, {"verb", name}, {"actor", exchange->caller.shown()}});
  if (!answer->saga.state) {
    // Reading blocks, and this is the engine thread.
    return context.pool.post(
        [&context, exchange] { exchange->answer(terminated_response(context, exchange->path[0])); });
  }
  Response response;
  response.headers.emplace_back("Saga-Changed", answer->changed ? "true" : "false");
  response.late_body = [saga = std::move(answer->saga)] { return saga_json(*saga.workflow, *saga.state); };
  if (answer->changed) return exchange->answer(std::move(response));
  audit_then_answer(context,
                    runtime::audit_entry(exchange->path[0], *command, context.clock.now(), runtime::kAuditNothing),
                    std::move(response), exchange->answer);
}

}  // namespace

void operator_call(const Context& context, const ExchangeRef& exchange) {
  const auto verb = core::verb_from(exchange->path[1]);
  if (!verb) {
    return exchange->refuse(
        {ProblemKind::kNotFound,
         fmt::format("no operator call is named {}{}", quote(exchange->path[1]),
                     suggestion(exchange->path[1], {"cancel", "suspend", "resume", "retry", "skip", "terminate"})),
         {},
         std::nullopt,
         std::nullopt,
         {}});
  }
  core::OperatorCommand read;
  const auto fits = read_command(*verb, *exchange, read);
  const auto command = std::make_shared<const core::OperatorCommand>(std::move(read));
  if (!fits) return refuse_call(context, exchange, *command, fits.error());
  if (const auto writable = expect_writable(context); !writable) return exchange->refuse(writable.error());
  context.runtime.deliver({exchange->path[0], *command, ""},
                          [&context, exchange, command](Result<runtime::DeliveryAnswer> answer) {
                            answer_command(context, exchange, command, std::move(answer));
                          });
}

}  // namespace saga::api
