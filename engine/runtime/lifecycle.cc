// The way of one saga through the engine: an input is decided, its events are submitted, and what follows from them is
// released once they are durable.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "engine/runtime/audit.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/heads.h"

namespace saga::runtime {

using core::Decision;
using core::SagaStatus;

namespace {

const std::vector<int>& accepted(const workflows::Step& step, core::Phase phase) {
  return phase == core::Phase::kAction ? step.action.accept : step.compensation->accept;
}

}  // namespace

bool same_start(const core::SagaFacts& there, const StartRequest& request) {
  return there.workflow == request.workflow->name &&
         (!request.version_named || there.version == request.workflow->version) &&
         same_json(there.input, request.input);
}

LiveSaga* Engine::find(store::SagaKey key) {
  const auto saga = live_.find(key);
  return saga == live_.end() ? nullptr : saga->second.get();
}

/// A saga that is not on disk yet; `decision` is what its start decides.
LiveSaga& Engine::add_live(const StartRequest& request, Decision& decision) {
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

  auto fresh = std::make_unique<LiveSaga>();
  LiveSaga& saga = *fresh;
  saga.key = store_.reserve_key();
  saga.id = request.id;
  saga.workflow = request.workflow;
  saga.state = std::make_shared<const core::SagaState>();
  decision = decide(saga, core::StartSaga{std::move(facts), request.actor, request.verified});
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
  Decision decision;
  LiveSaga& saga = add_live(start.request, decision);
  auto shared = std::make_shared<ClientStart>(std::move(start));
  commit(
      saga, std::move(decision),
      [this, shared, key = saga.key](const Result<void>& result) {
        if (result) {
          shared->done(Started{true, snapshot(*find(key))});
        } else if (result.error().code == ErrorCode::kConflict) {
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
  saga.inbox.push_back(std::move(input));
  if (!saga.committing) work_off(saga);
}

void Engine::work_off(LiveSaga& saga) {
  while (!saga.committing && !saga.inbox.empty()) {
    QueuedInput input = std::move(saga.inbox.front());
    saga.inbox.pop_front();
    process(saga, std::move(input));
  }
  if (!saga.committing) settle(saga);
}

void Engine::process(LiveSaga& saga, QueuedInput input) {
  if (auto* client = std::get_if<ClientMessage>(&input)) {
    if (auto* start = std::get_if<ClientStart>(client)) {
      answer_repeated_start(saga, std::move(*start));
    } else {
      process_command(saga, std::move(std::get<ClientCommand>(*client)));
    }
    return;
  }
  const core::Input decided = std::visit(
      [](auto& what) -> core::Input {
        if constexpr (std::is_same_v<std::decay_t<decltype(what)>, ClientMessage>) {
          SAGA_CHECK(false, "client messages are handled above");
          return core::TimerFired{};
        } else {
          return std::move(what);
        }
      },
      input);
  Decision decision = decide(saga, decided);
  if (!decision.events.empty()) commit(saga, std::move(decision), nullptr, false);
}

void Engine::process_command(LiveSaga& saga, ClientCommand command) {
  const core::OperatorCommand& called = command.command;
  Decision decision = decide(saga, called);
  if (decision.refusal || decision.events.empty()) {
    command.done(CommandAnswer{std::move(decision.refusal), snapshot(saga), false});
    return;
  }
  auto done = std::make_shared<CommandDone>(std::move(command.done));
  commit(
      saga, std::move(decision),
      [this, done, key = saga.key](const Result<void>& result) {
        if (result) {
          (*done)(CommandAnswer{std::nullopt, snapshot(*find(key)), true});
        } else {
          (*done)(tl::unexpected(result.error()));
        }
      },
      false,
      std::make_shared<const store::AuditEntry>(
          audit_entry(saga.id, called, clock_.now(), kAuditDone, called.output ? "with output" : "")));
}

Decision Engine::decide(const LiveSaga& saga, const core::Input& input) {
  const bool starts = std::holds_alternative<core::StartSaga>(input);
  const core::Moment moment{clock_.now(), random_(), !draining_.load() && (!starts || has_room())};
  return core::decide(*saga.workflow, *saga.state, input, moment);
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
  append.first_seq = saga.state->seq + 1;
  append.events.reserve(decision.events.size());
  std::int64_t seq = append.first_seq;
  for (const core::Event& event : decision.events) {
    append.events.push_back(
        {seq++, event.at, std::string(core::type_name(event.body)), core::encode_event(*saga.workflow, event.body)});
  }
  saga.state = std::make_shared<const core::SagaState>(std::move(decision.after));
  store::Head head =
      head_of(*saga.workflow, *saga.state, std::max(clock_.now(), saga.state->updated_at), options_.sleep_after);
  if (create) {
    const core::SagaFacts& facts = *saga.state->facts;
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

/// A full queue refuses new sagas; running ones wait for it.
void Engine::submit(store::Append append) {
  const store::SagaKey key = append.saga;
  if (!stalled_.empty() && !append.create) {
    stalled_.push_back(std::move(append));
    return;
  }
  const bool create = append.create.has_value();
  auto submitted = store_.submit(std::move(append), [mailbox = mailbox_, key](Result<void> result) {
    mailbox->post(Committed{key, std::move(result)});
  });
  if (submitted) return;
  if (submitted.error().code == ErrorCode::kOverloaded && !create) {
    stalled_.push_back(std::move(append));
  } else {
    mailbox_->post(Committed{key, tl::unexpected(submitted.error())});
  }
}

void Engine::resubmit_stalled() {
  std::deque<store::Append> again;
  again.swap(stalled_);
  while (!again.empty() && stalled_.empty()) {
    submit(std::move(again.front()));
    again.pop_front();
  }
  for (store::Append& append : again) stalled_.push_back(std::move(append));
}

void Engine::release(LiveSaga& saga) {
  const std::vector<core::Event> events = std::exchange(saga.events, {});
  const std::vector<core::Effect> effects = std::exchange(saga.effects, {});
  const auto answer = std::exchange(saga.answer, nullptr);
  if (observer_ != nullptr) observer_->committed(*saga.workflow, *saga.state, events);
  if (answer) answer({});
  if (subscriptions_->any()) {
    const bool at_rest = core::has_ended(saga.state->status) || saga.state->status == SagaStatus::kSuspended;
    subscriptions_->tell(saga.id, CommitNotice{saga.state->seq, at_rest, snapshot(saga)});
  }
  for (const core::Effect& effect : effects) {
    if (const auto* await = std::get_if<core::AwaitService>(&effect)) {
      await_instance(saga, *await);
      continue;
    }
    if (!std::holds_alternative<core::CallWorker>(effect)) continue;  // Of a child: no workflow that loads has one.
    const auto& call = std::get<core::CallWorker>(effect);
    core::CallRequest request = core::render_call(*saga.workflow, *saga.state, call.step, call.phase);
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
  if (core::has_open_call(*saga.state)) {
    if (const auto due = core::next_due(*saga.workflow, *saga.state)) timers_.arm(saga.key, *due);
    return;
  }
  const Timestamp now = clock_.now();
  const bool parked = saga.state->status == SagaStatus::kPending && !saga.state->facts->start_at && !has_room();
  if (parked || is_asleep(*saga.workflow, *saga.state, now, options_.sleep_after)) return drop(saga.key);
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

/// Its commit failed: the copy in memory is ahead of the disk, so it goes; the scan reads the saga back.
void Engine::give_up(LiveSaga& saga, const Error& error) {
  const auto answer = std::exchange(saga.answer, nullptr);
  std::deque<QueuedInput> inbox = std::move(saga.inbox);
  const std::string id = saga.id;
  drop(saga.key);
  if (answer) answer(tl::unexpected(error));
  for (QueuedInput& input : inbox) {
    if (auto* client = std::get_if<ClientMessage>(&input)) ask_for(id, std::move(*client));
  }
}

void Engine::ask_for(std::string id, ClientMessage message) {
  auto [waiting, is_new] = loading_.try_emplace(id);
  waiting->second.push_back(std::move(message));
  if (is_new) recovery_.load(std::move(id));
}

}  // namespace saga::runtime
