// A journal: on each line the type of an event and its record. What is refused is refused as corrupt; what is read says
// what the record says, and nothing of it is lost when it is written again. Whatever a saga has become by records that
// follow each other, everybody may look at it and it may go on: one damaged journal harms nobody else.
#include <algorithm>
#include <optional>
#include <string>

#include "engine/core/decide.h"
#include "tests/fuzz/fuzzing.h"
#include "workflows/load.h"

namespace saga::fuzz {
namespace {

using core::SagaState;
using workflows::Workflow;

constexpr std::size_t kMostEvents = 60;
constexpr Timestamp kStart{1'700'000'000'000};

/// A step of every kind.
constexpr std::string_view kFlow = R"(
name: flow
version: 1
deadline: 1h
on_compensation_failure: suspend
defaults:
  retry: { max_attempts: 3, initial_interval: 1s, jitter: 0 }
  compensation_retry: { max_attempts: 2, initial_interval: 1s, jitter: 0 }
steps:
  - { name: a, service: s, action: /a, compensation: /ua, input: { id: "${ saga.id }" }, total_timeout: 10m }
  - name: both
    parallel:
      - - { name: b, service: s, action: /b, compensation: "/ub/${ output.id }" }
        - { name: c, saga: inner/1, input: { n: 1 } }
      - - { name: g, signal: go, timeout: 1h }
        - { name: w, wait: 1m }
  - { name: d, service: s, action: /d, compensation: /ud, on_failure: suspend, when: "${ input.d ~= 1 }" }
  - { name: p, service: s, action: /p, pivot: true }
  - { name: e, service: s, action: /e, on_failure: continue }
output: { id: "${ steps.b.output.id }" }
)";

/// Built once: inputs do not change it.
const Workflow& flow() {
  static const workflows::WorkflowRef built = workflows::load_workflows(kFlow, "flow").value().front();
  return *built;
}

/// What stands in `written` stands in `record` as well.
bool is_part_of(const Json& written, const Json& record) {
  if (!written.is_object()) {
    if (!written.is_array()) return written == record;
    if (!record.is_array() || written.size() != record.size()) return false;
    for (std::size_t i = 0; i < written.size(); ++i) {
      if (!is_part_of(written[i], record[i])) return false;
    }
    return true;
  }
  if (!record.is_object()) return false;
  for (const auto& [key, value] : written.items()) {
    if (!record.contains(key) || !is_part_of(value, record.at(key))) return false;
  }
  return true;
}

void check_codec(const core::Event& event, std::string_view record) {
  const std::string written = core::encode_event(flow(), event.body);
  const auto parsed = parse_json(written, 2 * kMaxJsonDepth);
  expect(parsed.has_value(), "an event is written as JSON", written);
  const auto back = core::decode_event(flow(), event.at, core::type_name(event.body), written);
  expect(back && *back == event, "an event reads back equal", written);
  const auto original = parse_json(record, 2 * kMaxJsonDepth);
  expect(original && is_part_of(*parsed, *original), "an event says what its record says",
         written + "\n" + std::string(record));
}

/// Neither refused nor more than decided: the state that follows may be looked at as well.
void decide(const SagaState& state, const core::Input& input, Timestamp now, bool must_hold = false) {
  const core::Decision decision = core::decide(flow(), state, input, {now, 7});
  expect(!decision.contradiction, "what replays goes on", decision.contradiction.value_or(""));
  if (decision.refusal) expect_message(decision.refusal->message);
  expect(!must_hold || !decision.refusal, "a verb that is allowed is not refused",
         decision.refusal ? decision.refusal->message : "");
  SagaState replayed = state;
  for (const core::Event& event : decision.events)
    expect(core::apply(flow(), replayed, event).has_value(), "a decided event follows");
  expect(replayed == decision.after, "replayed is what was lived");
}

void look_at(const SagaState& state) {
  (void)core::needs_attention(state);
  (void)core::has_open_call(state);
  (void)core::awaits_service(state);
  for (const core::StuckCall& stuck : core::stuck_calls(flow(), state))
    expect(!stuck.code.empty(), "what is stuck says why");
  for (std::size_t i = 0; i < state.steps.size(); ++i) {
    (void)core::child_input(flow(), state, i);
    (void)core::action_input(flow(), state, i);
    if (state.steps[i].action.open && flow().steps[i].kind == workflows::StepKind::kCall)
      (void)core::render_call(flow(), state, i, core::Phase::kAction);
    if (state.steps[i].compensation.open && flow().steps[i].compensation)
      (void)core::render_call(flow(), state, i, core::Phase::kCompensation);
  }
}

void go_on(const SagaState& state, Timestamp now) {
  decide(state, core::Recovered{}, now);
  decide(state, core::TimerFired{}, core::next_due(flow(), state).value_or(now));
  decide(state, core::UndoSaga{{"parent", false, "because"}}, now);
  decide(state, core::SignalArrived{"go", share(Json(1)), "ada", false}, now);
  for (const core::Verb verb : core::allowed_verbs(flow(), state)) {
    const bool names_step = verb == core::Verb::kRetry || verb == core::Verb::kSkip;
    decide(state, core::OperatorCommand{verb, "", nullptr, {"ada", false, "because"}}, now, !names_step);
  }
  for (std::size_t i = 0; i < state.steps.size(); ++i) {
    const std::string& step = flow().steps[i].name;
    decide(state, core::OperatorCommand{core::Verb::kSkip, step, share(Json(1)), {"ada", false, "because"}}, now);
    decide(state, core::OperatorCommand{core::Verb::kRetry, step, nullptr, {"ada", false, "because"}}, now);
    for (const auto phase : {core::Phase::kAction, core::Phase::kCompensation}) {
      const core::CallState& call = phase == core::Phase::kAction ? state.steps[i].action : state.steps[i].compensation;
      workers::Answered answer;
      answer.status = 503;
      decide(state, core::CallFinished{i, phase, call.attempts, answer, 1}, now);
      decide(state, core::CallbackArrived{i, phase, call.attempts, true, share(Json(1)), "", "", std::nullopt}, now);
      decide(state, core::HeartbeatArrived{i, phase, call.attempts}, now);
      decide(state, core::ServiceAvailable{i, phase}, now);
      decide(state,
             core::ChildReported{i, phase == core::Phase::kAction ? call.attempts : call.child,
                                 core::SagaStatus::kFailed, nullptr, std::nullopt},
             now);
    }
  }
}

void check(Input input) {
  static Seen beginnings;  // What a beginning leads to follows from it alone, and looking costs a thousand decisions.
  const std::string_view journal = input.rest();
  SagaState state;
  Timestamp now = kStart;
  for (std::size_t events = 0; events < kMostEvents && !input.is_empty(); ++events) {
    const std::string_view line = input.line();
    const std::string_view type = line.substr(0, line.find(' '));
    const std::string_view record = line.substr(std::min(line.size(), type.size() + 1));
    const auto event = core::decode_event(flow(), now, type, record);
    if (!event) {
      expect(event.error().code == ErrorCode::kCorruption, "a bad record is kCorruption", event.error().message);
      return expect_message(event.error().message);
    }
    const bool is_new = beginnings.add(journal.substr(0, journal.size() - input.rest().size()));
    if (is_new) check_codec(*event, record);
    if (const auto applied = core::apply(flow(), state, *event); !applied) {
      expect(applied.error().code == ErrorCode::kCorruption, "what cannot follow is kCorruption",
             applied.error().message);
      return expect_message(applied.error().message);
    }
    if (is_new) {
      look_at(state);
      go_on(state, now);
    }
    now = now + Millis{1'000};
  }
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({data, size});
  return 0;
}
