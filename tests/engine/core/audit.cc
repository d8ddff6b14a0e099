#include "tests/engine/core/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace saga::core {

using workflows::OnFailure;
using workflows::Workflow;

namespace {

bool same(const Decision& a, const Decision& b) {
  return a.events == b.events && a.effects == b.effects && a.after == b.after &&
         a.refusal.has_value() == b.refusal.has_value() && (!a.refusal || a.refusal->message == b.refusal->message);
}

bool decides_nothing(const Decision& decision) { return decision.events.empty() && decision.effects.empty(); }

/// Every begun attempt leaves, every call that waits is asked after, and nothing else.
void check_effects(const Workflow& workflow, const Decision& decision, Problems& problems) {
  std::vector<Effect> expected;
  for (const Event& event : decision.events) {
    if (const auto* begun = std::get_if<AttemptBegun>(&event.body)) {
      expected.push_back(CallWorker{begun->step, begun->phase, begun->attempt});
    } else if (const auto* deferred = std::get_if<CallDeferred>(&event.body)) {
      expected.push_back(AwaitService{deferred->step, deferred->phase});
    }
  }
  if (decision.effects != expected) problems.push_back("the effects are not those of the events");
  for (const Effect& effect : decision.effects) {
    const auto* call = std::get_if<CallWorker>(&effect);
    if (call == nullptr) continue;
    const StepState& step = decision.after.steps[call->step];
    const CallState& state = call->phase == Phase::kAction ? step.action : step.compensation;
    if (!state.open || state.attempts != call->attempt) problems.push_back("a call leaves that is not under way");
    const CallRequest request = render_call(workflow, decision.after, call->step, call->phase);
    if (request.path.empty() || request.method.empty()) problems.push_back("a call has no path or method");
  }
}

/// What has ended or is suspended moves by an operator's hand alone; where no call may begin, none does.
void check_stillness(const SagaState& before, const Input& input, const Moment& moment, const Decision& decision,
                     Problems& problems) {
  for (const Event& event : decision.events) {
    if (std::holds_alternative<AttemptBegun>(event.body) && !moment.begin_calls) {
      problems.push_back("a call begins where none may");
    }
  }
  if (std::holds_alternative<OperatorCommand>(input) || !before.facts) return;
  if (has_ended(before.status) && !decides_nothing(decision)) problems.push_back("something follows the end");
  if (before.status != SagaStatus::kSuspended) return;
  if (decision.after.status != SagaStatus::kSuspended) problems.push_back("a suspended saga goes on by itself");
  const bool records = std::holds_alternative<CallFinished>(input) || std::holds_alternative<Recovered>(input);
  if (!records && !decides_nothing(decision)) problems.push_back("something happens in a suspended saga");
}

}  // namespace

std::vector<Event> stored_and_read(const Workflow& workflow, const std::vector<Event>& events, Problems& problems) {
  std::vector<Event> read;
  for (const Event& event : events) {
    const std::string text = encode_event(workflow, event.body);
    auto decoded = decode_event(workflow, event.at, type_name(event.body), text);
    if (!decoded) {
      problems.push_back(
          fmt::format("{} is not read back: {}: {}", type_name(event.body), decoded.error().message, text));
      return read;
    }
    if (!(*decoded == event))
      problems.push_back(fmt::format("{} is read back otherwise: {}", type_name(event.body), text));
    read.push_back(std::move(*decoded));
  }
  return read;
}

void fold(const Workflow& workflow, SagaState& state, const std::vector<Event>& events, Problems& problems) {
  for (const Event& event : events) {
    if (const auto applied = apply(workflow, state, event); !applied) {
      problems.push_back(fmt::format("does not replay: {}", applied.error().message));
      return;
    }
  }
}

Problems check_decision(const Workflow& workflow, const SagaState& before, const Input& input, const Moment& moment,
                        const Decision& decision) {
  Problems problems;
  if (!same(decision, decide(workflow, before, input, moment)))
    problems.push_back("equal arguments gave two decisions");
  if (decision.refusal && !decision.events.empty()) problems.push_back("a refused input is written");
  if (decision.refusal && decision.refusal->message.empty()) problems.push_back("a refusal says nothing");
  SagaState replayed = before;
  fold(workflow, replayed, stored_and_read(workflow, decision.events, problems), problems);
  if (!(replayed == decision.after)) problems.push_back("the replayed state is not the live one");
  if (decision.after.seq != before.seq + static_cast<std::int64_t>(decision.events.size())) {
    problems.push_back("the sequence has a gap");
  }
  for (const Event& event : decision.events) {
    if (event.at < before.updated_at) problems.push_back("time runs backwards");
  }
  check_effects(workflow, decision, problems);
  check_stillness(before, input, moment, decision, problems);
  return problems;
}

Problems check_state(const Workflow& workflow, const SagaState& state, Timestamp now, bool began) {
  Problems problems;
  const auto expect = [&problems](bool holds, std::string_view what) {
    if (!holds) problems.emplace_back(what);
  };
  const bool ended = has_ended(state.status);
  const bool suspended = state.status == SagaStatus::kSuspended;
  int open = 0;
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
      const CallState& call = phase == Phase::kAction ? state.steps[i].action : state.steps[i].compensation;
      open += call.open ? 1 : 0;
      // Late, repeated, or of an attempt that never was.
      for (const int attempt : {call.attempts - 1, call.attempts, call.attempts + 1}) {
        if (call.open && attempt == call.attempts) continue;
        for (const int status : {200, 503}) {
          workers::Answered answer;
          answer.status = status;
          const Decision late = decide(workflow, state, CallFinished{i, phase, attempt, answer, 1}, {now, 0, true});
          expect(decides_nothing(late), "an answer to an attempt that is not under way decides something");
        }
      }
    }
  }
  expect(open <= 1, "two calls are under way");
  expect(has_open_call(state) == (open > 0), "has_open_call is wrong");
  expect(open == 0 || !ended, "an ended saga has a call under way");
  expect(state.suspension.has_value() == suspended, "a suspension without being suspended, or the other way round");
  expect(state.attention_since.has_value() == needs_attention(state), "attention_since is not kept");
  expect(state.finished_at.has_value() == ended, "finished_at is not kept");
  expect(!state.stopping || state.status == SagaStatus::kRunning || suspended, "stopping in a state that cannot stop");
  if (state.status == SagaStatus::kFailed)
    expect(!stuck_calls(workflow, state).empty(), "failed, but nothing is stuck");
  if (awaits_service(state)) expect(!stuck_calls(workflow, state).empty(), "waits for a service, but nothing is stuck");

  const auto due = next_due(workflow, state);
  if (ended || suspended) {
    expect(!due, "due, though nothing follows by itself");
  } else {
    expect(due || open > 0 || awaits_service(state), "nothing will ever happen to it by itself");
  }
  if (due) {
    if (began) expect(*due > now, "due already, though it could have gone on");
    const Moment then{std::max(*due, state.updated_at), 0, true};
    expect(!decide(workflow, state, TimerFired{}, then).events.empty(), "due, but nothing follows");
  }
  if (began)
    expect(decides_nothing(decide(workflow, state, TimerFired{}, {now, 0, true})),
           "a timer before its time decides something");
  return problems;
}

std::vector<OperatorCommand> commands_of(const Workflow& workflow, Verb verb) {
  static const JsonRef output = share(Json{{"by", "hand"}});
  const Actor actor{"ada@ops", true, "because"};
  std::vector<OperatorCommand> commands{{verb, "", nullptr, actor}};
  if (verb != Verb::kRetry && verb != Verb::kSkip) return commands;
  for (const workflows::Step& step : workflow.steps) {
    commands.push_back({verb, step.name, nullptr, actor});
    if (verb == Verb::kSkip) commands.push_back({verb, step.name, output, actor});
  }
  return commands;
}

Problems check_verbs(const Workflow& workflow, const SagaState& state, Timestamp now) {
  Problems problems;
  const auto allowed = allowed_verbs(workflow, state);
  if (!std::is_sorted(allowed.begin(), allowed.end())) problems.push_back("the verbs are not in order");
  for (const Verb verb : {Verb::kCancel, Verb::kSuspend, Verb::kResume, Verb::kRetry, Verb::kSkip, Verb::kTerminate}) {
    bool works = false;
    for (const OperatorCommand& command : commands_of(workflow, verb)) {
      const Decision decision = decide(workflow, state, command, {now, 0, true});
      if (decision.refusal && !decides_nothing(decision)) problems.push_back("a refused command has effects");
      works = works || !decision.events.empty();
    }
    const bool is_allowed = std::find(allowed.begin(), allowed.end(), verb) != allowed.end();
    if (is_allowed != works) {
      problems.push_back(fmt::format("{} is {}allowed, but {}", to_string(verb), is_allowed ? "" : "not ",
                                     works ? "does something" : "does nothing"));
    }
  }
  return problems;
}

// ---- the invariants ------------------------------------------------------------------------------------------------

Auditor::Auditor(const Workflow& workflow) : workflow_(&workflow), steps_(workflow.steps.size()) {}

bool Auditor::to_undo(const Step& step, StepIndex index) const {
  return workflow_->steps[index].compensation.has_value() && (step.done || step.unknown);
}

void Auditor::begun(const AttemptBegun& event) {
  Step& step = steps_[event.step];
  const std::string& name = workflow_->steps[event.step].name;
  Call& call = event.phase == Phase::kAction ? step.action : step.undo;
  if (call.open) wrong(fmt::format("{}: an attempt is begun while another is under way", name));
  if (event.attempt != call.attempts + 1)
    wrong(fmt::format("I6: {} attempt {} follows {}", name, event.attempt, call.attempts));
  call.attempts = event.attempt;
  call.open = true;
  if (event.phase == Phase::kAction) {
    if (turned_back_) wrong(fmt::format("I3: {} is called after undoing began", name));
    if (step.ended) wrong(fmt::format("{} is called after it ended", name));
    step.begun = true;
    for (StepIndex i = 0; i < steps_.size(); ++i) {
      if (i < event.step && !steps_[i].passable)
        wrong(fmt::format("I2: {} runs before {} ended well", name, workflow_->steps[i].name));
      if (i > event.step && steps_[i].begun) wrong(fmt::format("I2: {} runs after {}", name, workflow_->steps[i].name));
    }
    return;
  }
  if (!turned_back_) wrong(fmt::format("{} is undone in a saga that goes forward", name));
  if (!to_undo(step, event.step)) wrong(fmt::format("I4: {} is undone, but there is nothing to undo", name));
  if (step.undo_ended) wrong(fmt::format("I4: {} is undone a second time", name));
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    if (to_undo(steps_[i], i) && steps_[i].end_order > step.end_order && !steps_[i].undo_ended) {
      wrong(fmt::format("I4: {} is undone before {}", name, workflow_->steps[i].name));
    }
  }
  if (!workflow_->pivot) return;
  const Step& pivot = steps_[*workflow_->pivot];
  if (pivot.done) wrong(fmt::format("I5: {} is undone past the pivot", name));
  if (*workflow_->pivot != event.step && pivot.unknown && !pivot.undone) {
    wrong(fmt::format("{} is undone while nobody knows whether the pivot happened", name));
  }
}

void Auditor::ended(StepIndex index, bool passable) {
  Step& step = steps_[index];
  if (step.action.open) wrong("a step ends while its call is under way");
  step.ended = true;
  step.passable = passable;
  step.end_order = ++order_;
}

void Auditor::undoing_ends(bool all_undone) {
  if (!turned_back_ && order_ > 0) wrong("undoing ends that never began");
  bool missing = false;
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    if (!to_undo(steps_[i], i)) continue;
    if (!steps_[i].undo_ended) wrong(fmt::format("I4: {} was never undone", workflow_->steps[i].name));
    missing = missing || !steps_[i].undone;
  }
  if (all_undone == missing) wrong("what the saga ended as is not what was undone");
}

void Auditor::see(const Event& event) {
  const EventBody& body = event.body;
  if (over_ && !std::holds_alternative<OperatorRetried>(body) && !std::holds_alternative<OperatorSkipped>(body) &&
      !std::holds_alternative<SagaTerminated>(body)) {
    wrong(fmt::format("{} follows the end", type_name(body)));
  }
  if (const auto* begin = std::get_if<AttemptBegun>(&body)) {
    begun(*begin);
  } else if (const auto* failed = std::get_if<AttemptFailed>(&body)) {
    Step& step = steps_[failed->step];
    (failed->phase == Phase::kAction ? step.action : step.undo).open = false;
    if (failed->phase == Phase::kAction && failed->failure.outcome == Outcome::kUnknown) step.unknown = true;
  } else if (const auto* deferred = std::get_if<CallDeferred>(&body)) {
    Step& step = steps_[deferred->step];
    Call& call = deferred->phase == Phase::kAction ? step.action : step.undo;
    call.open = false;
    call.attempts -= 1;
  } else if (const auto* taken = std::get_if<CallTaken>(&body)) {
    Step& step = steps_[taken->step];
    (taken->phase == Phase::kAction ? step.action : step.undo).open = false;
  } else if (const auto* completed = std::get_if<StepCompleted>(&body)) {
    steps_[completed->step].action.open = false;
    steps_[completed->step].done = true;
    ended(completed->step, true);
  } else if (const auto* step_failed = std::get_if<StepFailed>(&body)) {
    const bool unknown = step_failed->failure.outcome == Outcome::kUnknown;
    if (unknown != steps_[step_failed->step].unknown) wrong("a step's outcome is not what its attempts left");
    ended(step_failed->step, workflow_->steps[step_failed->step].on_failure == OnFailure::kContinue);
  } else if (const auto* skipped = std::get_if<StepSkipped>(&body)) {
    ended(skipped->step, true);
  } else if (std::holds_alternative<CompensationBegun>(body)) {
    if (workflow_->pivot && steps_[*workflow_->pivot].done) wrong("I5: turns back past the pivot");
    turned_back_ = true;
  } else if (const auto* undone = std::get_if<StepCompensated>(&body)) {
    Step& step = steps_[undone->step];
    step.undo.open = false;
    step.undo_ended = step.undone = true;
  } else if (const auto* not_undone = std::get_if<CompensationFailed>(&body)) {
    steps_[not_undone->step].undo_ended = true;
  } else if (std::holds_alternative<SagaCompleted>(body)) {
    over_ = true;
    if (turned_back_) wrong("completes after undoing began");
    if (!std::all_of(steps_.begin(), steps_.end(), [](const Step& s) { return s.passable; }))
      wrong("completes with steps left");
  } else if (std::holds_alternative<SagaCompensated>(body)) {
    over_ = true;
    undoing_ends(true);
  } else if (std::holds_alternative<SagaFailed>(body)) {
    over_ = true;
    undoing_ends(false);
  } else if (const auto* suspended = std::get_if<SagaSuspended>(&body)) {
    pivot_in_doubt_ = suspended->cause == SuspensionCause::kPivotUnknown;
  } else if (const auto* cancelled = std::get_if<OperatorCancelled>(&body); cancelled != nullptr && pivot_in_doubt_) {
    steps_[*workflow_->pivot].unknown = false;
    steps_[*workflow_->pivot].undo_ended = steps_[*workflow_->pivot].undone = true;
    pivot_in_doubt_ = false;
  } else if (std::holds_alternative<SagaTerminated>(body)) {
    over_ = true;
  }
  const auto called_again = [this](const std::vector<CallRef>& calls) {
    for (const CallRef& ref : calls) {
      Step& step = steps_[ref.step];
      over_ = false;
      if (ref.phase == Phase::kAction) {
        if (turned_back_ && !pivot_in_doubt_) wrong("I3: an action is retried in a saga that turned back");
        turned_back_ = step.undo_ended = step.undone = false;
        step.ended = step.passable = false;
      } else {
        step.undo_ended = false;
      }
    }
    pivot_in_doubt_ = false;
  };
  if (const auto* retried = std::get_if<OperatorRetried>(&body)) called_again(retried->calls);
  if (const auto* resumed = std::get_if<SagaResumed>(&body)) called_again(resumed->calls);
  if (const auto* settled = std::get_if<OperatorSkipped>(&body)) {
    Step& step = steps_[settled->call.step];
    if (settled->call.phase == Phase::kCompensation) {
      step.undo_ended = step.undone = true;
      over_ = over_ && std::any_of(steps_.begin(), steps_.end(), [&](const Step& s) {
                return to_undo(s, static_cast<StepIndex>(&s - steps_.data())) && !s.undone;
              });
    } else {
      if (turned_back_ && !(pivot_in_doubt_ && settled->output))
        wrong("I3: an action is skipped in a saga that turned back");
      turned_back_ = false;
      step.undo_ended = step.undone = false;
      step.done = settled->output != nullptr;
      ended(settled->call.step, true);
    }
    pivot_in_doubt_ = false;
  }
}

}  // namespace saga::core
