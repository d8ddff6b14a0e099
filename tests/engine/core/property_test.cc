// Random workflows, random answers, operators and crashes at random moments: after every decision the saga replays to
// the same state and the invariants hold, and from wherever it got to it can be brought to an end.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/engine/core/audit.h"
#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kMaxSteps = 8;

template <typename T>
T one_of(const std::vector<T>& from) {
  return from[*rc::gen::inRange<std::size_t>(0, from.size())];
}

/// One step with options that may stand together.
std::string any_step(int index, int before, bool pivot) {
  std::vector<std::string> options;
  if (pivot) options.emplace_back("pivot: true");
  const auto on_failure = one_of<std::string>({"", "", "continue", "suspend"});
  if (!on_failure.empty() && !(pivot && on_failure == "continue")) options.push_back("on_failure: " + on_failure);
  const auto total = one_of<std::string>({"", "", "3s", "1m"});
  if (!total.empty()) options.push_back("total_timeout: " + total);
  const auto when = one_of<std::string>({"", "", "", "${ input.go }", "${ not input.go }", "${ input.missing }"});
  if (!when.empty()) options.push_back("when: \"" + when + "\"");
  if (*rc::gen::inRange(0, 4) == 0)
    options.emplace_back("retry: { max_attempts: 5, initial_interval: 100ms, non_retryable: [E] }");
  if (*rc::gen::inRange(0, 6) == 0) options.emplace_back("error_code: \"${ body.code }\"");
  if (before >= 0 && *rc::gen::inRange(0, 3) == 0) {
    options.push_back(fmt::format("input: {{ before: \"${{ steps.s{}.output.n + 1 }}\" }}", before));
  }
  const std::string name = fmt::format("s{}", index);
  const std::string all = fmt::format("{}", fmt::join(options, ", "));
  return *rc::gen::inRange(0, 4) == 0 ? bare(name, all) : step(name, all);
}

/// A step of any kind. `before`: the step whose output it may read, or none.
std::string any_kind(int index, int before, bool pivot) {
  const std::string name = fmt::format("s{}", index);
  const auto when = one_of<std::string>({"", "", "", "when: \"${ input.go }\"", "when: \"${ input.missing }\""});
  const auto on_failure = one_of<std::string>({"", "", "on_failure: continue", "on_failure: suspend"});
  const auto with = [&when](std::string options) {
    return options + (options.empty() || when.empty() ? "" : ", ") + when;
  };
  switch (pivot ? *rc::gen::inRange(0, 10) : *rc::gen::inRange(0, 14)) {
    case 0:
    case 1:
      if (pivot) return child_step(name, "pivot: true");
      return child_step(name,
                        with(before < 0 ? on_failure : fmt::format("input: \"${{ steps.s{}.output }}\"", before)));
    case 10:
    case 11:
      return signal_step(name,
                         with(one_of<std::string>({on_failure, "timeout: 2s", "timeout: 1h, on_failure: suspend"})));
    case 12:
      return wait_step(name, when);
    default:
      return any_step(index, before, pivot);
  }
}

/// Steps and groups of them, one after the other, numbered from `next`.
std::vector<std::string> any_sequence(int& next, int depth, int count, int pivot) {
  std::vector<std::string> nodes;
  int before = -1;
  while (count > 0) {
    const bool group =
        depth < 2 && count > 1 && *rc::gen::inRange(0, 4) == 0 && (pivot < next || pivot >= next + count);
    if (!group) {
      nodes.push_back(any_kind(next, before, next == pivot));
      before = next++;
      --count;
      continue;
    }
    std::vector<std::vector<std::string>> branches;
    int inside = *rc::gen::inRange(2, count + 1);
    count -= inside;
    while (inside > 0) {
      const int here = *rc::gen::inRange(1, inside + 1);
      inside -= here;
      branches.push_back(any_sequence(next, depth + 1, here, -1));
    }
    if (branches.size() == 1) {
      branches.push_back({any_kind(next, -1, false)});
      ++next;
    }
    const auto when = one_of<std::string>(
        {"", "", "when: \"${ input.go }\"", "when: \"${ not input.go }\"", "when: \"${ input.missing }\""});
    nodes.push_back(parallel(branches, when.empty() ? std::vector<std::string>{} : std::vector{when}));
    before = next - 1;
  }
  return nodes;
}

workflows::WorkflowRef any_workflow() {
  const int count = *rc::gen::inRange(1, kMaxSteps + 1);
  const int pivot = *rc::gen::inRange(-2, count);
  int next = 0;
  const std::vector<std::string> steps = any_sequence(next, 0, count, pivot);
  std::string header;
  if (const auto deadline = one_of<std::string>({"", "5s", "1h"}); !deadline.empty())
    header += "deadline: " + deadline + "\n";
  if (*rc::gen::inRange(0, 2) == 0) header += "on_compensation_failure: suspend\n";
  if (*rc::gen::inRange(0, 4) == 0) header += "output: { n: \"${ steps.s0.output.n + 1 }\" }\n";
  return flow(steps, header);
}

/// A saga and what was found wrong with it.
class Subject {
 public:
  explicit Subject(workflows::WorkflowRef workflow) : workflow_(std::move(workflow)), auditor_(*workflow_) {}

  void feed(const Input& input, const Moment& moment) {
    Decision decision = decide(*workflow_, state_, input, moment);
    found(check_decision(*workflow_, state_, input, moment, decision));
    for (const Event& event : decision.events) {
      auditor_.see(event);
      events_.push_back(event);
    }
    found(auditor_.problems());
    state_ = std::move(decision.after);
    moved_ = !decision.events.empty();
    began_ = moment.begin_calls;
  }

  /// What is too dear to be looked at after every decision.
  void look_closely(Timestamp now) {
    found(check_verbs(*workflow_, state_, now));
    if (moved_) found(check_state(*workflow_, state_, std::max(now, state_.updated_at), began_));
    Problems problems;
    SagaState replayed;
    fold(*workflow_, replayed, stored_and_read(*workflow_, events_, problems), problems);
    if (!(replayed == state_)) problems.emplace_back("the whole history replays to another state");
    found(problems);
  }

  [[nodiscard]] const SagaState& state() const { return state_; }
  [[nodiscard]] const workflows::Workflow& workflow() const { return *workflow_; }

 private:
  void found(const Problems& problems) {
    if (problems.empty()) return;
    std::string story;
    for (const Event& event : events_) story += "\n  " + told(*workflow_, event);
    RC_FAIL(fmt::format("{}\n{}\n{}", workflow_->source, fmt::join(problems, "\n"), story));
  }

  workflows::WorkflowRef workflow_;
  SagaState state_;
  std::vector<Event> events_;
  Auditor auditor_;
  bool moved_ = false;
  bool began_ = true;
};

/// The calls under way.
std::vector<CallFinished> open_calls(const SagaState& state) {
  std::vector<CallFinished> open;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    if (step.action.open) open.push_back({i, Phase::kAction, step.action.attempts, {}, 1});
    if (step.compensation.open) open.push_back({i, Phase::kCompensation, step.compensation.attempts, {}, 1});
  }
  return open;
}

/// A callback, heartbeat, signal or child's report, of any step and mostly of one that awaits it.
std::optional<Input> any_message(const workflows::Workflow& workflow, const SagaState& state) {
  std::vector<Input> all;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
      const CallState& call = phase == Phase::kAction ? state.steps[i].action : state.steps[i].compensation;
      if (call.attempts == 0 && call.awaits == Awaits::kNothing && *rc::gen::inRange(0, 8) != 0) continue;
      const int attempt = *rc::gen::inRange(0, 4) == 0 ? *rc::gen::inRange(0, 4) : call.attempts;
      if (workflow.steps[i].kind == workflows::StepKind::kSaga) {
        const auto status = one_of<SagaStatus>(
            {SagaStatus::kRunning, SagaStatus::kSuspended, SagaStatus::kCompensating, SagaStatus::kCompleted,
             SagaStatus::kCompleted, SagaStatus::kCompensated, SagaStatus::kFailed, SagaStatus::kTerminated});
        const int child = phase == Phase::kCompensation && call.child > 0 ? call.child : attempt;
        all.emplace_back(ChildReported{i, child, status, share(Json{{"n", 1}}), std::nullopt});
      } else if (workflow.steps[i].kind == workflows::StepKind::kCall) {
        const auto retryable = one_of<std::optional<bool>>({std::nullopt, true, false});
        const bool good = *rc::gen::inRange(0, 2) == 0;
        all.emplace_back(CallbackArrived{i, phase, attempt, good, share(Json{{"n", 1}}),
                                         one_of<std::string>({"E", "no"}), "said so", retryable});
        all.emplace_back(HeartbeatArrived{i, phase, attempt});
      }
    }
    if (workflow.steps[i].kind == workflows::StepKind::kSignal) {
      all.emplace_back(
          SignalArrived{workflow.steps[i].signal, share(Json{{"n", *rc::gen::inRange(1, 3)}}), "ada", true});
    }
  }
  if (all.empty()) return std::nullopt;
  return one_of(all);
}

std::optional<ServiceAvailable> waiting_call(const SagaState& state) {
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    if (state.steps[i].action.awaits == Awaits::kService) return ServiceAvailable{i, Phase::kAction};
    if (state.steps[i].compensation.awaits == Awaits::kService) return ServiceAvailable{i, Phase::kCompensation};
  }
  return std::nullopt;
}

workers::CallOutcome any_answer() {
  static const std::vector<workers::CallOutcome> answers{done(R"({"n":1})"),
                                                         done(R"({"n":1})"),
                                                         done(R"({"n":1})"),
                                                         done(R"({"n":1})"),
                                                         done(),
                                                         done(R"({"code":"E"})"),
                                                         refused(),
                                                         busy(),
                                                         fault(),
                                                         fault(),
                                                         broken(),
                                                         final_fault(),
                                                         timed_out(),
                                                         lost(),
                                                         unreachable(),
                                                         no_instance(),
                                                         taken(),
                                                         answered(409),
                                                         answered(503, "", "40"),
                                                         answered(500, R"({"code":"E"})")};
  return one_of(answers);
}

Input any_command(const workflows::Workflow& workflow) {
  const Verb verb = one_of<Verb>({Verb::kCancel, Verb::kSuspend, Verb::kResume, Verb::kResume, Verb::kRetry,
                                  Verb::kRetry, Verb::kSkip, Verb::kSkip});
  const auto commands = commands_of(workflow, verb);
  return commands[*rc::gen::inRange<std::size_t>(0, commands.size())];
}

/// Anything that can happen next; mostly what moves the saga.
Input any_input(const Subject& saga) {
  const int draw = *rc::gen::inRange(0, 100);
  const auto open = open_calls(saga.state());
  const auto waiting = waiting_call(saga.state());
  if (draw < 8) return Recovered{};
  if (draw < 25) return any_command(saga.workflow());
  if (draw < 30 && !saga.state().facts->parent_id.empty()) return UndoSaga{Actor{"parent", true, "undo"}};
  if (!open.empty() && draw < 70) {
    CallFinished finished = one_of(open);
    finished.outcome = any_answer();
    return finished;
  }
  if (draw < 90) {
    if (auto message = any_message(saga.workflow(), saga.state())) return *message;
  }
  if (waiting && draw < 60) return *waiting;
  if (draw < 30) {
    return CallFinished{*rc::gen::inRange<std::size_t>(0, saga.workflow().steps.size()),
                        one_of<Phase>({Phase::kAction, Phase::kCompensation}), *rc::gen::inRange(0, 5), any_answer(),
                        1};
  }
  return TimerFired{};
}

/// Workers that answer, time that passes, an operator who wants it to go on.
void bring_to_an_end(Subject& saga, Timestamp now) {
  const Actor actor{"ada", false, "go on"};
  for (int moves = 0; !has_ended(saga.state().status); ++moves) {
    if (moves > 200) RC_FAIL("it does not end: " + saga.workflow().source);
    const SagaState& state = saga.state();
    if (const auto due = next_due(saga.workflow(), state)) now = std::max(now, *due);
    Input input = TimerFired{};
    auto open = open_calls(state);
    if (!open.empty()) {
      open.front().outcome = done(R"({"n":1})");
      input = open.front();
    } else if (state.status == SagaStatus::kSuspended) {
      const auto stuck = stuck_calls(saga.workflow(), state);
      if (moves < 60 || stuck.empty()) {
        input = OperatorCommand{Verb::kResume, "", nullptr, actor};
      } else {
        const bool action = stuck.front().phase == Phase::kAction;
        input = OperatorCommand{Verb::kSkip, stuck.front().step, action ? share(Json{{"n", 1}}) : nullptr, actor};
      }
    } else if (const auto outside = from_outside(saga.workflow(), state)) {
      input = *outside;
    } else if (awaits_service(state)) {
      input = *waiting_call(state);
    }
    const std::int64_t before = state.seq;
    saga.feed(input, {now, 0, true});
    if (saga.state().seq == before)
      RC_FAIL(fmt::format("it stands still (input {}): {}", input.index(), saga.workflow().source));
  }
}

RC_GTEST_PROP(Properties, ASagaKeepsTheRulesWhateverHappensAndCanAlwaysBeBroughtToAnEnd, ()) {
  Subject saga(any_workflow());
  const bool later = *rc::gen::inRange(0, 8) == 0;
  Timestamp now = kStart;
  auto facts = std::make_shared<SagaFacts>(
      *facts_of(saga.workflow(), Json{{"go", true}}, later ? std::optional(kStart + minutes(1)) : std::nullopt));
  if (*rc::gen::inRange(0, 4) == 0) {
    facts->parent_id = "order-1";
    facts->parent_step = "inner";
    facts->parent_attempt = 1;
  }
  saga.feed(StartSaga{facts, "ada"}, {now, 0, *rc::gen::inRange(0, 8) != 0});
  const int inputs = *rc::gen::inRange(0, 40);
  for (int i = 0; i < inputs; ++i) {
    const auto due = next_due(saga.workflow(), saga.state());
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        now = now + seconds(*rc::gen::inRange(0, 20));
        break;
      case 1:
        now = now + hours(2);
        break;
      case 2:
        now = now - seconds(30);
        break;
      case 3:
      case 4:
        if (due) now = std::max(now, *due);
        break;
      default:
        break;
    }
    const auto draw = *rc::gen::arbitrary<std::uint64_t>();
    saga.feed(any_input(saga), {now, draw, *rc::gen::inRange(0, 10) != 0});
    if (*rc::gen::inRange(0, 8) == 0) saga.look_closely(now);
  }
  now = std::max(now, saga.state().updated_at);
  RC_TAG(std::string(to_string(saga.state().status)));
  saga.look_closely(now);
  bring_to_an_end(saga, now);
}

}  // namespace
}  // namespace saga::core
