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
std::string any_step(int index, bool pivot) {
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
  if (index > 0 && *rc::gen::inRange(0, 3) == 0) {
    options.push_back(fmt::format("input: {{ before: \"${{ steps.s{}.output.n + 1 }}\" }}", index - 1));
  }
  const std::string name = fmt::format("s{}", index);
  const std::string all = fmt::format("{}", fmt::join(options, ", "));
  return *rc::gen::inRange(0, 4) == 0 ? bare(name, all) : step(name, all);
}

workflows::WorkflowRef any_workflow() {
  const int count = *rc::gen::inRange(1, kMaxSteps + 1);
  const int pivot = *rc::gen::inRange(-2, count);
  std::vector<std::string> steps;
  for (int i = 0; i < count; ++i) steps.push_back(any_step(i, i == pivot));
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

/// The call under way, if there is one.
std::optional<CallFinished> open_call(const SagaState& state) {
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    if (state.steps[i].action.open) return CallFinished{i, Phase::kAction, state.steps[i].action.attempts, {}, 1};
    if (state.steps[i].compensation.open)
      return CallFinished{i, Phase::kCompensation, state.steps[i].compensation.attempts, {}, 1};
  }
  return std::nullopt;
}

std::optional<ServiceAvailable> waiting_call(const SagaState& state) {
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    if (state.steps[i].status == StepStatus::kWaiting) return ServiceAvailable{i, Phase::kAction};
    if (state.steps[i].undo == CompensationStatus::kWaiting) return ServiceAvailable{i, Phase::kCompensation};
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
  const auto open = open_call(saga.state());
  const auto waiting = waiting_call(saga.state());
  if (draw < 8) return Recovered{};
  if (draw < 25) return any_command(saga.workflow());
  if (open && draw < 85) {
    CallFinished finished = *open;
    finished.outcome = any_answer();
    return finished;
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
    if (auto open = open_call(state)) {
      open->outcome = done(R"({"n":1})");
      input = *open;
    } else if (state.status == SagaStatus::kSuspended) {
      const auto stuck = stuck_calls(saga.workflow(), state);
      if (moves < 60 || stuck.empty()) {
        input = OperatorCommand{Verb::kResume, "", nullptr, actor};
      } else {
        const bool action = stuck.front().phase == Phase::kAction;
        input = OperatorCommand{Verb::kSkip, stuck.front().step, action ? share(Json{{"n", 1}}) : nullptr, actor};
      }
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
  saga.feed(StartSaga{facts_of(saga.workflow(), Json{{"go", true}},
                               later ? std::optional(kStart + minutes(1)) : std::nullopt),
                      "ada"},
            {now, 0, *rc::gen::inRange(0, 8) != 0});
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
