// A text as a file of definitions. Refused: every problem says where it stands. Accepted: what was read reads back
// equal, as it was written and as JSON, and a saga of it, whose workers all do what they are asked, comes to rest.
#include <algorithm>
#include <optional>

#include "engine/core/decide.h"
#include "engine/core/frontier.h"
#include "tests/fuzz/fuzzing.h"
#include "workflows/children.h"
#include "workflows/load.h"

namespace saga::fuzz {
namespace {

using core::Awaits;
using core::CallState;
using core::SagaState;
using workflows::Problem;
using workflows::Workflow;
using workflows::WorkflowRef;

constexpr std::size_t kMostStepsRun = 40;
constexpr int kMostInputs = 300;
constexpr const char* kAnswer = R"({"id":"x1","n":2,"ok":true,"items":[{"sku":"s"}],"code":null})";
constexpr Timestamp kStart{1'700'000'000'000};

void check_problems(std::string_view text, const std::vector<Problem>& problems) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  expect(!problems.empty(), "a refused text has a problem");
  expect(problems.size() <= 50, "problems are bounded");
  std::size_t last_line = 1;
  for (const Problem& problem : problems) {
    expect_message(problem.message);
    expect(problem.message.find('\n') == std::string::npos, "a problem is one line", problem.message);
    expect(problem.position.line >= last_line && problem.position.line <= lines, "a problem is in the file, in order",
           workflows::format_problem(problem));
    expect(problem.position.column >= 1 && problem.position.column <= text.size() + 1, "a problem is on its line",
           workflows::format_problem(problem));
    last_line = problem.position.line;
  }
}

void check_reads_back(const Workflow& workflow, std::string text) {
  const auto again = workflows::load_workflows(text, "again");
  expect(again && again->size() == 1, "what was read can be read again", text);
  expect(again->front()->definition == workflow.definition, "what was read reads back equal", text);
  expect(again->front()->steps.size() == workflow.steps.size(), "the same steps read back", text);
}

/// As JSON. A DEL stands in it as an escape: as it is, a text may not have one.
std::string as_json(const Workflow& workflow) {
  std::string text = dump_json(workflow.definition);
  for (std::size_t at = 0; (at = text.find('\x7f', at)) != std::string::npos; at += 6) text.replace(at, 1, "\\u007f");
  return text;
}

void check_plan(const workflows::Sequence& sequence, std::vector<std::size_t>& steps) {
  for (const workflows::PlanNode& node : sequence) {
    if (node.step) {
      steps.push_back(*node.step);
      continue;
    }
    expect(!node.name.empty() && !node.branches.empty(), "a group has a name and branches");
    for (const workflows::Sequence& branch : node.branches) {
      expect(!branch.empty(), "a branch has a step");
      check_plan(branch, steps);
    }
  }
}

void check_shape(const Workflow& workflow) {
  std::vector<std::size_t> planned;
  check_plan(workflow.plan, planned);
  expect(planned.size() == workflow.steps.size(), "the plan has every step once");
  for (std::size_t i = 0; i < planned.size(); ++i) {
    expect(planned[i] == i, "the plan has the steps in their order");
    expect(workflow.step_index(workflow.steps[i].name) == i, "no two steps have one name");
  }
  if (workflow.input_schema) {
    for (const char* value : {"null", "{}", R"({"amount":1,"sku":"s"})", R"(["x",{"y":[1.5,-2]}])"}) {
      for (const auto& violation : workflow.input_schema->validate(*parse_json(value)))
        expect_message(violation.message);
    }
  }
}

/// What the world has to say next, such that it goes well; nothing where it is the clock's turn.
std::optional<core::Input> next_input(const Workflow& workflow, const SagaState& state) {
  for (std::size_t i = 0; i < state.steps.size(); ++i) {
    for (const auto phase : {core::Phase::kAction, core::Phase::kCompensation}) {
      const CallState& call = phase == core::Phase::kAction ? state.steps[i].action : state.steps[i].compensation;
      if (call.open && call.awaits == Awaits::kNothing) {
        (void)core::render_call(workflow, state, i, phase);
        workers::Answered answer;
        answer.status = 200;
        answer.content_type = "application/json";
        answer.body = kAnswer;
        return core::CallFinished{i, phase, call.attempts, answer, 1};
      }
      if (call.awaits == Awaits::kSignal) {
        return core::SignalArrived{workflow.steps[i].signal, share(*parse_json(kAnswer)), "ada", false};
      }
      if (call.awaits == Awaits::kChild) {
        const bool forward = phase == core::Phase::kAction;
        return core::ChildReported{i, forward ? call.attempts : call.child,
                                   forward ? core::SagaStatus::kCompleted : core::SagaStatus::kCompensated,
                                   share(*parse_json(kAnswer)), std::nullopt};
      }
    }
  }
  return std::nullopt;
}

void run(const Workflow& workflow) {
  auto facts = std::make_shared<core::SagaFacts>();
  facts->id = "order-42";
  facts->workflow = workflow.name;
  facts->version = workflow.version;
  facts->input = share(*parse_json(kAnswer));
  facts->created_at = kStart;
  facts->trace_id = std::string(32, 'a');
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    if (workflow.steps[i].kind == workflows::StepKind::kSaga)
      facts->child_versions.emplace_back(i, workflow.steps[i].child_version.value_or(1));
  }
  core::Moment moment{kStart, 7};
  SagaState state = core::decide(workflow, {}, core::StartSaga{facts, "ada"}, moment).after;
  for (int inputs = 0; inputs < kMostInputs; ++inputs) {
    if (core::has_ended(state.status) || state.status == core::SagaStatus::kSuspended) return;
    std::optional<core::Input> input = next_input(workflow, state);
    if (!input) {
      const auto due = core::next_due(workflow, state);
      expect(due.has_value(), "a saga that is not at rest waits for something", dump_json(workflow.definition));
      moment.now = std::max(moment.now, *due);
      input = core::TimerFired{};
    }
    core::Decision decision = core::decide(workflow, state, *input, moment);
    expect(!decision.refusal, "what a saga waits for is not refused",
           decision.refusal ? decision.refusal->message : "");
    expect(!decision.events.empty(), "what a saga waits for moves it", dump_json(workflow.definition));
    for (const core::Event& event : decision.events) {
      const auto back =
          core::decode_event(workflow, event.at, core::type_name(event.body), core::encode_event(workflow, event.body));
      expect(back && *back == event, "every event reads back equal", core::encode_event(workflow, event.body));
    }
    state = std::move(decision.after);
    (void)core::stuck_calls(workflow, state);
    (void)core::allowed_verbs(workflow, state);
  }
}

void check(std::string_view text) {
  const auto loaded = workflows::load_workflows(text, "f");
  if (!loaded) return check_problems(text, loaded.error());
  const auto offline = workflows::check_children_offline(*loaded);
  for (const Problem& problem : offline.errors) expect_message(problem.message);
  for (const Problem& problem : offline.warnings) expect_message(problem.message);
  for (const WorkflowRef& workflow : *loaded) {
    check_shape(*workflow);
    check_reads_back(*workflow, workflow->source);
    check_reads_back(*workflow, as_json(*workflow));
    if (workflow->steps.size() <= kMostStepsRun) run(*workflow);
  }
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
