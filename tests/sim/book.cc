#include "tests/sim/book.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace saga::sim {

using core::Event;
using core::SagaState;

namespace {

int to_int(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

const core::Actor* actor_of(const core::EventBody& body) {
  if (const auto* e = std::get_if<core::SagaSuspended>(&body)) return &e->actor;
  if (const auto* e = std::get_if<core::SagaResumed>(&body)) return &e->actor;
  if (const auto* e = std::get_if<core::OperatorRetried>(&body)) return &e->actor;
  if (const auto* e = std::get_if<core::OperatorSkipped>(&body)) return &e->actor;
  if (const auto* e = std::get_if<core::OperatorCancelled>(&body)) return &e->actor;
  if (const auto* e = std::get_if<core::SagaTerminated>(&body)) return &e->actor;
  return nullptr;
}

/// The step that this event begins something forward of, if it does.
std::optional<core::StepIndex> begins(const core::EventBody& body) {
  if (const auto* e = std::get_if<core::AttemptBegun>(&body)) {
    return e->phase == Phase::kAction ? std::optional(e->step) : std::nullopt;
  }
  if (const auto* e = std::get_if<core::WaitBegun>(&body)) return e->step;
  if (const auto* e = std::get_if<core::SignalAwaited>(&body)) return e->step;
  if (const auto* e = std::get_if<core::ChildBegun>(&body)) return e->step;
  return std::nullopt;
}

const core::CallState& call_state(const SagaState& state, core::StepIndex step, Phase phase) {
  return phase == Phase::kAction ? state.steps[step].action : state.steps[step].compensation;
}

}  // namespace

bool pivot_was_called(const SagaRecord& saga) {
  if (!saga.workflow->pivot) return false;
  const core::StepState& pivot = saga.state.steps[*saga.workflow->pivot];
  if (pivot.status == core::StepStatus::kCompleted) return true;
  return pivot.action.attempts > 0 && pivot.status != core::StepStatus::kFailed &&
         pivot.status != core::StepStatus::kSkipped;
}

AttemptRecord& CallRecord::attempt(int number) {
  const auto place = static_cast<std::size_t>(std::max(number, 0));
  if (attempts.size() <= place) attempts.resize(place + 1);
  return attempts[place];
}

std::string WireCall::header(std::string_view name) const {
  return std::string(call.headers.find(name).value_or(""));
}

std::string WireCall::text() const {
  return fmt::format("{}/{}/{} #{}", saga->id, definition().name, workers::to_string(phase), attempt);
}

std::uint64_t WireCall::number() const {
  return Chance::mix(Chance::hash(header(workers::kIdempotencyKey)), static_cast<std::uint64_t>(attempt));
}

SagaRecord* Book::find(const std::string& id) {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : at->second;
}

void Book::violated(std::string_view invariant, const SagaRecord& saga, const std::string& what) {
  if (!setting_.violation) setting_.violated(invariant, fmt::format("saga {}: {}", saga.id, what));
}

// ---- what becomes durable -----------------------------------------------------------------------------------------

void Book::durable(const store::Append& append, const store::SagaRow& row, int process, Timestamp now) {
  SagaRecord* saga = nullptr;
  if (append.create) {
    const auto workflow = workflows_.find(append.create->workflow);
    if (workflow == workflows_.end() || find(append.create->id) != nullptr) {
      return setting_.violated("I8", fmt::format("{} is created of an unknown workflow, or twice", append.create->id));
    }
    sagas_.push_back(std::make_unique<SagaRecord>(append.create->id, append.saga, workflow->second));
    saga = sagas_.back().get();
    by_id_[saga->id] = by_key_[saga->key] = saga;
    ++setting_.tally.sagas;
  } else {
    saga = by_key_.at(append.saga);
  }
  ++setting_.tally.commits;
  const SagaStatus status_before = saga->state.status;
  for (const store::Record& record : append.events) {
    ++setting_.tally.events;
    setting_.story.tell(Chance::mix(Chance::hash(record.type), Chance::hash(record.data)), [&] {
      return fmt::format("    {} [{}] {} {}", saga->id, record.seq, record.type, record.data);
    });
    auto event = core::decode_event(*saga->workflow, record.at, record.type, record.data);
    if (!event) return violated("I7", *saga, "an event is not read back: " + event.error().message);
    if (record.seq != saga->state.seq + 1) return violated("I7", *saga, "the events have a gap");
    if (event->at < saga->state.updated_at) violated("time", *saga, "time runs backwards");
    if (event->at > std::max(now, saga->state.updated_at)) violated("time", *saga, "an event is from the future");
    check_deadline(*saga, begins(event->body).value_or(0), *event);
    if (const auto* begun = std::get_if<core::AttemptBegun>(&event->body)) check_time(*saga, *begun, event->at);
    const SagaState before = saga->state;
    if (const auto applied = core::apply(*saga->workflow, saga->state, *event); !applied) {
      return violated("I7", *saga, "its events do not replay: " + applied.error().message);
    }
    saga->auditor.see(*event);
    check_event(*saga, *event, process);
    follow_deadline(*saga, before, *event);
  }
  saga->process = process;
  if (const auto& problems = saga->auditor.problems(); !problems.empty()) {
    const std::string& first = problems.front();
    violated(first.starts_with("I") ? first.substr(0, 2) : "rules", *saga, first);
  }
  check_row(*saga, row, now);
  check_parent(*saga, status_before, now);
  if (told_) told_(*saga);
}

void Book::check_deadline(SagaRecord& saga, core::StepIndex step, const Event& event) {
  if (!saga.deadline || !begins(event.body) || pivot_was_called(saga)) return;
  if (event.at < *saga.deadline) return;
  violated("deadline", saga, fmt::format("{} is begun past the deadline", saga.workflow->steps[step].name));
}

/// No attempt begins before its delay is over, nor past the time for all of them.
void Book::check_time(const SagaRecord& saga, const core::AttemptBegun& begun, Timestamp at) {
  const core::CallState& call = call_state(saga.state, begun.step, begun.phase);
  const workflows::Step& step = saga.workflow->steps[begun.step];
  const std::string what = fmt::format("{}/{} #{}", step.name, workers::to_string(begun.phase), begun.attempt);
  if (call.due_at && at < *call.due_at) violated("delay", saga, what + " begins before it is due");
  if (!step.total_timeout || !call.budget_from || at <= *call.budget_from + *step.total_timeout) return;
  violated("total_timeout", saga, what + " begins past its total_timeout");
}

/// The delay is what one of the step's policies says, or what the worker asked for.
void Book::check_delay(const SagaRecord& saga, const core::AttemptFailed& failed, Timestamp at) {
  if (!failed.due_at) return;
  const Timestamp from = saga.state.suspension ? saga.state.suspension->since : at;
  const Millis delay = *failed.due_at - from;
  const int used = call_state(saga.state, failed.step, failed.phase).counted;
  const workflows::Step& step = saga.workflow->steps[failed.step];
  bool fits = failed.counted ? false : delay.count() == 0;
  for (const workflows::RetryPolicy* policy : {&step.retry, &step.compensation_retry}) {
    double plain = static_cast<double>(policy->initial_interval.count());
    for (int i = 1; i < used; ++i) plain *= policy->multiplier;
    plain = std::min(plain, static_cast<double>(policy->max_interval.count()));
    const auto spread = static_cast<double>(delay.count());
    fits = fits || (spread >= plain * (1 - policy->jitter) - 1 && spread <= plain * (1 + policy->jitter) + 1);
  }
  fits = fits || delay == Millis{1'000} || delay == Millis{2'000} || delay == Millis{3'000};  // `Retry-After`.
  if (fits) return;
  violated("delay", saga, fmt::format("{} is retried after {} ms", step.name, delay.count()));
}

/// A parent in no memory has to be found when its child has ended, has come to wait for somebody, or goes on.
void Book::check_parent(const SagaRecord& saga, SagaStatus before, Timestamp now) {
  const std::string& parent = saga.state.facts->parent_id;
  const SagaStatus after = saga.state.status;
  if (parent.empty() || before == after) return;
  if (!core::has_ended(after) && (before == SagaStatus::kSuspended) == (after == SagaStatus::kSuspended)) return;
  const auto row = read_(parent);
  if (!row) return violated("I1", saga, "its parent is not there");
  // Where the clock was set back, what happens to the parent is written down as of its last event.
  const Timestamp latest = std::max({now, saga.state.updated_at, row->head.updated_at});
  // One that is suspended asks how its child stands when it is read back.
  if (row->head.status == core::to_string(SagaStatus::kSuspended)) return;
  if (row->head.ended || (row->head.wake_at && *row->head.wake_at <= latest)) return;
  violated("I1", saga, "its parent would not be found if the process died now");
}

void Book::follow_deadline(SagaRecord& saga, const SagaState& before, const Event& event) {
  if (const auto* accepted = std::get_if<core::SagaAccepted>(&event.body);
      accepted != nullptr && saga.workflow->deadline) {
    saga.deadline = std::max(accepted->facts->start_at.value_or(event.at), event.at) + *saga.workflow->deadline;
  }
  if (saga.deadline && before.suspension && !saga.state.suspension) {
    saga.deadline = *saga.deadline + (event.at - before.suspension->since);
  }
}

void Book::check_event(SagaRecord& saga, const Event& event, int process) {
  if (const core::Actor* actor = actor_of(event.body); actor != nullptr && !actor->name.empty())
    ++saga.actors[actor->name];
  if (const auto* signal = std::get_if<core::SignalReceived>(&event.body)) ++saga.actors[signal->actor];
  if (const auto* failed = std::get_if<core::AttemptFailed>(&event.body)) {
    check_failed(saga, *failed, process);
    check_delay(saga, *failed, event.at);
  } else if (const auto* completed = std::get_if<core::StepCompleted>(&event.body)) {
    if (saga.workflow->steps[completed->step].kind != workflows::StepKind::kCall) return;
    check_completed(saga, completed->step, Phase::kAction, completed->attempt, completed->http_status);
  } else if (const auto* undone = std::get_if<core::StepCompensated>(&event.body)) {
    if (saga.workflow->steps[undone->step].kind != workflows::StepKind::kCall) return;
    check_completed(saga, undone->step, Phase::kCompensation, undone->attempt, undone->http_status);
  }
}

/// What is recorded of a failed attempt has to be how it ended.
void Book::check_failed(SagaRecord& saga, const core::AttemptFailed& failed, int process) {
  const core::Failure& failure = failed.failure;
  CallRecord& call = saga.call(failed.step, failed.phase);
  const AttemptRecord& attempt = call.attempt(failure.attempt);
  const std::string& code = failure.code;
  const auto wrong = [&](std::string_view what) {
    violated("table", saga,
             fmt::format("{}/{} #{} is recorded as {} ({}), but {}", saga.workflow->steps[failed.step].name,
                         workers::to_string(failed.phase), failure.attempt, workers::to_string(failure.outcome), code,
                         what));
  };
  const bool unknown_before = call.unknown_before;
  call.unknown_before = call.unknown_before || failure.outcome == Outcome::kUnknown;
  if (!failed.counted) {
    if (failure.outcome != Outcome::kUnknown) wrong("what is lost in a crash is unknown");
    if (saga.process == process && attempt.process == process) wrong("the process that made it lives");
    return;
  }
  if (attempt.reported && attempt.meaning.outcome == Outcome::kPending) {
    if (attempt.failed_by_callback && failure.outcome == Outcome::kNotDone) return;
    if (failure.outcome != Outcome::kUnknown || failure.http_status != 0) wrong("it was taken, and no callback failed");
    return;
  }
  if (attempt.failed_by_callback && failure.http_status == 0 && failure.outcome == Outcome::kNotDone) return;
  if (!attempt.reported) return wrong("it has not been reported");
  Meaning meaning = attempt.meaning;
  if (meaning.unless_unknown && unknown_before) {
    meaning.outcome = Outcome::kUnknown;
    if (!meaning.by_body) meaning.retried = true;
  }
  if (attempt.status != failure.http_status) return wrong(fmt::format("its status was {}", attempt.status));
  if (meaning.outcome != failure.outcome) return wrong(fmt::format("it was {}", workers::to_string(meaning.outcome)));
  if (!meaning.retried && failed.due_at) wrong("it is retried");
  const workflows::Step& step = saga.workflow->steps[failed.step];
  const bool ruled_out = meaning.listed || failure.http_status == 503;  // "non_retryable" of the definitions.
  const int places = failed.phase == Phase::kCompensation
                         ? step.compensation_retry.max_attempts
                         : std::min(step.retry.max_attempts, step.compensation_retry.max_attempts);
  const bool bounded = step.total_timeout || (failed.phase == Phase::kAction && saga.deadline);
  const bool stops = failed.phase == Phase::kAction && saga.state.stopping;
  const int used = call_state(saga.state, failed.step, failed.phase).counted;
  if (meaning.retried && !ruled_out && !bounded && !stops && used < places && !failed.due_at)
    wrong("it is not retried");
}

void Book::check_completed(SagaRecord& saga, core::StepIndex step, Phase phase, int number, int status) {
  const AttemptRecord& attempt = saga.call(step, phase).attempt(number);
  if (status == 0 ? attempt.succeeded_by_callback
                  : attempt.reported && attempt.meaning.outcome == Outcome::kDone && attempt.status == status)
    return;
  violated("table", saga,
           fmt::format("{}/{} #{} is recorded as done ({}), but it was not", saga.workflow->steps[step].name,
                       workers::to_string(phase), number, status));
}

/// Lists and recovery read the row; the events are the truth.
void Book::check_row(const SagaRecord& saga, const store::SagaRow& row, Timestamp now) {
  const SagaState& state = saga.state;
  const store::Head& head = row.head;
  if (head.status != core::to_string(state.status) || head.ended != core::has_ended(state.status) ||
      head.needs_attention != core::needs_attention(state)) {
    violated("I7", saga, fmt::format("its row says {}, its events {}", head.status, core::to_string(state.status)));
  }
  if (head.ended || state.status == SagaStatus::kSuspended) return;
  const Timestamp latest = std::max(now, state.updated_at);
  std::optional<Timestamp> due = core::next_due(*saga.workflow, state);
  if (core::has_open_call(state) || core::awaits_service(state)) due = latest;
  if (due && (!head.wake_at || *head.wake_at > std::max(*due, latest))) {
    violated("I1", saga, "nobody would find it in time if the process died now");
  }
}

// ---- what the engine shows ----------------------------------------------------------------------------------------

void Book::shown(const SagaState& live) {
  SagaRecord* saga = live.facts ? find(live.facts->id) : nullptr;
  if (saga == nullptr) return setting_.violated("durable", "a saga is shown that is not on the disk");
  if (saga->state == live) return;
  if (live.seq > saga->state.seq) return violated("durable", *saga, "it is shown further on than it is on the disk");
  violated("I7", *saga, "its events do not replay to what it is");
}

// ---- calls ----------------------------------------------------------------------------------------------------------

std::optional<WireCall> Book::sent(const workers::WorkerCall& call, int process) {
  ++setting_.tally.calls;
  WireCall wire;
  wire.call = call;
  wire.saga = find(wire.header(workers::kSagaId));
  if (wire.saga == nullptr) {
    setting_.violated("durable",
                      fmt::format("a call leaves for {}, which is not on the disk", wire.header(workers::kSagaId)));
    return std::nullopt;
  }
  SagaRecord& saga = *wire.saga;
  const auto step = saga.workflow->step_index(wire.header(workers::kSagaStep));
  if (!step) {
    violated("I6", saga, "a call names no step of it");
    return std::nullopt;
  }
  wire.step = *step;
  wire.phase = wire.header(workers::kSagaPhase) == "action" ? Phase::kAction : Phase::kCompensation;
  wire.attempt = to_int(wire.header(workers::kSagaAttempt));
  wire.callback_url = wire.header(workers::kSagaCallbackUrl);
  setting_.story.tell(wire.number(), [&] { return "--> " + wire.text(); });

  CallRecord& record = saga.call(wire.step, wire.phase);
  const std::string key = fmt::format("{}/{}/{}", saga.id, wire.definition().name, workers::to_string(wire.phase));
  if (wire.header(workers::kIdempotencyKey) != key) {
    violated("I6", saga,
             fmt::format("{} leaves with the key '{}'", wire.text(), wire.header(workers::kIdempotencyKey)));
  }
  const core::CallState& intent = call_state(saga.state, wire.step, wire.phase);
  if (!intent.open || intent.attempts != wire.attempt)
    violated("durable", saga, wire.text() + " leaves, but its intent is not on the disk");
  const bool follows = record.again ? wire.attempt >= record.last_sent : wire.attempt > record.last_sent;
  if (!follows) violated("I6", saga, fmt::format("{} leaves after #{}", wire.text(), record.last_sent));
  const AttemptRecord last = record.last_sent > 0 ? record.attempt(record.last_sent) : AttemptRecord{};
  const bool at_once = last.process == process && !last.reported && !last.failed_by_callback;
  if (at_once) violated("I6", saga, fmt::format("{} leaves while #{} is under way", wire.text(), record.last_sent));
  const std::uint64_t content = Chance::mix(Chance::hash(call.path), Chance::hash(call.body.value_or("-")));
  if (record.last_sent > 0 && record.content != content)
    violated("I6", saga, wire.text() + " is not the same call as before");
  record.content = content;
  record.last_sent = wire.attempt;
  record.again = false;
  record.attempt(wire.attempt) = AttemptRecord{process, false, {}, 0, false, false};
  return wire;
}

void Book::reported(const WireCall& call, const End& end) {
  CallRecord& record = call.saga->call(call.step, call.phase);
  AttemptRecord& attempt = record.attempt(call.attempt);
  if (attempt.reported) return;
  attempt.reported = true;
  attempt.meaning = end.meaning;
  if (const auto* answered = std::get_if<workers::Answered>(&end.fact)) attempt.status = answered->status;
  if (end.meaning.outcome == Outcome::kNotCalled) record.again = true;
}

}  // namespace saga::sim
