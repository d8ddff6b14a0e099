#include "engine/api/saga_view.h"

#include "engine/core/decide.h"

namespace saga::api {
namespace {

using core::CallState;
using core::CompensationStatus;
using core::Failure;
using core::StepState;
using core::StepStatus;

void write_failure(JsonWriter& json, const Failure& failure) {
  json.begin_object();
  json.key("step").text_or_null(failure.step);
  json.key("phase");
  failure.phase ? json.text(workers::to_string(*failure.phase)) : json.null();
  json.key("code").text(failure.code);
  json.key("message").text(failure.message);
  json.key("http_status").integer_or_null(failure.http_status);
  json.key("attempt").integer_or_null(failure.attempt);
  json.key("outcome").text(workers::to_string(failure.outcome));
  json.end_object();
}

void write_failure(JsonWriter& json, const Sparse<Failure>& failure) {
  failure ? write_failure(json, *failure) : static_cast<void>(json.null());
}

void write_settlement(JsonWriter& json, const Sparse<core::Settlement>& settled) {
  if (!settled) {
    json.null();
    return;
  }
  json.begin_object().key("actor");
  write_actor(json, settled->actor.name, settled->actor.verified);
  json.key("reason").text(settled->actor.reason).key("at").time(settled->at).end_object();
}

/// Why an action is not done: for good, or so far.
const Sparse<Failure>& error_of(const StepState& step) {
  static const Sparse<Failure> kNone;
  if (step.status == StepStatus::kCompleted) return kNone;
  return step.failure ? step.failure : step.action.last_failure;
}

const Sparse<Failure>& undo_error_of(const StepState& step) {
  static const Sparse<Failure> kNone;
  return step.undo == CompensationStatus::kCompleted ? kNone : step.compensation.last_failure;
}

/// One parallel group that a step is in, and in which of its branches, counted from 1.
struct Place {
  std::string_view group;
  std::int64_t branch = 1;
};
using Places = std::vector<Place>;  ///< From the outermost on.

void find_places(const workflows::Sequence& sequence, const Places& within, std::vector<Places>& by_step) {
  for (const workflows::PlanNode& node : sequence) {
    if (node.step) by_step[*node.step] = within;
    for (std::size_t branch = 0; branch < node.branches.size(); ++branch) {
      Places inner = within;
      inner.push_back({node.name, static_cast<std::int64_t>(branch) + 1});
      find_places(node.branches[branch], inner, by_step);
    }
  }
}

void write_places(JsonWriter& json, const Places& places) {
  if (places.empty()) return;
  json.key("groups").begin_array();
  for (const Place& place : places) {
    json.begin_object().key("name").text(place.group).key("branch").integer(place.branch).end_object();
  }
  json.end_array();
}

std::string_view name_of(core::Awaits awaits) {
  switch (awaits) {
    case core::Awaits::kNothing:
      break;
    case core::Awaits::kService:
      return "service";
    case core::Awaits::kCallback:
      return "callback";
    case core::Awaits::kTime:
      return "time";
    case core::Awaits::kSignal:
      return "signal";
    case core::Awaits::kChild:
    case core::Awaits::kSuspendedChild:
      return "child";
  }
  return "";
}

void write_awaits(JsonWriter& json, const CallState& call) {
  if (call.awaits != core::Awaits::kNothing) json.key("awaits").text(name_of(call.awaits));
}

/// What a step of another kind than a call is about.
void write_kind(JsonWriter& json, const workflows::Step& definition, const StepState& step, const std::string& saga) {
  switch (definition.kind) {
    case workflows::StepKind::kCall:
      break;
    case workflows::StepKind::kWait:
      json.key("kind").text("wait");
      break;
    case workflows::StepKind::kSignal:
      json.key("kind").text("signal").key("signal").text(definition.signal);
      json.key("received").boolean(step.signal != nullptr);
      break;
    case workflows::StepKind::kSaga:
      json.key("kind").text("saga").key("child");
      if (step.action.attempts > 0) {
        json.text(core::child_id(saga, definition.name, step.action.attempts));
      } else {
        json.null();
      }
      break;
  }
}

/// None for what sends nothing, or has not begun.
WrittenJson input_of(const workflows::Workflow& workflow, const core::SagaState& state, std::size_t index) {
  if (state.steps[index].action.attempts == 0) return {};
  return workflow.steps[index].kind == workflows::StepKind::kSaga ? core::child_input(workflow, state, index)
                                                                  : core::action_input(workflow, state, index);
}

void write_step(JsonWriter& json, const workflows::Workflow& workflow, const core::SagaState& state, std::size_t index,
                const Places& places) {
  const StepState& step = state.steps[index];
  json.begin_object();
  json.key("name").text(workflow.steps[index].name);
  write_kind(json, workflow.steps[index], step, state.facts->id);
  write_places(json, places);
  json.key("status").text(core::to_string(step.status));
  json.key("attempts").integer(step.action.attempts);
  write_awaits(json, step.action);
  json.key("input").json(input_of(workflow, state, index));
  json.key("output").json(step.output);
  json.key("error");
  write_failure(json, error_of(step));
  json.key("started_at").time(step.started_at);
  json.key("finished_at").time(step.finished_at);
  json.key("due_at").time(step.action.due_at);
  json.key("settled");
  write_settlement(json, step.settled);
  json.key("compensation").begin_object();
  json.key("status").text(core::to_string(step.undo));
  json.key("attempts").integer(step.compensation.attempts);
  write_awaits(json, step.compensation);
  json.key("error");
  write_failure(json, undo_error_of(step));
  json.key("finished_at").time(step.undone_at);
  json.key("due_at").time(step.compensation.due_at);
  json.key("settled");
  write_settlement(json, step.undo_settled);
  json.end_object();
  json.end_object();
}

void write_allowed(JsonWriter& json, const std::vector<core::Verb>& verbs) {
  json.key("allowed").begin_array();
  for (const core::Verb verb : verbs) json.text(core::to_string(verb));
  json.end_array();
}

void write_stuck(JsonWriter& json, const workflows::Workflow& workflow, const core::SagaState& state) {
  json.key("stuck").begin_array();
  for (const core::StuckCall& call : core::stuck_calls(workflow, state)) {
    json.begin_object();
    json.key("step").text_or_null(call.step);
    json.key("phase");
    call.phase ? json.text(workers::to_string(*call.phase)) : json.null();
    json.key("code").text(call.code);
    json.key("message").text(call.message);
    json.key("attempts").integer(call.attempts);
    json.end_object();
  }
  json.end_array();
}

void write_tags(JsonWriter& json, const std::vector<std::pair<std::string, std::string>>& tags) {
  json.key("tags").begin_object();
  for (const auto& [key, value] : tags) json.key(key).text(value);
  json.end_object();
}

}  // namespace

void write_actor(JsonWriter& json, std::string_view name, bool verified) {
  json.begin_object().key("name").text(name).key("verified").boolean(verified).end_object();
}

void write_saga(JsonWriter& json, const workflows::Workflow& workflow, const core::SagaState& state, Detail detail) {
  const core::SagaFacts& facts = *state.facts;
  json.begin_object();
  json.key("id").text(facts.id);
  json.key("workflow").text(facts.workflow);
  json.key("version").integer(facts.version);
  if (!facts.parent_id.empty()) {
    json.key("parent").begin_object().key("id").text(facts.parent_id).key("step").text(facts.parent_step).end_object();
  }
  json.key("status").text(core::to_string(state.status));
  json.key("needs_attention").boolean(core::needs_attention(state));
  json.key("attention_since").time(state.attention_since);
  write_allowed(json, core::allowed_verbs(workflow, state));
  if (detail == Detail::kFull) {
    json.key("input").json(facts.input);
    json.key("output").json(state.output);
  }
  json.key("error");
  write_failure(json, state.error);
  write_stuck(json, workflow, state);
  write_tags(json, facts.tags);
  json.key("created_at").time(facts.created_at);
  json.key("started_at").time(state.started_at);
  json.key("updated_at").time(state.updated_at);
  json.key("finished_at").time(state.finished_at);
  json.key("deadline").time(state.deadline);
  json.key("trace_id").text_or_null(facts.trace_id);
  if (detail == Detail::kFull) {
    json.key("steps").begin_array();
    std::vector<Places> places(workflow.steps.size());
    find_places(workflow.plan, {}, places);
    for (std::size_t i = 0; i < state.steps.size(); ++i) write_step(json, workflow, state, i, places[i]);
    json.end_array();
  }
  json.end_object();
}

void write_corrupt_saga(JsonWriter& json, const store::SagaRow& row, std::string_view problem, Detail detail) {
  const bool ended = row.head.ended;
  Failure failure;
  failure.code = workers::codes::kCorrupt;
  failure.message = problem;
  failure.outcome = core::Outcome::kUnknown;
  json.begin_object();
  json.key("id").text(row.identity.id);
  json.key("workflow").text(row.identity.workflow);
  json.key("version").integer(row.identity.version);
  json.key("status").text(ended ? row.head.status : core::to_string(core::SagaStatus::kSuspended));
  json.key("needs_attention").boolean(!ended || row.head.needs_attention);
  json.key("attention_since").time(row.head.attention_since);
  write_allowed(json, ended ? std::vector<core::Verb>{} : std::vector{core::Verb::kTerminate});
  if (detail == Detail::kFull) json.key("input").null().key("output").null();
  json.key("error");
  write_failure(json, failure);
  json.key("stuck").begin_array();
  if (!ended) {
    json.begin_object().key("step").null().key("phase").null().key("code").text(failure.code);
    json.key("message").text(problem).key("attempts").integer(0).end_object();
  }
  json.end_array();
  write_tags(json, row.identity.tags);
  json.key("created_at").time(row.identity.created_at);
  json.key("started_at").null();
  json.key("updated_at").time(row.head.updated_at);
  json.key("finished_at").time(row.head.finished_at);
  json.key("deadline").null().key("trace_id").null();
  if (detail == Detail::kFull) json.key("steps").begin_array().end_array();
  json.end_object();
}

std::string saga_json(const workflows::Workflow& workflow, const core::SagaState& state) {
  JsonWriter json(1024 + 512 * workflow.steps.size());
  write_saga(json, workflow, state, Detail::kFull);
  return json.take();
}

}  // namespace saga::api
