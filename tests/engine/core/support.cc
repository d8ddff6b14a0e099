#include "tests/engine/core/support.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "workflows/load.h"

namespace saga::core {

using workers::Answered;
using workers::NotSent;
using workers::OutcomeUnknown;
using workflows::Workflow;

// ---- workflows -----------------------------------------------------------------------------------------------------

std::string bare(std::string_view name, std::string_view options) {
  return fmt::format("  - {{ name: {0}, service: shop, action: /{0}{1}{2} }}\n", name, options.empty() ? "" : ", ",
                     options);
}

std::string step(std::string_view name, std::string_view options) {
  return bare(name, fmt::format("compensation: /{}/undo{}{}", name, options.empty() ? "" : ", ", options));
}

namespace {

std::string of_kind(std::string_view name, std::string_view kind, std::string_view options) {
  return fmt::format("  - {{ name: {}, {}{}{} }}\n", name, kind, options.empty() ? "" : ", ", options);
}

std::string indented(std::string_view lines) {
  std::string out;
  for (bool line_begins = true; const char c : lines) {
    if (line_begins) out += "      ";
    out += c;
    line_begins = c == '\n';
  }
  return out;
}

}  // namespace

std::string wait_step(std::string_view name, std::string_view options) { return of_kind(name, "wait: 1m", options); }
std::string signal_step(std::string_view name, std::string_view options) {
  return of_kind(name, fmt::format("signal: {}", name), options);
}
std::string child_step(std::string_view name, std::string_view options) {
  return of_kind(name, "saga: inner/1", options);
}

std::string parallel(const std::vector<std::vector<std::string>>& branches, const std::vector<std::string>& options) {
  std::string text = "  - parallel:\n";
  for (const auto& branch : branches) text += "      -\n" + indented(fmt::format("{}", fmt::join(branch, "")));
  for (const std::string& option : options) text += "    " + option + "\n";
  return text;
}

workflows::WorkflowRef flow(const std::vector<std::string>& steps, std::string_view header) {
  std::string text = "name: flow\nversion: 1\n";
  if (header.find("defaults:") == std::string_view::npos) {
    text +=
        "defaults:\n"
        "  retry: { max_attempts: 3, initial_interval: 1s, multiplier: 2.0, max_interval: 1m, jitter: 0 }\n"
        "  compensation_retry: { max_attempts: 2, initial_interval: 10s, multiplier: 2.0, max_interval: 5m, jitter: 0 "
        "}\n";
  }
  text += fmt::format("{}\nsteps:\n{}", header, fmt::join(steps, ""));
  const auto loaded = workflows::load_workflows(text, "test.yaml");
  if (!loaded) {
    std::fprintf(stderr, "%s\n%s", text.c_str(), format_problem(loaded.error().front()).c_str());
    SAGA_CHECK(false, "the test's workflow loads");
  }
  return loaded->front();
}

// ---- answers -------------------------------------------------------------------------------------------------------

workers::CallOutcome answered(int status, std::string_view json_body, std::optional<std::string> retry_after) {
  Answered answer;
  answer.status = status;
  answer.body = json_body;
  if (!json_body.empty()) answer.content_type = "application/json";
  answer.retry_after = std::move(retry_after);
  return answer;
}

workers::CallOutcome done(std::string_view json_body) { return answered(200, json_body); }
workers::CallOutcome refused() { return answered(422); }
workers::CallOutcome busy() { return answered(429); }
workers::CallOutcome fault() { return answered(503); }
workers::CallOutcome broken() { return answered(302); }
workers::CallOutcome final_fault() { return answered(503, R"({"retryable":false})"); }
workers::CallOutcome timed_out() { return OutcomeUnknown{OutcomeUnknown::Reason::kTimeout, "no answer in 5s"}; }
workers::CallOutcome lost() { return OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, "reset"}; }
workers::CallOutcome unreachable() { return NotSent{NotSent::Reason::kUnreachable, "connection refused"}; }
workers::CallOutcome no_instance() { return NotSent{NotSent::Reason::kNoInstance, "no instance of shop"}; }

workers::CallOutcome taken() {
  Answered answer;
  answer.status = 202;
  answer.async = true;
  return answer;
}

std::optional<Input> from_outside(const Workflow& workflow, const SagaState& state) {
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    const CallState& action = state.steps[i].action;
    switch (action.awaits) {
      case Awaits::kCallback:
        return CallbackArrived{i, Phase::kAction, action.attempts, true, share(Json{{"n", 1}, {"go", true}}), "", "",
                               {}};
      case Awaits::kSignal:
        if (!state.steps[i].signal) {
          return SignalArrived{workflow.steps[i].signal, share(Json{{"n", 1}}), "ada", true};
        }
        break;
      case Awaits::kChild:
      case Awaits::kSuspendedChild:
        return ChildReported{i, action.attempts, state.stopping ? SagaStatus::kCompensated : SagaStatus::kCompleted,
                             share(Json{{"n", 1}}), std::nullopt};
      default:
        break;
    }
    const CallState& undo = state.steps[i].compensation;
    if (undo.awaits == Awaits::kCallback) {
      return CallbackArrived{i, Phase::kCompensation, undo.attempts, true, nullptr, "", "", {}};
    }
    if (undo.awaits == Awaits::kChild || undo.awaits == Awaits::kSuspendedChild) {
      return ChildReported{i, undo.child, SagaStatus::kCompensated, nullptr, std::nullopt};
    }
  }
  return std::nullopt;
}

// ---- telling -------------------------------------------------------------------------------------------------------

namespace {

std::string failed_as(const Failure& failure) {
  return fmt::format("{} {}", failure.code, workers::to_string(failure.outcome));
}

class Teller {
 public:
  Teller(const Workflow& workflow, Timestamp at) : workflow_(workflow), at_(at) {}

  std::string operator()(const SagaAccepted&) const { return "accepted"; }
  std::string operator()(const SagaStarted&) const { return "started"; }
  std::string operator()(const AttemptBegun& e) const {
    return fmt::format("{} {} #{}", e.phase == Phase::kAction ? "call" : "undo", name(e.step), e.attempt);
  }
  std::string operator()(const AttemptFailed& e) const {
    const std::string then = e.due_at ? fmt::format(", again in {}", format_duration(*e.due_at - at_)) : std::string();
    return fmt::format("{} #{}: {}{}{}", call(e.step, e.phase), e.failure.attempt, failed_as(e.failure),
                       e.counted ? "" : " uncounted", then);
  }
  std::string operator()(const CallDeferred& e) const { return fmt::format("{} waits", call(e.step, e.phase)); }
  std::string operator()(const StepCompleted& e) const { return fmt::format("{} done", name(e.step)); }
  std::string operator()(const StepFailed& e) const {
    return fmt::format("{} failed: {}", name(e.step), failed_as(e.failure));
  }
  std::string operator()(const StepSkipped& e) const { return fmt::format("{} skipped", name(e.step)); }
  std::string operator()(const StopRequested& e) const { return fmt::format("stop: {}", e.failure.code); }
  std::string operator()(const CompensationBegun& e) const { return fmt::format("turn back: {}", e.failure.code); }
  std::string operator()(const StepCompensated& e) const { return fmt::format("{} undone", name(e.step)); }
  std::string operator()(const CompensationFailed& e) const {
    return fmt::format("{} not undone: {}", name(e.step), e.failure.code);
  }
  std::string operator()(const SagaCompleted& e) const { return e.error ? "completed: " + e.error->code : "completed"; }
  std::string operator()(const SagaCompensated&) const { return "compensated"; }
  std::string operator()(const SagaFailed& e) const {
    std::vector<std::string> names;
    for (const StepIndex i : e.not_undone) names.push_back(name(i));
    return fmt::format("failed: {} not undone", fmt::join(names, ", "));
  }
  std::string operator()(const SagaSuspended& e) const { return fmt::format("suspended: {}", to_string(e.cause)); }
  std::string operator()(const SagaResumed& e) const { return "resumed" + calls(e.calls); }
  std::string operator()(const OperatorRetried& e) const { return "retried" + calls(e.calls); }
  std::string operator()(const OperatorSkipped& e) const {
    return fmt::format("{} settled{}", call(e.call.step, e.call.phase), e.output ? " as done" : "");
  }
  std::string operator()(const OperatorCancelled&) const { return "cancelled"; }
  std::string operator()(const SagaTerminated&) const { return "terminated"; }
  std::string operator()(const CallTaken& e) const {
    return fmt::format("{} #{} taken for {}", call(e.step, e.phase), e.attempt, format_duration(e.until - at_));
  }
  std::string operator()(const HeartbeatReceived& e) const {
    return fmt::format("{} beats, {} more", call(e.step, e.phase), format_duration(e.until - at_));
  }
  std::string operator()(const WaitBegun& e) const {
    return fmt::format("{} waits {}", name(e.step), format_duration(e.until - at_));
  }
  std::string operator()(const SignalAwaited& e) const {
    return fmt::format("{} awaits its signal{}", name(e.step),
                       e.until ? fmt::format(" for {}", format_duration(*e.until - at_)) : std::string());
  }
  std::string operator()(const SignalReceived& e) const { return fmt::format("signal of {}", name(e.step)); }
  std::string operator()(const ChildBegun& e) const { return fmt::format("child {} #{}", name(e.step), e.attempt); }
  std::string operator()(const ChildSuspended& e) const {
    return fmt::format("{} waits for its child's operator", call(e.step, e.phase));
  }
  std::string operator()(const ChildResumed& e) const { return fmt::format("{} goes on", call(e.step, e.phase)); }
  std::string operator()(const ChildUndoBegun& e) const {
    return fmt::format("undo child {} #{}{}", name(e.step), e.child, e.again ? " again" : "");
  }

 private:
  [[nodiscard]] std::string name(StepIndex i) const { return workflow_.steps[i].name; }
  [[nodiscard]] std::string call(StepIndex i, Phase phase) const {
    return phase == Phase::kAction ? name(i) : "undoing " + name(i);
  }
  [[nodiscard]] std::string calls(const std::vector<CallRef>& refs) const {
    std::string text;
    for (const CallRef& ref : refs) text += (text.empty() ? " " : ", ") + call(ref.step, ref.phase);
    return text;
  }

  const Workflow& workflow_;
  Timestamp at_;
};

void report(const Problems& problems, const char* where) {
  for (const std::string& problem : problems) ADD_FAILURE() << where << ": " << problem;
}

}  // namespace

std::string told(const Workflow& workflow, const Event& event) {
  return std::visit(Teller(workflow, event.at), event.body);
}

std::shared_ptr<const SagaFacts> facts_of(const Workflow& workflow, Json input, std::optional<Timestamp> start_at) {
  auto facts = std::make_shared<SagaFacts>();
  facts->id = "order-42";
  facts->workflow = workflow.name;
  facts->version = workflow.version;
  facts->input = share(std::move(input));
  facts->tags = {{"tenant", "acme"}};
  facts->created_at = kStart;
  facts->start_at = start_at;
  facts->trace_id = "0123456789abcdef0123456789abcdef";
  facts->parent_span = "0123456789abcdef";
  return facts;
}

// ---- a driven saga -------------------------------------------------------------------------------------------------

Decision Driver::decide_checked(const Input& input) {
  const Moment moment{now, draw, begin_calls};
  Decision decision = decide(*workflow_, state_, input, moment);
  report(check_decision(*workflow_, state_, input, moment, decision), "decision");
  return decision;
}

Story Driver::feed(const Input& input) {
  Decision decision = decide_checked(input);
  if (decision.refusal) ADD_FAILURE() << "refused: " << decision.refusal->message;
  Story story;
  for (const Event& event : decision.events) {
    story.push_back(told(*workflow_, event));
    auditor_.see(event);
    events_.push_back(event);
  }
  report(auditor_.problems(), "history");
  state_ = std::move(decision.after);
  effects_ = std::move(decision.effects);
  if (!state_.facts) return story;
  Problems problems = check_state(*workflow_, state_, std::max(now, state_.updated_at), begin_calls && !story.empty());
  for (std::string& problem : check_verbs(*workflow_, state_, now)) problems.push_back(std::move(problem));
  SagaState replayed;
  fold(*workflow_, replayed, stored_and_read(*workflow_, events_, problems), problems);
  if (!(replayed == state_)) problems.emplace_back("the whole history replays to another state");
  report(problems, "state");
  return story;
}

Story Driver::start(Json input, std::optional<Timestamp> start_at) {
  return feed(StartSaga{facts_of(*workflow_, std::move(input), start_at), "ada@shop"});
}

StepIndex Driver::index_of(std::string_view step) const {
  const auto index = workflow_->step_index(step);
  SAGA_CHECK(index.has_value(), "the test names a step of its workflow");
  return *index;
}

Story Driver::answer(std::string_view name, const workers::CallOutcome& outcome) {
  const StepIndex i = index_of(name);
  if (!state_.steps[i].action.open) ADD_FAILURE() << name << " is not being called";
  return feed(CallFinished{i, Phase::kAction, state_.steps[i].action.attempts, outcome, 7});
}

Story Driver::answer_undo(std::string_view name, const workers::CallOutcome& outcome) {
  const StepIndex i = index_of(name);
  if (!state_.steps[i].compensation.open) ADD_FAILURE() << name << " is not being undone";
  return feed(CallFinished{i, Phase::kCompensation, state_.steps[i].compensation.attempts, outcome, 7});
}

Story Driver::call_back(std::string_view name, std::string_view json_output, int attempt) {
  return feed(callback_of(name, Phase::kAction, attempt, true, json_output, {}));
}

Story Driver::call_back_undone(std::string_view name, int attempt) {
  return feed(callback_of(name, Phase::kCompensation, attempt, true, "null", {}));
}

Story Driver::call_back_failed(std::string_view name, std::optional<bool> retryable, int attempt, Phase phase) {
  return feed(callback_of(name, phase, attempt, false, "", retryable));
}

CallbackArrived Driver::callback_of(std::string_view name, Phase phase, int attempt, bool succeeded,
                                    std::string_view json_output, std::optional<bool> retryable) const {
  const StepIndex i = index_of(name);
  const CallState& call = phase == Phase::kAction ? state_.steps[i].action : state_.steps[i].compensation;
  CallbackArrived callback{i, phase, attempt == 0 ? call.attempts : attempt, succeeded, nullptr, "", "", retryable};
  if (succeeded) {
    callback.output = share(*parse_json(json_output));
  } else {
    callback.code = "no";
    callback.message = "it did not work";
  }
  return callback;
}

Story Driver::beat(std::string_view name, Phase phase) {
  const StepIndex i = index_of(name);
  const CallState& call = phase == Phase::kAction ? state_.steps[i].action : state_.steps[i].compensation;
  return feed(HeartbeatArrived{i, phase, call.attempts});
}

Story Driver::signal(std::string_view signal, std::string_view json_payload) {
  return feed(SignalArrived{std::string(signal), share(*parse_json(json_payload)), "ada@shop"});
}

Story Driver::child(std::string_view name, SagaStatus status, std::string_view json_output, int attempt) {
  const StepIndex i = index_of(name);
  const StepState& state = state_.steps[i];
  const int awaited = state.undo == CompensationStatus::kNone ? state.action.attempts : state.compensation.child;
  ChildReported report{i, attempt == 0 ? awaited : attempt, status, nullptr, std::nullopt};
  if (status == SagaStatus::kCompleted) report.output = share(*parse_json(json_output));
  if (status == SagaStatus::kCompensated || status == SagaStatus::kFailed || status == SagaStatus::kSuspended) {
    report.failure = Failure{"inner", Phase::kAction, "sold_out", "none left", 409, 1, Outcome::kNotDone};
  }
  return feed(report);
}

std::pair<Refusal::Kind, std::string> Driver::refused_input(const Input& input) {
  const Decision decision = decide_checked(input);
  if (decision.refusal) return {decision.refusal->kind, decision.refusal->message};
  ADD_FAILURE() << "input " << input.index() << " is not refused";
  return {};
}

Story Driver::after(Millis time) {
  now = now + time;
  return timer();
}

Story Driver::when_due() {
  const auto due = next_due(*workflow_, state_);
  if (!due) {
    ADD_FAILURE() << "nothing is due";
    return {};
  }
  now = std::max(now, *due);
  return timer();
}

Story Driver::available(std::string_view name, Phase phase) { return feed(ServiceAvailable{index_of(name), phase}); }

OperatorCommand Driver::command_of(Verb verb, std::string_view name, JsonRef output) const {
  return OperatorCommand{verb, std::string(name), std::move(output), Actor{"ada@ops", true, "because"}};
}

Story Driver::command(Verb verb, std::string_view name, JsonRef output) {
  return feed(command_of(verb, name, std::move(output)));
}

std::string Driver::refusal(Verb verb, std::string_view name, JsonRef output) {
  const Decision decision = decide_checked(command_of(verb, name, std::move(output)));
  if (decision.refusal) return decision.refusal->message;
  ADD_FAILURE() << to_string(verb) << " is not refused";
  return "";
}

const StepState& Driver::step(std::string_view name) const { return state_.steps[index_of(name)]; }

std::optional<Millis> Driver::due() const {
  const auto due = next_due(*workflow_, state_);
  if (!due) return std::nullopt;
  return *due - now;
}

std::string Driver::allowed() const {
  std::vector<std::string_view> names;
  for (const Verb verb : allowed_verbs(*workflow_, state_)) names.push_back(to_string(verb));
  return fmt::format("{}", fmt::join(names, " "));
}

CallRequest Driver::request(std::string_view name, Phase phase) const {
  return render_call(*workflow_, state_, index_of(name), phase);
}

std::string Driver::header(std::string_view name, Phase phase, std::string_view wanted) const {
  return std::string(request(name, phase).headers.find(wanted).value_or(""));
}

}  // namespace saga::core
