// What the rulebook costs, without store, sockets or threads: deciding a six-step saga forward and undone, replaying
// it, its events to text and back, its calls as requests, and expressions.
#include <benchmark/benchmark.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/core/decide.h"
#include "workers/dispatcher/base_url.h"
#include "workers/dispatcher/request_text.h"
#include "workflows/load.h"

namespace saga::core {
namespace {

constexpr Timestamp kStart{1'795'435'200'000};

workflows::WorkflowRef workflow_named(const std::string& name) {
  static const auto kLoaded = workflows::load_workflow_files({BENCH_WORKFLOWS});
  SAGA_CHECK(kLoaded.has_value(), "the benchmark's workflows to load");
  for (const workflows::WorkflowRef& workflow : *kLoaded) {
    if (workflow->name == name) return workflow;
  }
  SAGA_CHECK(false, "a workflow of that name");
}

std::shared_ptr<const SagaFacts> facts_of(const workflows::Workflow& workflow) {
  auto facts = std::make_shared<SagaFacts>();
  facts->id = "0190b8f0-7c1e-7000-8000-2b7e151628ae";
  facts->workflow = workflow.name;
  facts->version = workflow.version;
  facts->input = share(
      {{"sku", "book"}, {"quantity", 2}, {"amount", 1'200}, {"customer_id", "c-1"}, {"email", "ann@example.org"}});
  facts->created_at = kStart;
  facts->trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  return facts;
}

workers::CallOutcome answer_to(const workflows::Workflow& workflow, const CallWorker& call) {
  workers::Answered answered;
  const bool refused = call.phase == Phase::kAction && workflow.steps[call.step].action.path.source() == "/refuse";
  answered.status = refused ? 422 : 200;
  answered.content_type = "application/json";
  answered.body = refused ? "{}" : R"({"ok":true})";
  return answered;
}

/// A call of the saga as it stood when the call was to leave.
struct Called {
  SagaState state;
  CallWorker call;
};

struct Life {
  SagaState state;
  std::vector<Event> events;
  std::vector<Called> calls;  ///< Empty unless asked for.
};

/// The saga from its start to its end, every call answered.
Life live(const workflows::Workflow& workflow, const std::shared_ptr<const SagaFacts>& facts, bool keep_calls) {
  Life life;
  std::optional<Input> input = StartSaga{facts, "bench"};
  Moment moment{kStart};
  while (input) {
    Decision decision = decide(workflow, life.state, *input, moment);
    life.state = std::move(decision.after);
    for (Event& event : decision.events) life.events.push_back(std::move(event));
    input.reset();
    for (const Effect& effect : decision.effects) {
      const auto& call = std::get<CallWorker>(effect);
      if (keep_calls) life.calls.push_back({life.state, call});
      input = CallFinished{call.step, call.phase, call.attempt, answer_to(workflow, call), 1};
    }
    moment.now = moment.now + Millis{1};
  }
  return life;
}

void per_saga(benchmark::State& state, std::size_t what, const char* name) {
  state.SetItemsProcessed(state.iterations());
  state.counters[name] = static_cast<double>(what);
}

void decide_saga(benchmark::State& state, const std::string& name, SagaStatus end) {
  const workflows::WorkflowRef workflow = workflow_named(name);
  const auto facts = facts_of(*workflow);
  std::size_t events = 0;
  for (auto _ : state) {
    const Life life = live(*workflow, facts, false);
    SAGA_CHECK(life.state.status == end, "the saga to end as it should");
    events = life.events.size();
  }
  per_saga(state, events, "events");
}

void replay_saga(benchmark::State& state, const std::string& name) {
  const workflows::WorkflowRef workflow = workflow_named(name);
  const Life life = live(*workflow, facts_of(*workflow), false);
  for (auto _ : state) {
    SagaState replayed;
    for (const Event& event : life.events) {
      SAGA_CHECK(apply(*workflow, replayed, event).has_value(), "an event that follows");
    }
    benchmark::DoNotOptimize(replayed);
  }
  per_saga(state, life.events.size(), "events");
}

void encode_saga(benchmark::State& state) {
  const workflows::WorkflowRef workflow = workflow_named("bench");
  const Life life = live(*workflow, facts_of(*workflow), false);
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for (const Event& event : life.events) bytes += encode_event(*workflow, event.body).size();
  }
  per_saga(state, bytes, "bytes");
}

void decode_saga(benchmark::State& state) {
  const workflows::WorkflowRef workflow = workflow_named("bench");
  const Life life = live(*workflow, facts_of(*workflow), false);
  std::vector<std::string> texts;
  for (const Event& event : life.events) texts.push_back(encode_event(*workflow, event.body));
  for (auto _ : state) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const Event& event = life.events[i];
      const auto decoded = decode_event(*workflow, event.at, type_name(event.body), texts[i]);
      SAGA_CHECK(decoded.has_value(), "an event that reads back");
      benchmark::DoNotOptimize(decoded);
    }
  }
  per_saga(state, texts.size(), "events");
}

/// Every call of the saga as the bytes that a worker is sent.
void render_requests(benchmark::State& state) {
  const workflows::WorkflowRef workflow = workflow_named("bench");
  const Life life = live(*workflow, facts_of(*workflow), true);
  const auto base = workers::parse_base_url("http://127.0.0.1:9000");
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    for (const Called& called : life.calls) {
      CallRequest request = render_call(*workflow, called.state, called.call.step, called.call.phase);
      workers::WorkerCall call;
      call.method = std::move(request.method);
      call.path = std::move(request.path);
      call.headers = std::move(request.headers);
      call.body = std::move(request.body);
      bytes += workers::request_text(call, *base, {}).size();
    }
  }
  per_saga(state, bytes, "bytes");
}

class OrderScope final : public workflows::Scope {
 public:
  [[nodiscard]] const Json* input() const override { return &input_; }
  [[nodiscard]] workflows::StepFacts step(std::size_t) const override { return {}; }
  [[nodiscard]] Json saga(std::string_view) const override { return "order-42"; }

 private:
  const Json input_{{"amount", 1'200},
                    {"currency", nullptr},
                    {"items", {{{"sku", "book"}, {"quantity", 2}}, {{"sku", "pen"}, {"quantity", 10}}}}};
};

void evaluate(benchmark::State& state, const std::string& source, bool plain) {
  const auto expression = workflows::Expression::compile(source, {}, workflows::make_sandbox());
  SAGA_CHECK(expression.has_value() && expression->is_plain_path() == plain, "an expression of that kind");
  const OrderScope scope;
  for (auto _ : state) {
    const Result<Json> value = expression->evaluate(scope);
    SAGA_CHECK(value.has_value(), "a value");
    benchmark::DoNotOptimize(value);
  }
}

BENCHMARK_CAPTURE(decide_saga, forward, "bench", SagaStatus::kCompleted);
BENCHMARK_CAPTURE(decide_saga, undone, "undo", SagaStatus::kCompensated);
BENCHMARK_CAPTURE(replay_saga, forward, "bench");
BENCHMARK_CAPTURE(replay_saga, undone, "undo");
BENCHMARK(encode_saga);
BENCHMARK(decode_saga);
BENCHMARK(render_requests);
BENCHMARK_CAPTURE(evaluate, plain_path, "input.items[1].sku", true);
BENCHMARK_CAPTURE(evaluate, lua_comparison, "input.amount >= 1000", false);
BENCHMARK_CAPTURE(evaluate, lua_default, "input.currency or 'EUR'", false);
BENCHMARK_CAPTURE(evaluate, lua_arithmetic, "input.amount * #input.items + input.items[0].quantity", false);

}  // namespace
}  // namespace saga::core

BENCHMARK_MAIN();
