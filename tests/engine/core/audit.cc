#include "tests/engine/core/audit.h"

#include <fmt/format.h>

#include <algorithm>

namespace saga::core {

using workflows::Workflow;

namespace {

bool same(const Decision& a, const Decision& b) {
  return a.events == b.events && a.effects == b.effects && a.after == b.after &&
         a.refusal.has_value() == b.refusal.has_value() && (!a.refusal || a.refusal->message == b.refusal->message);
}

bool decides_nothing(const Decision& decision) {
  return decision.events.empty() && decision.effects.empty() && !decision.contradiction;
}

bool awaits_child(const CallState& call) {
  return call.awaits == Awaits::kChild || call.awaits == Awaits::kSuspendedChild;
}

/// What a saga that is read back has done to its children once more.
std::vector<Effect> owed_to_children(const SagaState& state) {
  std::vector<Effect> owed;
  for (StepIndex i = 0; !has_ended(state.status) && i < state.steps.size(); ++i) {
    const StepState& step = state.steps[i];
    const int child = step.action.attempts;
    const bool is_child = awaits_child(step.action) || step.action.attempts > 0;
    if (awaits_child(step.compensation)) {
      owed.push_back(UndoChild{i, step.compensation.child, step.compensation.again});
    } else if (awaits_child(step.action)) {
      state.stopping ? owed.push_back(CancelChild{i, child}) : owed.push_back(StartChild{i, child});
    } else if (is_child && step.settled && step.status == StepStatus::kSkipped) {
      owed.push_back(CancelChild{i, child});
    }
  }
  return owed;
}

/// Every begun attempt leaves, every call that waits is asked after, children are told, and nothing else.
void check_effects(const Workflow& workflow, const SagaState& before, const Input& input, const Decision& decision,
                   Problems& problems) {
  std::vector<Effect> expected;
  SagaState state = before;
  if (std::holds_alternative<Recovered>(input)) {
    for (const Effect& effect : owed_to_children(before)) {
      const bool of_child =
          std::visit([&](const auto& e) { return workflow.steps[e.step].kind; }, effect) == workflows::StepKind::kSaga;
      if (of_child) expected.push_back(effect);
    }
  }
  for (const Event& event : decision.events) {
    if (const auto* begun = std::get_if<AttemptBegun>(&event.body)) {
      expected.push_back(CallWorker{begun->step, begun->phase, begun->attempt});
    } else if (const auto* deferred = std::get_if<CallDeferred>(&event.body)) {
      expected.push_back(AwaitService{deferred->step, deferred->phase});
    } else if (const auto* child = std::get_if<ChildBegun>(&event.body)) {
      expected.push_back(StartChild{child->step, child->attempt});
    } else if (const auto* undo = std::get_if<ChildUndoBegun>(&event.body)) {
      expected.push_back(UndoChild{undo->step, undo->child, undo->again});
    }
    const bool was_going = !state.stopping && state.status != SagaStatus::kTerminated;
    const SagaState then = state;
    if (!apply(workflow, state, event)) return problems.push_back("a decided event does not apply");
    const auto* skipped = std::get_if<OperatorSkipped>(&event.body);
    for (StepIndex i = 0; i < then.steps.size(); ++i) {
      const StepState& step = then.steps[i];
      const bool under_way = awaits_child(step.action);
      const bool left_out = skipped != nullptr && skipped->call == CallRef{i, Phase::kAction} && !skipped->output;
      if (under_way && ((was_going && state.stopping) || left_out)) {
        expected.push_back(CancelChild{i, step.action.attempts});
      }
      if (!std::holds_alternative<SagaTerminated>(event.body)) continue;
      const bool failed = step.status == StepStatus::kFailed || step.undo == CompensationStatus::kFailed;
      const bool is_child = workflow.steps[i].kind == workflows::StepKind::kSaga && step.action.attempts > 0;
      if (is_child && (under_way || awaits_child(step.compensation) || failed)) {
        expected.push_back(TerminateChild{i, step.action.attempts});
      }
    }
    const bool goes_on = then.suspension && state.status == SagaStatus::kCompensating;
    for (StepIndex i = 0; goes_on && i < state.steps.size(); ++i) {
      const CallState& undo = state.steps[i].compensation;
      if (awaits_child(undo)) expected.push_back(UndoChild{i, undo.child, undo.again});
    }
  }
  if (decision.effects != expected) problems.push_back("the effects are not those of the events");
  for (const Effect& effect : decision.effects) {
    const auto* call = std::get_if<CallWorker>(&effect);
    if (call == nullptr) continue;
    const StepState& step = decision.after.steps[call->step];
    const CallState& called = call->phase == Phase::kAction ? step.action : step.compensation;
    if (!called.open || called.attempts != call->attempt) problems.push_back("a call leaves that is not under way");
    const CallRequest request = render_call(workflow, decision.after, call->step, call->phase);
    if (request.path.empty() || request.method.empty()) problems.push_back("a call has no path or method");
  }
}

/// What has ended or is suspended moves by an operator's hand alone; where no call may begin, none does.
void check_stillness(const SagaState& before, const Input& input, const Moment& moment, const Decision& decision,
                     Problems& problems) {
  for (const Event& event : decision.events) {
    const bool begins = std::holds_alternative<AttemptBegun>(event.body) ||
                        std::holds_alternative<ChildBegun>(event.body) ||
                        std::holds_alternative<ChildUndoBegun>(event.body);
    if (begins && !moment.begin_calls) {
      problems.push_back("a call begins where none may");
    }
  }
  if (std::holds_alternative<OperatorCommand>(input) || !before.facts) return;
  const bool reopens = std::holds_alternative<UndoSaga>(input);
  if (reopens) return;
  if (has_ended(before.status) && !decides_nothing(decision)) problems.push_back("something follows the end");
  if (before.status != SagaStatus::kSuspended) return;
  if (decision.after.status != SagaStatus::kSuspended) problems.push_back("a suspended saga goes on by itself");
  const bool time = std::holds_alternative<TimerFired>(input) || std::holds_alternative<ServiceAvailable>(input);
  if (time && !decides_nothing(decision)) problems.push_back("something happens in a suspended saga");
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
  if (decision.contradiction) return {"contradicts itself: " + *decision.contradiction};
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
  check_effects(workflow, before, input, decision, problems);
  check_stillness(before, input, moment, decision, problems);
  return problems;
}

namespace {

/// Callbacks of what has ended are refused as gone, and reports of children that are not awaited decide nothing.
void check_late(const Workflow& workflow, const SagaState& state, StepIndex i, Phase phase, Timestamp now,
                Problems& problems) {
  const StepState& step = state.steps[i];
  const CallState& call = phase == Phase::kAction ? step.action : step.compensation;
  const bool is_call = workflow.steps[i].kind == workflows::StepKind::kCall;
  const bool over = phase == Phase::kAction
                        ? step.status == StepStatus::kCompleted || step.status == StepStatus::kFailed ||
                              step.status == StepStatus::kSkipped
                        : step.undo == CompensationStatus::kNone || step.undo == CompensationStatus::kCompleted ||
                              step.undo == CompensationStatus::kFailed || step.undo == CompensationStatus::kSkipped;
  for (int attempt = 0; attempt <= call.attempts + 1; ++attempt) {
    const bool open = is_call && !over && !has_ended(state.status) && attempt >= 1 && attempt <= call.attempts;
    for (const bool succeeded : {true, false}) {
      const CallbackArrived callback{i, phase, attempt, succeeded, nullptr, "E", "", std::nullopt};
      const Decision decision = decide(workflow, state, callback, {now, 0, true});
      const bool gone = decision.refusal && decision.refusal->kind == Refusal::Kind::kGone;
      if (gone == open) problems.emplace_back("a callback is gone where the call is open, or the other way round");
      if (open && succeeded && decision.events.empty()) problems.emplace_back("a success does not count");
      const bool old = open && !succeeded && attempt < call.attempts;
      const bool conflict = decision.refusal && decision.refusal->kind == Refusal::Kind::kConflict;
      if (conflict != old) problems.emplace_back("a failure of an older attempt counts, or of the newest does not");
    }
    const Decision beat = decide(workflow, state, HeartbeatArrived{i, phase, attempt}, {now, 0, true});
    if (beat.refusal.has_value() == open) problems.emplace_back("a heartbeat of an ended call is taken, or refused");
  }
  if (phase == Phase::kCompensation) return;
  const bool awaited = awaits_child(step.action) || awaits_child(step.compensation);
  for (const int child : {step.action.attempts - 1, step.action.attempts, step.action.attempts + 1}) {
    if (awaited && (child == step.action.attempts || child == step.compensation.child)) continue;
    for (const SagaStatus status : {SagaStatus::kCompleted, SagaStatus::kFailed, SagaStatus::kSuspended}) {
      const ChildReported report{i, child, status, nullptr, std::nullopt};
      if (!decides_nothing(decide(workflow, state, report, {now, 0, true}))) {
        problems.emplace_back("a child that is not awaited decides something");
      }
    }
  }
}

}  // namespace

Problems check_state(const Workflow& workflow, const SagaState& state, Timestamp now, bool began) {
  Problems problems;
  const auto expect = [&problems](bool holds, std::string_view what) {
    if (!holds) problems.emplace_back(what);
  };
  const bool ended = has_ended(state.status);
  const bool suspended = state.status == SagaStatus::kSuspended;
  int open = 0;
  bool outside = awaits_service(state);  // Something comes from outside.
  for (StepIndex i = 0; i < state.steps.size(); ++i) {
    for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
      const CallState& call = phase == Phase::kAction ? state.steps[i].action : state.steps[i].compensation;
      open += call.open ? 1 : 0;
      outside = outside || call.open || call.awaits == Awaits::kSignal || awaits_child(call);
      if (call.open && call.awaits != Awaits::kNothing) problems.emplace_back("a call in flight awaits something");
      if (ended && call.awaits != Awaits::kNothing) problems.emplace_back("an ended saga awaits something");
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
      check_late(workflow, state, i, phase, now, problems);
    }
  }
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
    expect(due || outside, "nothing will ever happen to it by itself");
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

}  // namespace saga::core
