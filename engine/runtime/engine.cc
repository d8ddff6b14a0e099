#include "engine/runtime/engine.h"

#include <fmt/format.h>

#include "base/check.h"
#include "engine/runtime/audit.h"
#include "engine/runtime/heads.h"

namespace saga::runtime {

using core::Decision;
using core::SagaStatus;

namespace {

/// Sagas that are being read back or committed: enough for the store to have full batches.
constexpr std::size_t kEnoughReadBack = 4'000;
/// So that messages are not starved by timers.
constexpr int kTimersPerTurn = 1'000;

/// Where a saga is stuck whose record does not replay.
const store::Stuck kCorruptPlace{"", "", std::string(workers::codes::kCorrupt)};

bool is_terminate(const core::Input& input) {
  const auto* command = std::get_if<core::OperatorCommand>(&input);
  return command != nullptr && command->verb == core::Verb::kTerminate;
}

}  // namespace

Engine::Engine(Registry& registry, store::Store& store, workers::Dispatcher& dispatcher, const Clock& clock,
               RuntimeObserver* observer, RuntimeOptions options, store::Epoch epoch, CallbackTokens tokens)
    : registry_(registry),
      store_(store),
      dispatcher_(dispatcher),
      clock_(clock),
      observer_(observer),
      options_(options),
      fence_{options.shard, epoch},
      tokens_(std::move(tokens)),
      random_(options.seed ? *options.seed : std::random_device{}()),
      recovery_(
          registry, store, clock, options,
          [this, mailbox = mailbox_](RecoveryReport report) {
            if (const auto* due = std::get_if<DueFound>(&report)) due_waiting_.fetch_add(due->sagas.size());
            std::visit([&mailbox](auto&& r) { mailbox->post(std::move(r)); }, std::move(report));
          },
          [this] {
            const std::size_t at_work = commits_in_flight_.load() + recovering_count_.load() + due_waiting_.load();
            return options_.own_threads && at_work >= kEnoughReadBack;
          }) {}

void Engine::answer_error(ClientMessage& message, const Error& error) {
  std::visit(
      [&error](auto& m) {
        if (m.done) m.done(tl::unexpected(error));
      },
      message);
}

Error Engine::unavailable() { return Error{ErrorCode::kUnavailable, "sagad is shutting down and takes nothing new"}; }

// ---- from any thread ------------------------------------------------------------------------------------------------

void Engine::post_client(ClientMessage message) {
  if (draining_.load()) return answer_error(message, unavailable());
  if (clients_waiting_.load() >= options_.max_mailbox) {
    return answer_error(message, Error{ErrorCode::kOverloaded, "too many requests are waiting already"});
  }
  clients_waiting_.fetch_add(1);
  std::visit([this](auto&& m) { mailbox_->post(std::forward<decltype(m)>(m)); }, std::move(message));
}

void Engine::drain() {
  draining_.store(true);
  mailbox_->nudge();
}

bool Engine::drained() const {
  return draining_.load() && clients_waiting_.load() == 0 && open_calls_.load() == 0 && commits_in_flight_.load() == 0;
}

RuntimeStats Engine::stats() const {
  return {live_count_.load(), mailbox_->size(), commits_in_flight_.load(), open_calls_.load(),
          recovering_count_.load()};
}

// ---- the loop -------------------------------------------------------------------------------------------------------

std::size_t Engine::turn(Millis patience, bool recover_inline) {
  if (recover_inline) recovery_.step();
  turned_at_ = clock_.now();
  Millis wait = patience;
  if (patience > Millis{0}) {
    const auto due = recover_inline ? next_due() : next_timer();
    if (due) wait = std::clamp(*due - turned_at_, Millis{0}, patience);
  }
  mailbox_->take(batch_, wait);
  const std::size_t taken = batch_.size();
  for (EngineMessage& message : batch_) {
    std::visit([this](auto&& m) { take(std::move(m)); }, std::move(message));
  }
  fire_timers();
  try_awaited_calls();
  try_postponed_errands();
  resubmit_stalled();
  if (!waiting_batches_.empty()) retry_waiting_batches();
  live_count_.store(live_.size());
  recovering_count_.store(recovering_.size() + loading_.size());
  return taken;
}

std::optional<Timestamp> Engine::next_timer() { return draining_.load() ? std::nullopt : timers_.earliest(); }

/// Engine thread, which is the recovery's as well.
std::optional<Timestamp> Engine::next_due() {
  if (mailbox_->size() > 0) return turned_at_;
  Timestamp next = recovery_.next_step();
  if (const auto timer = next_timer()) next = std::min(next, *timer);
  if (!postponed_.empty() && !draining_.load()) next = std::min(next, next_errand_try_);
  // Whether these may go on, only a look tells; a thread of its own looks as often.
  if (!awaited_.empty() || !stalled_.empty() || !waiting_batches_.empty()) {
    next = std::min(next, turned_at_ + kLongestSleep);
  }
  return next;
}

void Engine::fire_timers() {
  if (draining_.load()) return;
  const Timestamp now = clock_.now();
  for (int i = 0; i < kTimersPerTurn; ++i) {
    const auto due = timers_.pop_due(now);
    if (!due) return;
    if (LiveSaga* saga = find(*due)) enqueue(*saga, core::Input(core::TimerFired{}));
  }
}

/// At every turn: the report of the call that closed a breaker is itself what makes the engine turn.
void Engine::try_awaited_calls() {
  if (awaited_.empty() || draining_.load()) return;
  const auto admits = [this](const AwaitedCalls::Where& where) { return dispatcher_.admits(where.service, where.url); };
  const auto waits = [this](const AwaitedCalls::Call& call) { return still_waits(call); };
  for (const AwaitedCalls::Call& call : awaited_.take(clock_.now(), admits, waits)) {
    enqueue(*find(call.saga), core::Input(core::ServiceAvailable{call.what.step, call.what.phase}));
  }
}

// ---- what came ------------------------------------------------------------------------------------------------------

void Engine::take(ClientStart start) {
  clients_waiting_.fetch_sub(1);
  if (const auto key = keys_.find(start.request.id); key != keys_.end()) {
    enqueue(*find(key->second), ClientMessage(std::move(start)));
  } else if (const auto waiting = loading_.find(start.request.id); waiting != loading_.end()) {
    waiting->second.emplace_back(std::move(start));
  } else {
    begin_saga(std::move(start));
  }
}

void Engine::take(ClientDelivery message) {
  clients_waiting_.fetch_sub(1);
  if (const auto key = keys_.find(message.delivery.saga_id); key != keys_.end()) {
    enqueue(*find(key->second), ClientMessage(std::move(message)));
  } else {
    std::string id = message.delivery.saga_id;
    ask_for(std::move(id), std::move(message));
  }
}

void Engine::take(CallReported report) {
  open_calls_.fetch_sub(1);
  if (LiveSaga* saga = find(report.saga)) enqueue(*saga, core::Input(std::move(report.finished)));
}

void Engine::take(Committed committed) {
  commits_in_flight_.fetch_sub(1);
  LiveSaga* saga = find(committed.saga);
  if (saga == nullptr) return;
  if (!committed.result) return give_up(*saga, committed.result.error());
  saga->committing = false;
  saga->created = true;
  release(*saga);
  work_off(*saga);
}

/// Who has asked for the saga meanwhile is served now: before, it could have been read back as it was.
void Engine::take(const CorruptNoted& noted) {
  commits_in_flight_.fetch_sub(1);
  const auto asked = loading_.find(noted.saga_id);
  if (asked == loading_.end()) return;  // It was being read back already, which has answered them.
  if (asked->second.empty()) {
    loading_.erase(asked);
  } else {
    recovery_.load(noted.saga_id);
  }
}

void Engine::take(DueFound found) {
  read_back(found.sagas);
  recovering_count_.store(recovering_.size() + loading_.size());
  due_waiting_.fetch_sub(found.sagas.size());
}

void Engine::read_back(const std::vector<store::DueSaga>& sagas) {
  std::vector<store::SagaKey> missing;
  for (const store::DueSaga& due : sagas) {
    if (live_.size() + recovering_.size() >= options_.max_live) break;
    if (live_.contains(due.key) || recovering_.contains(due.key) || loading_.contains(due.id)) continue;
    recovering_.emplace(due.key, due.id);
    missing.push_back(due.key);
  }
  if (!missing.empty() && !draining_.load()) {
    recovery_.load(std::move(missing));
  } else {
    for (const store::SagaKey key : missing) recovering_.erase(key);
  }
}

void Engine::take(AbsentAsked asked) {
  std::erase_if(asked.sagas, [this](store::SagaKey key) { return live_.contains(key); });
  asked.answer->set_value(std::move(asked.sagas));
}

void Engine::take(std::vector<SagaLoaded> loaded) {
  for (SagaLoaded& one : loaded) adopt(std::move(one));
}

void Engine::adopt(SagaLoaded loaded) {
  std::vector<ClientMessage> waiting;
  if (auto asked = loading_.extract(loaded.id)) waiting = std::move(asked.mapped());
  if (loaded.asked_key) recovering_.erase(*loaded.asked_key);
  if (!loaded.row) {
    for (ClientMessage& message : waiting) {
      forget_news(message);
      auto* start = std::get_if<ClientStart>(&message);
      if (start != nullptr && loaded.row.error().code == ErrorCode::kNotFound) {
        begin_saga(std::move(*start));
      } else {
        answer_error(message, loaded.row.error());
      }
    }
    return;
  }
  const store::SagaKey key = loaded.row->key;
  LiveSaga* saga = find(key);
  if (saga == nullptr && !loaded.state) return take_corrupt(std::move(loaded), std::move(waiting));
  if (saga == nullptr) {
    auto fresh = std::make_unique<LiveSaga>();
    saga = fresh.get();
    saga->key = key;
    saga->id = loaded.row->identity.id;
    saga->workflow = std::move(loaded.workflow);
    saga->state = LiveState(std::move(*loaded.state));
    saga->head = std::move(loaded.row->head);
    saga->created = true;
    keys_[saga->id] = key;
    live_[key] = std::move(fresh);
    if (holding_) {
      saga->inbox.emplace_back(core::Input(core::OperatorCommand{core::Verb::kSuspend, "", nullptr, *holding_}));
    }
    if (loaded.parent_terminated) {
      const std::string& parent = saga->state->facts->parent_id;
      saga->inbox.emplace_back(core::Input(core::OperatorCommand{
          core::Verb::kTerminate, "", nullptr, {parent, true, fmt::format("its parent {} was terminated", parent)}}));
    } else {
      saga->inbox.emplace_back(core::Input(core::Recovered{}));
    }
  }
  for (ClientMessage& message : waiting) saga->inbox.emplace_back(std::move(message));
  if (!saga->committing) work_off(*saga);
}

/// A record that does not replay: suspended once, so that it is seen; only `terminate` leads out. The others go on.
void Engine::take_corrupt(SagaLoaded loaded, std::vector<ClientMessage> waiting) {
  for (const ClientMessage& message : waiting) forget_news(message);
  store::Head head = loaded.row->head;
  if (head.ended) {
    for (ClientMessage& message : waiting) answer_error(message, Error{ErrorCode::kCorruption, loaded.problem});
    return;
  }
  ClientDelivery* terminate = nullptr;
  for (ClientMessage& message : waiting) {
    auto* delivery = std::get_if<ClientDelivery>(&message);
    if (delivery != nullptr && is_terminate(delivery->delivery.input) && terminate == nullptr) {
      terminate = delivery;
    } else {
      answer_error(message, Error{ErrorCode::kCorruption, loaded.problem});
    }
  }
  const bool known = head.status == "suspended" && head.stuck == std::vector<store::Stuck>{kCorruptPlace};
  if (known && terminate == nullptr && !head.wake_at) return;
  const Timestamp now = clock_.now();
  std::optional<store::Record> event;
  if (terminate != nullptr) {
    const core::Actor& actor = std::get<core::OperatorCommand>(terminate->delivery.input).actor;
    const Json data = {{"actor", actor.name}, {"verified", actor.verified}, {"reason", actor.reason}};
    event = {loaded.last_seq + 1, now, std::string(core::type_name(core::SagaTerminated{})), dump_json(data)};
    head.status = "terminated";
    head.ended = true;
    head.finished_at = now;
    head.needs_attention = false;
    head.attention_since.reset();
    head.stuck.clear();
  } else if (!known) {
    event = corrupt_event(loaded.last_seq + 1, now, loaded.problem);
    head.status = "suspended";
    head.needs_attention = true;
    head.attention_since = now;
    head.stuck = {kCorruptPlace};
  }
  head.wake_at.reset();
  head.updated_at = now;
  store::Append append;
  append.saga = loaded.row->key;
  append.fence = fence_;
  append.first_seq = loaded.last_seq + 1;
  if (event) append.events.push_back(std::move(*event));  // None: a child woke it, it only goes back to sleep.
  append.head = std::move(head);
  if (terminate != nullptr && !terminate->is_internal) {
    append.audit = std::make_shared<const store::AuditEntry>(audit_entry(
        loaded.row->identity.id, std::get<core::OperatorCommand>(terminate->delivery.input), now, kAuditDone));
  }
  DeliveryDone done = terminate != nullptr ? std::move(terminate->done) : DeliveryDone{};
  const std::string& id = loaded.row->identity.id;
  loading_.try_emplace(id);
  commits_in_flight_.fetch_add(1);
  auto submitted =
      store_.submit(std::move(append), [mailbox = mailbox_, key = loaded.row->key, id, done](Result<void> result) {
        if (done) {
          if (result) {
            done(DeliveryAnswer{std::nullopt, Snapshot{key, nullptr, nullptr}, true});
          } else {
            done(tl::unexpected(result.error()));
          }
        }
        mailbox->post(CorruptNoted{id});
      });
  if (!submitted) {
    take(CorruptNoted{id});
    if (done) done(tl::unexpected(submitted.error()));
    return;
  }
  if (observer_ != nullptr && terminate == nullptr && !known) observer_->corrupt(id, loaded.problem);
}

}  // namespace saga::runtime
