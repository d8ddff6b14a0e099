// The way of one saga through the engine: an input is decided, its events are submitted, and what follows from them is
// released once they are durable.
#include <fmt/format.h>

#include <algorithm>
#include <concepts>

#include "base/check.h"
#include "engine/runtime/audit.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/heads.h"

namespace saga::runtime {

using core::Decision;
using core::SagaStatus;

bool same_start(const core::SagaFacts& there, const StartRequest& request) {
  if (there.parent_id != request.parent_id || there.parent_step != request.parent_step ||
      there.parent_attempt != request.parent_attempt) {
    return false;
  }
  return there.workflow == request.workflow->name &&
         (!request.version_named || there.version == request.workflow->version) &&
         same_json(there.input.ref(), request.input);
}

namespace {

const std::vector<int>& accepted(const workflows::Step& step, core::Phase phase) {
  return phase == core::Phase::kAction ? step.action.accept : step.compensation->accept;
}

template <typename Input>
concept IsAboutStep = requires(Input input) {
  { input.step } -> std::same_as<core::StepIndex&>;
};

/// Gives an input that is about a step the step's index. False: the workflow has no such step.
bool name_step(const workflows::Workflow& workflow, const std::string& name, core::Input& input) {
  if (name.empty()) return true;
  const auto index = workflow.step_index(name);
  if (!index) return false;
  std::visit(
      [&index](auto& what) {
        if constexpr (IsAboutStep<std::decay_t<decltype(what)>>) what.step = *index;
      },
      input);
  return true;
}

/// A parent follows when its child ends, and when it comes to wait for an operator or goes on.
bool is_news_for_parent(SagaStatus before, SagaStatus after) {
  const bool was_suspended = before == SagaStatus::kSuspended;
  const bool is_suspended = after == SagaStatus::kSuspended;
  return was_suspended != is_suspended || (core::has_ended(after) && before != after);
}

bool asks_child(const core::Effect& effect) {
  return std::holds_alternative<core::StartChild>(effect) || std::holds_alternative<core::CancelChild>(effect) ||
         std::holds_alternative<core::UndoChild>(effect);
}

}  // namespace

LiveSaga* Engine::find(store::SagaKey key) {
  const auto saga = live_.find(key);
  return saga == live_.end() ? nullptr : saga->second.get();
}

/// A saga that is not on disk yet; `decision` is what its start decides.
LiveSaga& Engine::add_live(const StartRequest& request, ChildVersions children, Decision& decision) {
  SAGA_CHECK(request.input != nullptr, "a start has an input");
  auto facts = std::make_shared<core::SagaFacts>();
  facts->id = request.id;
  facts->workflow = request.workflow->name;
  facts->version = request.workflow->version;
  facts->input = request.input;
  facts->tags = request.tags;
  facts->created_at = clock_.now();
  facts->start_at = request.start_at;
  facts->trace_id = request.trace_id;
  facts->parent_span = request.parent_span;
  facts->parent_id = request.parent_id;
  facts->parent_step = request.parent_step;
  facts->parent_attempt = request.parent_attempt;
  facts->child_versions = std::move(children);

  auto fresh = std::make_unique<LiveSaga>();
  LiveSaga& saga = *fresh;
  saga.key = store_.reserve_key();
  saga.id = request.id;
  saga.workflow = request.workflow;
  decision = decide(saga, core::StartSaga{std::move(facts), request.actor, request.verified});
  SAGA_CHECK(!decision.contradiction, "a saga can be started");
  const bool is_new = keys_.emplace(saga.id, saga.key).second;
  SAGA_CHECK(is_new, "one live saga of an id");
  live_[saga.key] = std::move(fresh);
  return saga;
}

void Engine::begin_saga(ClientStart start) {
  if (draining_.load()) return start.done(tl::unexpected(unavailable()));
  if (const auto key = keys_.find(start.request.id); key != keys_.end()) {  // Another start of the same came first.
    return enqueue(*find(key->second), ClientMessage(std::move(start)));
  }
  auto children = child_versions(*start.request.workflow);
  if (!children) {
    if (start.looked_up) return start.done(tl::unexpected(children.error()));
    start.looked_up = true;  // One that is there already is shown, whatever has been registered since.
    std::string id = start.request.id;
    return ask_for(std::move(id), std::move(start));
  }
  Decision decision;
  LiveSaga& saga = add_live(start.request, std::move(*children), decision);
  if (holding_) {  // A child that its parent had only decided to start.
    saga.inbox.emplace_back(core::Input(core::OperatorCommand{core::Verb::kSuspend, "", nullptr, *holding_}));
  }
  auto shared = std::make_shared<ClientStart>(std::move(start));
  commit(
      saga, std::move(decision),
      [this, shared, key = saga.key](const Result<void>& result) {
        if (result) {
          shared->done(Started{true, snapshot(*find(key))});
        } else if (result.error().code == ErrorCode::kConflict && !shared->clashed) {
          shared->clashed = true;
          std::string id = shared->request.id;  // Somebody has it: theirs is compared.
          ask_for(std::move(id), std::move(*shared));
        } else {
          shared->done(tl::unexpected(result.error()));
        }
      },
      true);
}

void Engine::answer_repeated_start(LiveSaga& saga, ClientStart start) {
  if (same_start(*saga.state->facts, start.request)) return start.done(Started{false, snapshot(saga)});
  start.done(
      fail(ErrorCode::kConflict, fmt::format("saga '{}' is there already, with another workflow or input", saga.id)));
}

void Engine::enqueue(LiveSaga& saga, QueuedInput input) {
  const bool at_once = !saga.committing && saga.inbox.empty();  // As nearly always.
  if (at_once) {
    process(saga, std::move(input));
  } else {
    saga.inbox.push_back(std::move(input));
  }
  if (!saga.committing) work_off(saga);
}

void Engine::work_off(LiveSaga& saga) {
  while (!saga.committing && !saga.inbox.empty() && saga.contradiction.empty()) {
    QueuedInput input = std::move(saga.inbox.front());
    saga.inbox.pop_front();
    process(saga, std::move(input));
  }
  if (!saga.contradiction.empty()) return suspend_as_corrupt(saga);
  if (!saga.committing) settle(saga);
}

void Engine::process(LiveSaga& saga, QueuedInput input) {
  if (auto* client = std::get_if<ClientMessage>(&input)) {
    if (auto* start = std::get_if<ClientStart>(client)) {
      answer_repeated_start(saga, std::move(*start));
    } else {
      process_delivery(saga, std::move(std::get<ClientDelivery>(*client)));
    }
    return;
  }
  Decision decision = decide(saga, std::get<core::Input>(input));
  if (!decision.events.empty()) return commit(saga, std::move(decision), nullptr, false);
  for (const core::Effect& effect : decision.effects) release(saga, effect);
}

void Engine::process_delivery(LiveSaga& saga, ClientDelivery message) {
  core::Input& input = message.delivery.input;
  if (message.is_news) forget_news(saga.id);
  if (message.spares_failed && saga.state->status == SagaStatus::kFailed) {
    return message.done(DeliveryAnswer{std::nullopt, snapshot(saga), false});
  }
  if (!name_step(*saga.workflow, message.delivery.step, input)) {
    if (!message.done) return;
    return message.done(DeliveryAnswer{
        core::Refusal{core::Refusal::Kind::kMisfit, fmt::format("{}/{} has no step '{}'", saga.workflow->name,
                                                                saga.workflow->version, message.delivery.step)},
        snapshot(saga), false});
  }
  Decision decision = decide(saga, input);
  if (decision.contradiction) {
    message.is_news = false;  // It has been had.
    saga.inbox.emplace_front(ClientMessage(std::move(message)));
    return;
  }
  if (decision.refusal || decision.events.empty()) {
    for (const core::Effect& effect : decision.effects) release(saga, effect);
    if (message.done) message.done(DeliveryAnswer{std::move(decision.refusal), snapshot(saga), false});
    return;
  }
  std::shared_ptr<const store::AuditEntry> audit;
  if (const auto* called = std::get_if<core::OperatorCommand>(&input); called != nullptr && !message.is_internal) {
    audit = std::make_shared<const store::AuditEntry>(
        audit_entry(saga.id, *called, clock_.now(), kAuditDone, called->output ? "with output" : ""));
  }
  if (!message.done) return commit(saga, std::move(decision), nullptr, false);
  commit(
      saga, std::move(decision),
      [this, done = std::move(message.done), key = saga.key](const Result<void>& result) {
        if (result) {
          done(DeliveryAnswer{std::nullopt, snapshot(*find(key)), true});
        } else {
          done(tl::unexpected(result.error()));
        }
      },
      false, std::move(audit));
}

Decision Engine::decide(LiveSaga& saga, const core::Input& input) {
  const bool starts = std::holds_alternative<core::StartSaga>(input);
  const core::Moment moment{clock_.now(), random_(), !draining_.load() && !holding_ && (!starts || has_room())};
  core::SagaState as_it_was;
  as_it_was.facts = saga.state->facts;
  as_it_was.seq = saga.state->seq;
  Decision decision = core::decide(*saga.workflow, saga.state.take(), input, moment);
  if (decision.contradiction) {
    saga.contradiction = *decision.contradiction;
    saga.state.put(std::move(as_it_was));  // What is needed to suspend it.
  } else if (decision.events.empty()) {
    saga.state.put(std::move(decision.after));
  }
  return decision;
}

void Engine::commit(LiveSaga& saga, Decision decision, std::function<void(Result<void>)> answer, bool create,
                    std::shared_ptr<const store::AuditEntry> audit) {
  store::Append append = record(saga, std::move(decision), create);
  append.audit = std::move(audit);
  saga.answer = std::move(answer);
  commits_in_flight_.fetch_add(1);
  submit(std::move(append));
}

/// The saga as it will be once what is returned is on disk; until then its inputs wait.
store::Append Engine::record(LiveSaga& saga, Decision decision, bool create) {
  SAGA_CHECK(!saga.committing && !decision.events.empty(), "one commit a saga at a time, with something in it");
  store::Append append;
  append.saga = saga.key;
  append.fence = fence_;
  append.first_seq = decision.after.seq - static_cast<std::int64_t>(decision.events.size()) + 1;
  append.events.reserve(decision.events.size());
  std::int64_t seq = append.first_seq;
  for (const core::Event& event : decision.events) {
    append.events.push_back(
        {seq++, event.at, std::string(core::type_name(event.body)), core::encode_event(*saga.workflow, event.body)});
  }
  saga.tells_parent = is_news_for_parent(decision.before, decision.after.status);
  saga.state.put(std::move(decision.after));
  const core::SagaFacts& facts = *saga.state->facts;
  const Timestamp now = std::max(clock_.now(), saga.state->updated_at);
  store::Head head = head_of(*saga.workflow, *saga.state, now, options_.sleep_after);
  // What it asks of its children is lost with the process, and asked again when it is read back.
  const bool asks = std::any_of(decision.effects.begin(), decision.effects.end(), asks_child);
  if ((asks || is_expecting(saga)) && !head.ended) head.wake_at = now;
  append.wake = woken_by(saga, decision.effects);
  append.wake_at = now;
  note_woken(append.wake, now);
  if (create) {
    append.create =
        store::Identity{facts.id, facts.workflow, facts.version, facts.tags, facts.created_at, options_.shard};
  }
  if (create || must_write(saga.head, head)) {
    saga.head = head;
    append.head = std::move(head);
  }
  saga.events = std::move(decision.events);
  saga.effects = std::move(decision.effects);
  saga.committing = true;
  timers_.disarm(saga.key);
  return append;
}

/// Somebody woke it, or it was kept due for what it asked of its children; nothing is to be done any more.
void Engine::commit_head(LiveSaga& saga, store::Head head) {
  store::Append append;
  append.saga = saga.key;
  append.fence = fence_;
  append.first_seq = saga.state->seq + 1;
  saga.head = head;
  append.head = std::move(head);
  saga.committing = true;
  timers_.disarm(saga.key);
  commits_in_flight_.fetch_add(1);
  submit(std::move(append));
}

/// A full queue refuses new sagas; running ones wait for it.
void Engine::submit(store::Append append) {
  const bool behind_others = !stalled_.empty() && !append.create;
  if (behind_others || !try_submit(append)) stalled_.push_back(std::move(append));
}

/// False: it waits for the store, and is left as it was.
bool Engine::try_submit(store::Append& append) {
  const store::SagaKey key = append.saga;
  auto submitted = store_.submit(std::move(append), [mailbox = mailbox_, key](Result<void> result) {
    mailbox->post(Committed{key, std::move(result)});
  });
  if (submitted) return true;
  if (submitted.error().code == ErrorCode::kOverloaded && !append.create) return false;
  mailbox_->post(Committed{key, tl::unexpected(submitted.error())});
  return true;
}

void Engine::resubmit_stalled() {
  while (!stalled_.empty() && try_submit(stalled_.front())) stalled_.pop_front();
}

void Engine::release(LiveSaga& saga) {
  const std::vector<core::Event> events = std::exchange(saga.events, {});
  const std::vector<core::Effect> effects = std::exchange(saga.effects, {});
  const auto answer = std::exchange(saga.answer, nullptr);
  if (events.empty()) return;  // Only its row was written.
  if (observer_ != nullptr) observer_->committed(*saga.workflow, *saga.state, events);
  if (answer) answer({});
  const bool at_rest = core::has_ended(saga.state->status) || saga.state->status == SagaStatus::kSuspended;
  for (const auto& subscriber : subscriptions_->interested_in(saga.id, at_rest)) {
    (*subscriber)(CommitNotice{saga.state->seq, at_rest, snapshot(saga)});
  }
  if (std::exchange(saga.tells_parent, false)) tell_parent(saga);
  for (const core::Effect& effect : effects) release(saga, effect);
}

void Engine::release(LiveSaga& saga, const core::Effect& effect) {
  std::visit(
      [this, &saga](const auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, core::CallWorker>) {
          call_worker(saga, what);
        } else if constexpr (std::is_same_v<What, core::AwaitService>) {
          await_instance(saga, what);
        } else {
          ask_child(saga, what);
        }
      },
      effect);
}

void Engine::call_worker(const LiveSaga& saga, const core::CallWorker& call) {
  core::CallRequest request = core::render_call(*saga.workflow, *saga.state, call.step, call.phase);
  if (!public_url_.empty()) {
    const CallbackTarget target{saga.id, saga.workflow->steps[call.step].name, call.phase, call.attempt};
    request.headers.add_protocol(workers::kSagaCallbackUrl, {public_url_, tokens_.path(target)});
  }
  workers::WorkerCall sent{std::move(request.service),
                           std::move(request.url),
                           std::move(request.method),
                           std::move(request.path),
                           std::move(request.headers),
                           std::move(request.body),
                           request.timeout,
                           accepted(saga.workflow->steps[call.step], call.phase)};
  open_calls_.fetch_add(1);
  dispatcher_.send(std::move(sent), [mailbox = mailbox_, key = saga.key, call](workers::CallReport report) {
    const auto ms = std::chrono::duration_cast<Millis>(report.duration).count();
    mailbox->post(
        CallReported{key, core::CallFinished{call.step, call.phase, call.attempt, std::move(report.outcome), ms}});
  });
}

void Engine::await_instance(LiveSaga& saga, const core::AwaitService& call) {
  const workflows::Step& step = saga.workflow->steps[call.step];
  const std::uint64_t ticket = awaited_.add(
      {step.service, step.url}, fmt::format("{}/{}/{}", saga.workflow->name, step.name, workers::to_string(call.phase)),
      saga.key, call);
  std::erase_if(saga.tickets, [&call](const auto& held) { return held.first == call; });
  saga.tickets.emplace_back(call, ticket);
}

/// Not when it was tried or stopped meanwhile, or waits anew, which is another ticket.
bool Engine::still_waits(const AwaitedCalls::Call& call) {
  const LiveSaga* saga = find(call.saga);
  if (saga == nullptr || !core::awaits_service(*saga->state)) return false;
  const core::StepState& step = saga->state->steps[call.what.step];
  const core::CallState& awaited = call.what.phase == core::Phase::kAction ? step.action : step.compensation;
  return awaited.awaits == core::Awaits::kService &&
         std::find(saga->tickets.begin(), saga->tickets.end(), std::pair(call.what, call.ticket)) !=
             saga->tickets.end();
}

void Engine::settle(LiveSaga& saga) {
  if (core::has_open_call(*saga.state) || is_expecting(saga)) {
    if (const auto due = core::next_due(*saga.workflow, *saga.state)) timers_.arm(saga.key, *due);
    return;
  }
  if (core::has_ended(saga.state->status)) return drop(saga.key);
  const Timestamp now = clock_.now();
  const bool parked = saga.state->status == SagaStatus::kPending && !saga.state->facts->start_at && !has_room();
  if (parked || is_asleep(*saga.workflow, *saga.state, now, options_.sleep_after)) {
    store::Head head = head_of(*saga.workflow, *saga.state, now, options_.sleep_after);
    return must_write(saga.head, head) ? commit_head(saga, std::move(head)) : drop(saga.key);
  }
  if (const auto due = core::next_due(*saga.workflow, *saga.state)) {
    timers_.arm(saga.key, *due);
  }
}

void Engine::drop(store::SagaKey key) {
  const auto saga = live_.find(key);
  SAGA_CHECK(saga != live_.end(), "only a live saga is dropped");
  timers_.disarm(key);
  keys_.erase(saga->second->id);
  live_.erase(saga);
}

/// It goes from memory, and on as one whose record does not replay.
void Engine::suspend_as_corrupt(LiveSaga& saga) {
  const core::SagaFacts& facts = *saga.state->facts;
  SagaLoaded loaded{saga.id, std::nullopt,       store::SagaRow{}, nullptr,
                    nullptr, saga.contradiction, saga.state->seq,  false};
  loaded.row->key = saga.key;
  loaded.row->identity = {facts.id, facts.workflow, facts.version, facts.tags, facts.created_at, options_.shard};
  loaded.row->head = saga.head;
  std::vector<ClientMessage> waiting;
  for (QueuedInput& input : saga.inbox) {
    if (auto* client = std::get_if<ClientMessage>(&input)) waiting.push_back(std::move(*client));
  }
  drop(saga.key);
  take_corrupt(std::move(loaded), std::move(waiting));
}

/// Its commit failed: the copy in memory is ahead of the disk, so it goes; the scan reads the saga back.
void Engine::give_up(LiveSaga& saga, const Error& error) {
  const auto answer = std::exchange(saga.answer, nullptr);
  std::list<QueuedInput> inbox = std::move(saga.inbox);
  const std::string id = saga.id;
  if (!saga.events.empty()) {  // Nobody is told of what did not happen.
    for (const std::string& woken : woken_by(saga, saga.effects)) forget_news(woken);
  }
  drop(saga.key);
  if (answer) answer(tl::unexpected(error));
  // Where nothing can be written any more, reading it back would only lead here again.
  const bool for_good = error.code == ErrorCode::kPoisoned || error.code == ErrorCode::kFenced;
  for (QueuedInput& input : inbox) {
    auto* client = std::get_if<ClientMessage>(&input);
    if (client == nullptr) continue;
    if (for_good) {
      answer_error(*client, error);
    } else {
      ask_for(id, std::move(*client));
    }
  }
}

void Engine::ask_for(std::string id, ClientMessage message) {
  auto [waiting, is_new] = loading_.try_emplace(id);
  waiting->second.push_back(std::move(message));
  if (is_new) recovery_.load(std::move(id));
}

}  // namespace saga::runtime
