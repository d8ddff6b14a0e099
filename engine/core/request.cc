// What a call sends: worked out once from the definition and the saga, then the same for every attempt.
#include <array>

#include "base/check.h"
#include "base/text.h"
#include "engine/core/rules.h"

namespace saga::core {
namespace {

using workflows::Call;
using workflows::Step;
using workflows::Template;
using workflows::Workflow;

const Call& call_definition(const Workflow& workflow, StepIndex step, Phase phase) {
  const Step& definition = workflow.steps[step];
  if (phase == Phase::kAction) return definition.action;
  SAGA_CHECK(definition.compensation.has_value(), "a compensation is only called where there is one");
  return *definition.compensation;
}

bool is_constant(const Call& call) {
  if (call.input || !call.path.is_constant()) return false;
  for (const auto& [name, value] : call.headers) {
    if (!value.is_constant()) return false;
  }
  return true;
}

bool sends_body_by_default(const Call& call) { return call.method != "GET" && call.method != "DELETE"; }

using SpanId = std::array<char, 16>;

/// One an attempt, the same whenever it is worked out: FNV-1a over what names the attempt in its trace.
SpanId span_id(std::initializer_list<std::string_view> names) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::string_view name : names) {
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  if (hash == 0) hash = 1;
  SpanId span;
  for (std::size_t i = span.size(); i-- > 0; hash >>= 4) span[i] = "0123456789abcdef"[hash & 15];
  return span;
}

Result<std::shared_ptr<PreparedRequest>> evaluate_call(const Call& call, const SagaScope& scope) {
  auto request = std::make_shared<PreparedRequest>();
  auto path = call.path.evaluate_text(scope, Template::Use::kPath);
  if (!path) return tl::unexpected(path.error());
  request->path = std::move(*path);
  for (const auto& [name, value] : call.headers) {
    auto text = value.evaluate_text(scope, Template::Use::kHeader);
    if (!text) return tl::unexpected(text.error());
    request->headers.emplace_back(name, std::move(*text));
  }
  if (call.input) {
    auto body = call.input->evaluate(scope);
    if (!body) return tl::unexpected(body.error());
    request->body = share(std::move(*body));
  }
  return request;
}

}  // namespace

SagaScope::SagaScope(const Workflow& workflow, const SagaState& state, StepIndex step, Phase phase)
    : workflow_(workflow), state_(state), step_(step), own_call_(phase == Phase::kCompensation) {
  if (own_call_) action_input_ = core::action_input(workflow, state, step);
}

SagaScope::SagaScope(const Workflow& workflow, const SagaState& state) : workflow_(workflow), state_(state) {}

const Json* SagaScope::input() const { return state_.facts->input.get(); }

workflows::StepFacts SagaScope::step(std::size_t index) const {
  const StepState& step = state_.steps[index];
  return {to_string(step.status), step.status == StepStatus::kCompleted ? step.output.get() : nullptr};
}

Json SagaScope::saga(std::string_view name) const {
  if (name == "id") return state_.facts->id;
  if (name == "workflow") return workflow_.name;
  if (name == "version") return workflow_.version;
  if (name == "started_at" && state_.started_at) return format_time(*state_.started_at);
  return nullptr;
}

const Json* SagaScope::output() const { return own_call_ ? state_.steps[step_].output.get() : nullptr; }
const Json* SagaScope::action_input() const { return own_call_ ? action_input_.get() : nullptr; }

Result<std::shared_ptr<const PreparedRequest>> prepare_request(const Workflow& workflow, const SagaState& state,
                                                               StepIndex step, Phase phase) {
  const Call& call = call_definition(workflow, step, phase);
  if (is_constant(call)) return std::shared_ptr<const PreparedRequest>();
  auto request = evaluate_call(call, SagaScope(workflow, state, step, phase));
  if (!request) return tl::unexpected(request.error());
  return std::shared_ptr<const PreparedRequest>(std::move(*request));
}

WrittenJson action_input(const Workflow& workflow, const SagaState& state, StepIndex step) {
  if (workflow.steps[step].kind == workflows::StepKind::kSaga) return child_input(workflow, state, step);
  if (workflow.steps[step].kind != workflows::StepKind::kCall) return {};
  const Call& call = workflow.steps[step].action;
  if (call.input) {
    const auto& request = state.steps[step].action.request;
    return request ? request->body : WrittenJson();
  }
  return sends_body_by_default(call) ? state.facts->input : WrittenJson();
}

CallRequest render_call(const Workflow& workflow, const SagaState& state, StepIndex step, Phase phase) {
  const Step& definition = workflow.steps[step];
  const Call& call = call_definition(workflow, step, phase);
  const StepState& step_state = state.steps[step];
  const CallState& call_state = call_of(state, step, phase);

  std::shared_ptr<const PreparedRequest> prepared = call_state.request;
  if (!prepared) {
    auto constant = evaluate_call(call, SagaScope(workflow, state, step, phase));
    SAGA_CHECK(constant.has_value(), "a call without expressions can always be rendered");
    prepared = std::move(*constant);
  }

  CallRequest request{definition.service, definition.url,    call.method, prepared->path, {},
                      std::nullopt,       definition.timeout};
  constexpr std::size_t kUsualLines = 512;  // With one that the runtime adds.
  const SagaFacts& facts = *state.facts;
  const std::string key = workers::idempotency_key(facts.id, definition.name, phase);
  const Digits attempt(call_state.attempts);
  const SpanId span = span_id({key, "#", attempt});
  auto& headers = request.headers;
  headers.reserve(kUsualLines);
  headers.add_protocol(workers::kIdempotencyKey, {key});
  headers.add_protocol(workers::kSagaId, {facts.id});
  headers.add_protocol(workers::kSagaWorkflow, {workflow.name, "/", Digits(workflow.version)});
  headers.add_protocol(workers::kSagaStep, {definition.name});
  headers.add_protocol(workers::kSagaPhase, {workers::to_string(phase)});
  headers.add_protocol(workers::kSagaAttempt, {attempt});
  headers.add_protocol(workers::kSagaTimeoutMs, {Digits(definition.timeout.count())});
  if (phase == Phase::kCompensation) {
    const bool done = step_state.status == StepStatus::kCompleted && !step_state.settled;
    headers.add_protocol(workers::kSagaOutcome, {done ? "done" : "unknown"});
  }
  headers.add_protocol(workers::kTraceparent, {"00-", facts.trace_id, "-", {span.data(), span.size()}, "-01"});
  for (const auto& [name, value] : prepared->headers) headers.add(name, value);

  if (prepared->body) {
    request.body = std::string(prepared->body.text());
  } else if (sends_body_by_default(call)) {
    if (phase == Phase::kAction) {
      request.body = std::string(facts.input.text());
    } else {
      const WrittenJson sent = action_input(workflow, state, step);
      request.body = concat({R"({"action_input":)", sent.text(), R"(,"output":)",
                             step_state.output ? dump_json(*step_state.output) : "null", "}"});
    }
  }
  return request;
}

}  // namespace saga::core
