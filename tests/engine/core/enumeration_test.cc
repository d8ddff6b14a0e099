// Every input in every state: the states that small workflows reach are walked breadth first, and in each of them
// everything that can happen is tried. Two states count as the same if they differ only in times and high numbers.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <unordered_set>

#include "tests/engine/core/audit.h"
#include "tests/engine/core/enumeration_tables.h"
#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

/// A workflow is walked no further; those below all come to an end before that.
constexpr std::size_t kMostStates = 5'000;
constexpr Millis kLong = hours(24 * 400);

struct Node {
  SagaState state;
  Auditor auditor;
  Timestamp now;
};

std::string relation(const std::optional<Timestamp>& time, Timestamp now) {
  if (!time) return "-";
  if (*time <= now) return "past";
  return "ahead";
}

/// A call, as far as it matters for what can happen. What one that has ended counted matters no more: a retry begins
/// anew.
std::string kind_of(const workflows::Step& step, const CallState& call, bool ended, Timestamp now) {
  if (ended) return "";
  std::optional<Timestamp> budget;
  if (step.total_timeout && call.budget_from) budget = *call.budget_from + *step.total_timeout;
  return fmt::format("{}{}{}{}{}", call.counted, call.open, (call.child > 1 ? 10 : 0) + static_cast<int>(call.awaits),
                     relation(call.due_at, now), relation(budget, now));
}

/// All of a state but its times, its texts and how high its numbers are.
std::string kind_of(const workflows::Workflow& workflow, const SagaState& state, Timestamp now) {
  std::string key = fmt::format("{} {} ", to_string(state.status), state.stopping);
  if (state.suspension)
    key += fmt::format("({} {}) ", to_string(state.suspension->cause), to_string(state.suspension->from));
  key += relation(state.deadline, now);
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    const workflows::Step& definition = workflow.steps[i];
    const bool ended = step.status == StepStatus::kCompleted || step.status == StepStatus::kFailed ||
                       step.status == StepStatus::kSkipped;
    const bool undo_ended = step.undo == CompensationStatus::kCompleted || step.undo == CompensationStatus::kFailed ||
                            step.undo == CompensationStatus::kSkipped;
    // What is being undone was done or may have been; which of the two is only told to the worker.
    const bool undoing = step.undo != CompensationStatus::kNone;
    const bool in_doubt = step.status != StepStatus::kCompleted && step.action.any_unknown;
    key += fmt::format(" {}{}{}({})({}){}", step.signal ? dump_json(*step.signal) : "",
                       undoing ? "" : fmt::format("{}{}", to_string(step.status), in_doubt),
                       static_cast<int>(step.undo), kind_of(definition, step.action, ended, now),
                       kind_of(definition, step.compensation, undo_ended, now),
                       step.output && !definition.when && workflow.output ? dump_json(*step.output) : "");
  }
  return key;
}

/// What happened, as the tables at the top of the rulebook's files put it.
class Rows {
 public:
  void count(const workflows::Workflow& workflow, const SagaState& before, const Input& input,
             const Decision& decision) {
    SagaState state = before;
    for (const Event& event : decision.events) {
      const std::string from = situation(state);
      ASSERT_TRUE(apply(workflow, state, event));
      events_.insert(type_name(event.body));
      moves_.insert(fmt::format("{}: {} -> {}", type_name(event.body), from, situation(state)));
    }
    if (const auto* command = std::get_if<OperatorCommand>(&input)) {
      const auto* answer = decision.refusal ? "refused" : decision.events.empty() ? "holds" : "done";
      verbs_[fmt::format("{} {}", to_string(command->verb), situation(before))].insert(answer);
    }
  }

  [[nodiscard]] const std::set<std::string_view>& events() const { return events_; }
  /// "saga_started: pending -> running", a line each.
  [[nodiscard]] std::string moves() const { return fmt::format("\n{}\n", fmt::join(moves_, "\n")); }
  /// "cancel running: done refused", a line each: what came of it, over all states, steps and outputs.
  [[nodiscard]] std::string verbs() const {
    std::string lines = "\n";
    for (const auto& [asked, answers] : verbs_) lines += fmt::format("{}: {}\n", asked, fmt::join(answers, " "));
    return lines;
  }

 private:
  static std::string situation(const SagaState& state) {
    if (!state.facts) return "none";
    if (state.suspension) {
      return fmt::format("suspended({}, {}{})", to_string(state.suspension->cause), to_string(state.suspension->from),
                         state.stopping ? " stopping" : "");
    }
    return std::string(to_string(state.status)) + (state.stopping ? " stopping" : "");
  }
  std::set<std::string_view> events_;
  std::set<std::string> moves_;
  std::map<std::string, std::set<std::string>> verbs_;
};

/// One small workflow, walked.
class Walk {
 public:
  Walk(workflows::WorkflowRef workflow, std::vector<workers::CallOutcome> answers, Rows& rows,
       std::optional<Timestamp> start_at = {}, std::string parent = "")
      : workflow_(std::move(workflow)), answers_(std::move(answers)), rows_(rows) {
    Node first{SagaState{}, Auditor(*workflow_), kStart};
    auto facts = std::make_shared<SagaFacts>(*facts_of(*workflow_, Json{{"n", 1}}, start_at));
    if (!parent.empty()) facts->parent_step = "inner";
    facts->parent_id = std::move(parent);
    try_input(first, StartSaga{facts, "ada"}, {kStart, 0, true});
    try_input(first, StartSaga{facts, "ada"}, {kStart, 0, false});
  }

  /// Stops at the first state where something is wrong.
  void go() {
    while (!queue_.empty() && kinds_.size() < kMostStates && !testing::Test::HasFailure()) {
      const Node node = std::move(queue_.front());
      queue_.pop_front();
      for (const auto& [input, moment] : everything(node)) try_input(node, input, moment);
    }
  }

  [[nodiscard]] bool is_whole() const { return queue_.empty(); }
  [[nodiscard]] std::size_t states() const { return kinds_.size(); }
  [[nodiscard]] std::size_t pairs() const { return pairs_; }

 private:
  /// Every input, at every moment that can make a difference.
  [[nodiscard]] std::vector<std::pair<Input, Moment>> everything(const Node& node) const {
    std::vector<std::pair<Input, Moment>> all;
    const Timestamp now = node.now;
    const auto add = [&all](Input input, Timestamp at) {
      all.emplace_back(input, Moment{at, 1, true});
      all.emplace_back(std::move(input), Moment{at, 1, false});
    };
    for (StepIndex i = 0; i < node.state.steps.size(); ++i) {
      for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
        const CallState& call = phase == Phase::kAction ? node.state.steps[i].action : node.state.steps[i].compensation;
        all.emplace_back(ServiceAvailable{i, phase}, Moment{now, 1, true});
        if (has_callbacks_ && call.attempts > 0) add_callbacks(i, phase, call.attempts, now, all);
        if (!call.open) continue;
        for (const workers::CallOutcome& answer : answers_) {
          const Input input = CallFinished{i, phase, call.attempts, answer, 5};
          all.emplace_back(input, Moment{now, 1, true});
          all.emplace_back(input, Moment{now + kLong, 1, true});
        }
        add(CallFinished{i, phase, call.attempts, done(), 5}, now);
        add(CallFinished{i, phase, call.attempts, final_fault(), 5}, now);
      }
    }
    add_kinds(node, all);
    add(TimerFired{}, now);
    add(TimerFired{}, now + kLong);
    if (const auto due = next_due(*workflow_, node.state)) add(TimerFired{}, std::max(*due, now));
    all.emplace_back(TimerFired{}, Moment{now - hours(1), 1, true});
    add(Recovered{}, now);
    all.emplace_back(Recovered{}, Moment{now + kLong, 1, true});
    all.emplace_back(StartSaga{node.state.facts, "again"}, Moment{now, 1, true});
    for (const Verb verb :
         {Verb::kCancel, Verb::kSuspend, Verb::kResume, Verb::kRetry, Verb::kSkip, Verb::kTerminate}) {
      for (const OperatorCommand& command : commands_of(*workflow_, verb)) {
        all.emplace_back(command, Moment{now, 1, true});
        if (command.step.empty()) all.emplace_back(command, Moment{now, 1, false});
      }
      if (verb == Verb::kResume) all.emplace_back(commands_of(*workflow_, verb)[0], Moment{now + kLong, 1, true});
    }
    return all;
  }

  using Tries = std::vector<std::pair<Input, Moment>>;

  static void add_callbacks(StepIndex i, Phase phase, int newest, Timestamp now, Tries& all) {
    for (const int attempt : {1, newest}) {
      all.emplace_back(CallbackArrived{i, phase, attempt, true, share(Json{{"n", 1}}), "", "", {}},
                       Moment{now, 1, true});
      for (const bool retryable : {true, false}) {
        const CallbackArrived failed{i, phase, attempt, false, nullptr, "E", "no", retryable};
        all.emplace_back(failed, Moment{now, 1, true});
      }
    }
    all.emplace_back(CallbackArrived{i, phase, newest, false, nullptr, "E", "no", {}}, Moment{now, 1, false});
    all.emplace_back(HeartbeatArrived{i, phase, newest}, Moment{now, 1, true});
  }

  /// Signals, what becomes of children, and the parent of this one.
  void add_kinds(const Node& node, Tries& all) const {
    for (StepIndex i = 0; i < node.state.steps.size(); ++i) {
      const workflows::Step& step = workflow_->steps[i];
      if (step.kind == workflows::StepKind::kSignal) {
        for (const int n : {1, 2}) {
          all.emplace_back(SignalArrived{step.signal, share(Json{{"n", n}}), "ada", true}, Moment{node.now, 1, n == 1});
        }
        all.emplace_back(SignalArrived{"nobody", nullptr, "ada", true}, Moment{node.now, 1, true});
      }
      if (step.kind != workflows::StepKind::kSaga) continue;
      for (const SagaStatus status :
           {SagaStatus::kPending, SagaStatus::kRunning, SagaStatus::kSuspended, SagaStatus::kCompensating,
            SagaStatus::kCompleted, SagaStatus::kCompensated, SagaStatus::kFailed, SagaStatus::kTerminated}) {
        const StepState& state = node.state.steps[i];
        for (const int child : std::set<int>{1, state.action.attempts, state.compensation.child}) {
          const ChildReported report{i, child, status, nullptr, std::nullopt};
          all.emplace_back(report, Moment{node.now, 1, true});
        }
      }
    }
    if (!node.state.facts->parent_id.empty()) {
      for (const bool begins : {true, false}) {
        all.emplace_back(UndoSaga{Actor{"parent", true, "undo"}}, Moment{node.now, 1, begins});
      }
    }
  }

  void try_input(const Node& node, const Input& input, const Moment& moment) {
    ++pairs_;
    Decision decision = decide(*workflow_, node.state, input, moment);
    Problems problems = check_decision(*workflow_, node.state, input, moment, decision);
    if (!decision.events.empty()) {
      rows_.count(*workflow_, node.state, input, decision);
    } else if (std::holds_alternative<OperatorCommand>(input)) {
      rows_.count(*workflow_, node.state, input, decision);
    }
    Node next{std::move(decision.after), node.auditor, std::max({node.now, moment.now, decision.after.updated_at})};
    for (const Event& event : decision.events) next.auditor.see(event);
    problems.insert(problems.end(), next.auditor.problems().begin(), next.auditor.problems().end());
    if (next.state.facts && !decision.events.empty() &&
        kinds_.insert(kind_of(*workflow_, next.state, next.now)).second) {
      for (Problems found : {check_state(*workflow_, next.state, next.now, moment.begin_calls),
                             check_verbs(*workflow_, next.state, next.now), way_to_an_end(next)}) {
        problems.insert(problems.end(), found.begin(), found.end());
      }
      queue_.push_back(std::move(next));
    }
    if (problems.empty()) return;
    std::string story;
    for (const Event& event : decision.events) story += "\n  " + told(*workflow_, event);
    ADD_FAILURE() << kind_of(*workflow_, node.state, node.now) << "\ninput " << input.index() << story << "\n"
                  << fmt::format("{}", fmt::join(problems, "\n"));
  }

  /// Workers that answer, time that passes, and an operator who wants it to go on: then it ends.
  [[nodiscard]] Problems way_to_an_end(Node node) const {
    for (int moves = 0; moves < 60; ++moves) {
      const SagaState& state = node.state;
      if (has_ended(state.status)) return {};
      Input input = TimerFired{};
      if (const auto due = next_due(*workflow_, state)) node.now = std::max(node.now, *due);
      for (StepIndex i = 0; i < state.steps.size(); ++i) {
        if (state.steps[i].action.open)
          input = CallFinished{i, Phase::kAction, state.steps[i].action.attempts, done(R"({"n":1,"go":true})"), 1};
        if (state.steps[i].compensation.open) {
          input = CallFinished{i, Phase::kCompensation, state.steps[i].compensation.attempts, done(), 1};
        }
        if (awaits_service(state) && state.steps[i].status == StepStatus::kWaiting)
          input = ServiceAvailable{i, Phase::kAction};
        if (awaits_service(state) && state.steps[i].undo == CompensationStatus::kWaiting)
          input = ServiceAvailable{i, Phase::kCompensation};
      }
      if (auto outside = from_outside(*workflow_, state); outside && !has_open_call(state)) input = *outside;
      if (state.status == SagaStatus::kSuspended && !has_open_call(state)) input = going_on(state, moves);
      Decision decision = decide(*workflow_, state, input, {node.now, 1, true});
      if (decision.events.empty()) return {fmt::format("it stands still: input {} decides nothing", input.index())};
      for (const Event& event : decision.events) node.auditor.see(event);
      if (!node.auditor.problems().empty()) return node.auditor.problems();
      node.state = std::move(decision.after);
    }
    return {"it does not end"};
  }

  /// Resumes, which calls again what failed; skips what fails all the same.
  [[nodiscard]] Input going_on(const SagaState& state, int moves) const {
    const Actor actor{"ada", false, "go on"};
    const auto stuck = stuck_calls(*workflow_, state);
    if (moves < 20 || stuck.empty()) return OperatorCommand{Verb::kResume, "", nullptr, actor};
    const bool action = stuck.front().phase == Phase::kAction;
    return OperatorCommand{Verb::kSkip, stuck.front().step, action ? share(Json{{"n", 1}}) : nullptr, actor};
  }

  workflows::WorkflowRef workflow_;
  std::vector<workers::CallOutcome> answers_;
  bool has_callbacks_ = std::find(answers_.begin(), answers_.end(), taken()) != answers_.end();
  Rows& rows_;
  std::deque<Node> queue_;
  std::unordered_set<std::string> kinds_;
  std::size_t pairs_ = 0;
};

constexpr std::string_view kTwice =
    "defaults: { retry: { max_attempts: 2, initial_interval: 1s, jitter: 0 }, "
    "compensation_retry: { max_attempts: 2, initial_interval: 3s, jitter: 0 } }\n";

std::string header(std::string_view more = "") { return std::string(kTwice) + std::string(more); }

TEST(Enumeration, EveryInputInEveryStateKeepsTheRules) {
  Rows rows;
  std::size_t states = 0;
  std::size_t pairs = 0;
  const auto walk = [&](const char* name, Walk one) {
    one.go();
    EXPECT_TRUE(one.is_whole()) << name;
    std::printf("%-28s %6zu states %8zu state-input pairs\n", name, one.states(), one.pairs());
    std::fflush(stdout);
    states += one.states();
    pairs += one.pairs();
  };
  const std::vector<workers::CallOutcome> all_answers{done(),        refused(),     busy(),      fault(),
                                                      broken(),      final_fault(), timed_out(), lost(),
                                                      unreachable(), no_instance(), taken()};
  const std::vector<workers::CallOutcome> few_answers{done(), refused(), busy(), fault(), final_fault(), no_instance()};
  walk("no pivot", Walk(flow({step("a", "on_failure: continue"), step("b")}, header()), all_answers, rows));
  const std::vector<workers::CallOutcome> plain_answers{done(), refused(), fault(), no_instance()};
  walk("a step without undo",
       Walk(flow({step("a"), bare("b", "on_failure: continue"), step("c")}, header()), plain_answers, rows));
  const std::vector<workers::CallOutcome> few_steps{done(), refused(), final_fault()};
  walk("deadline", Walk(flow({step("a"), step("b", "total_timeout: 1m")}, header("deadline: 1h")), few_answers, rows));
  walk("suspending",
       Walk(flow({step("a"), step("b", "on_failure: suspend")}, header("on_compensation_failure: suspend")),
            few_answers, rows));
  walk("pivot with undo",
       Walk(flow({step("a"), step("p", "pivot: true"), bare("z")}, header("deadline: 1h")), few_answers, rows));
  walk("pivot without undo",
       Walk(flow({step("a"), bare("p", "pivot: true"), step("z", "total_timeout: 1m")}, header("deadline: 1h")),
            few_answers, rows));
  walk("pivot that suspends",
       Walk(flow({step("p", "pivot: true, on_failure: suspend"), step("z", "on_failure: continue")}, header()),
            few_answers, rows));
  walk("start time", Walk(flow({step("a")}, header("deadline: 1h")), few_answers, rows, kStart + hours(2)));
  const std::vector<workers::CallOutcome> values{done(R"({"go":true,"n":1})"),
                                                 done(R"({"go":false})"),
                                                 done(R"({"go":7})"),
                                                 done(R"({"go":true,"n":{}})"),
                                                 done(R"({"code":"E"})"),
                                                 fault(),
                                                 final_fault()};
  walk("expressions",
       Walk(flow({step("a"),
                  "  - { name: b, service: shop, when: \"${ steps.a.output.go }\", error_code: \"${ body.code }\", "
                  "on_failure: suspend,\n"
                  "      input: { n: \"${ steps.a.output.n + 1 }\" },\n"
                  "      action: /b, compensation: { path: /undo, input: { n: \"${ output.n + 1 }\" } } }\n"},
                 header("output: { n: \"${ steps.b.output.n + 1 }\" }")),
            values, rows));
  const std::vector<workers::CallOutcome> callbacks{done(), taken(), refused(), fault()};
  walk("callbacks", Walk(flow({step("a"), step("b", "total_timeout: 1m")}, header()), callbacks, rows));
  walk("callback of a pivot",
       Walk(flow({step("a"), bare("p", "pivot: true, on_failure: suspend")}, header("deadline: 1h")), callbacks, rows));
  walk("two branches", Walk(flow({parallel({{step("a")}, {step("b")}})}, header()), plain_answers, rows));
  walk("branches that suspend",
       Walk(flow({parallel({{step("a", "on_failure: suspend")}, {step("b", "on_failure: suspend")}})},
                 header("on_compensation_failure: suspend")),
            few_steps, rows));
  walk("branches of two kinds",
       Walk(flow({parallel({{step("a", "on_failure: suspend")}, {step("b")}}), bare("z")}, header()), few_steps, rows));
  const std::vector<workers::CallOutcome> two_answers{done(), final_fault()};
  walk("a branch of two", Walk(flow({parallel({{step("a"), step("b")}, {step("c")}})}, header()), two_answers, rows));
  walk("a branch and a step", Walk(flow({parallel({{step("a")}, {bare("b")}}), step("c")}, header()), few_steps, rows));
  walk("waits and signals", Walk(flow({wait_step("w"), signal_step("s", "timeout: 1h, on_failure: suspend"), step("a")},
                                      header("deadline: 2h")),
                                 few_steps, rows));
  walk("signals in branches",
       Walk(flow({parallel({{signal_step("s")}, {step("a")}}), bare("z")}, header()), two_answers, rows));
  walk("past the pivot",
       Walk(flow({step("p", "pivot: true"), parallel({{signal_step("s", "timeout: 1h")}, {wait_step("w")}})}, header()),
            few_steps, rows));
  walk("a child", Walk(flow({step("a"), child_step("c"), step("b")}, header()), two_answers, rows));
  walk("a child that suspends",
       Walk(flow({child_step("c", "on_failure: suspend"), step("b")}, header("on_compensation_failure: suspend")),
            few_steps, rows));
  walk("children in branches",
       Walk(flow({parallel({{child_step("c")}, {child_step("d", "on_failure: continue")}}), bare("z")}, header()),
            few_steps, rows));
  walk("a child as pivot",
       Walk(flow({step("a"), child_step("p", "pivot: true"), bare("z")}, header("deadline: 1h")), few_steps, rows));
  walk("as a child", Walk(flow({step("a"), step("b")}, header()), few_answers, rows, std::nullopt, "order-1"));
  walk("as a child with a pivot",
       Walk(flow({step("a"), bare("p", "pivot: true")}, header()), few_answers, rows, std::nullopt, "order-1"));
  std::printf("%-28s %6zu states %8zu state-input pairs\n", "all", states, pairs);
  EXPECT_EQ(rows.events().size(), std::variant_size_v<EventBody>) << "every type of event is met";
  const auto rows_of = [](std::string_view table) { return std::count(table.begin(), table.end(), '\n') - 1; };
  std::printf("rows taken: %td of %td moves, %td of %td verbs in a situation\n", rows_of(rows.moves()), rows_of(kMoves),
              rows_of(rows.verbs()), rows_of(kVerbs));
  EXPECT_EQ(rows.moves(), kMoves) << "a row that no walk takes, or one that is in no table";
  EXPECT_EQ(rows.verbs(), kVerbs) << "as above";
}

}  // namespace
}  // namespace saga::core
