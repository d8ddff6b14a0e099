// The runtime's inside: live sagas, and the way of every input: decide, submit, wait for the commit, release. Engine
// thread only, but for `post` and the counters.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/runtime/awaiting.h"
#include "engine/runtime/mailbox.h"
#include "engine/runtime/recovery.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/subscriptions.h"
#include "engine/runtime/timers.h"

namespace saga::runtime {

// ---- what comes in
// ---------------------------------------------------------------------------------------------------

struct ClientStart {
  StartRequest request;
  StartDone done;
};
struct ClientCommand {
  std::string saga_id;
  core::OperatorCommand command;
  CommandDone done;
};
using ClientMessage = std::variant<ClientStart, ClientCommand>;

/// A start of many, on its way to one commit. Engine thread only once it was posted.
struct ClientBatch {
  ClientBatch(std::vector<StartRequest> all, ManyStartedDone answer)
      : requests(std::move(all)), done(std::move(answer)), there(requests.size(), false) {}

  std::vector<StartRequest> requests;
  ManyStartedDone done;
  std::vector<bool> there;  ///< Those known to be in the store already, with the same content.
};
using ClientBatchRef = std::shared_ptr<ClientBatch>;

struct CallReported {
  store::SagaKey saga = 0;
  core::CallFinished finished;
};
struct Committed {
  store::SagaKey saga = 0;
  Result<void> result;
};
struct BatchCommitted {
  ClientBatchRef batch;
  std::vector<store::SagaKey> sagas;
  Result<void> result;
};
/// Those of a batch that were looked up, because one of them is in the store already.
struct BatchLookedUp {
  ClientBatchRef batch;
  std::vector<SagaLoaded> found;
};
using EngineMessage = std::variant<ClientStart, ClientCommand, ClientBatchRef, CallReported, Committed, BatchCommitted,
                                   BatchLookedUp, DueFound, std::vector<SagaLoaded>>;

// ---- live sagas
// --------------------------------------------------------------------------------------------------------

/// An input that waits for its saga's commit, or the client's call it came from.
using QueuedInput =
    std::variant<core::CallFinished, core::TimerFired, core::ServiceAvailable, core::Recovered, ClientMessage>;

struct LiveSaga {
  store::SagaKey key = 0;
  std::string id;
  workflows::WorkflowRef workflow;
  std::shared_ptr<const core::SagaState> state;  ///< Ahead of the disk while `committing`.
  store::Head head;                              ///< As last submitted.
  bool created = false;                          ///< Its first commit is durable.
  bool committing = false;
  std::vector<core::Event> events;  ///< Of the commit under way, as the effects and the answer below.
  std::vector<core::Effect> effects;
  std::function<void(Result<void>)> answer;
  std::deque<QueuedInput> inbox;                                      ///< In the order they came.
  std::vector<std::pair<core::AwaitService, std::uint64_t>> tickets;  ///< Of its calls that wait for an instance.
};

/// True when `request` is the start that made the saga of these facts.
[[nodiscard]] bool same_start(const core::SagaFacts& there, const StartRequest& request);

class Engine {
 public:
  Engine(Registry& registry, store::Store& store, workers::Dispatcher& dispatcher, const Clock& clock,
         RuntimeObserver* observer, RuntimeOptions options, store::Epoch epoch);

  [[nodiscard]] const RuntimeOptions& options() const { return options_; }
  [[nodiscard]] Subscriptions& subscriptions() { return *subscriptions_; }

  void post_client(ClientMessage message);   ///< Any thread.
  void post_batch(ClientBatchRef batch);     ///< Any thread.
  void drain();                              ///< Any thread.
  [[nodiscard]] bool drained() const;        ///< Any thread.
  [[nodiscard]] RuntimeStats stats() const;  ///< Any thread.

  std::size_t turn(Millis patience, bool recover_inline);
  void start_recovery() { recovery_.start(); }
  void wake() { mailbox_->nudge(); }

 private:
  // What came.
  void take(ClientStart start);
  void take(ClientCommand command);
  void take(CallReported report);
  void take(ClientBatchRef batch);
  void take(Committed committed);
  void take(BatchCommitted committed);
  void take(BatchLookedUp looked_up);
  void take(DueFound found);
  void take(std::vector<SagaLoaded> loaded);
  void adopt(SagaLoaded loaded);
  void take_corrupt(SagaLoaded loaded, std::vector<ClientMessage> waiting);

  // A saga's way.
  void begin_saga(ClientStart start);
  [[nodiscard]] LiveSaga& add_live(const StartRequest& request, core::Decision& decision);
  void answer_repeated_start(LiveSaga& saga, ClientStart start);
  void enqueue(LiveSaga& saga, QueuedInput input);
  void work_off(LiveSaga& saga);  ///< Inputs in order until a commit is under way; then rests or drops it.
  void process(LiveSaga& saga, QueuedInput input);
  void process_command(LiveSaga& saga, ClientCommand command);
  [[nodiscard]] core::Decision decide(const LiveSaga& saga, const core::Input& input);
  void commit(LiveSaga& saga, core::Decision decision, std::function<void(Result<void>)> answer, bool create,
              std::shared_ptr<const store::AuditEntry> audit = nullptr);
  [[nodiscard]] store::Append record(LiveSaga& saga, core::Decision decision, bool create);
  void submit(store::Append append);
  void resubmit_stalled();
  void release(LiveSaga& saga);
  void await_instance(LiveSaga& saga, const core::AwaitService& call);
  [[nodiscard]] bool still_waits(const AwaitedCalls::Call& call);
  void settle(LiveSaga& saga);  ///< Arms its timer, or drops it from memory.
  void drop(store::SagaKey saga);
  void give_up(LiveSaga& saga, const Error& error);
  void ask_for(std::string id, ClientMessage message);
  void fire_timers();
  void try_awaited_calls();

  // A start of many.
  void begin_batch(ClientBatchRef batch);
  void create_sagas(ClientBatchRef batch, const std::vector<std::size_t>& places);
  void look_up(ClientBatchRef batch);
  void finish(ClientBatch& batch, Result<ManyStarted> result);
  void retry_waiting_batches();

  [[nodiscard]] Snapshot snapshot(const LiveSaga& saga) const { return {saga.key, saga.workflow, saga.state}; }
  [[nodiscard]] LiveSaga* find(store::SagaKey key);
  [[nodiscard]] bool has_room() const { return live_.size() < options_.max_live; }
  [[nodiscard]] static Error unavailable();

  store::Store& store_;
  workers::Dispatcher& dispatcher_;
  const Clock& clock_;
  RuntimeObserver* observer_;
  const RuntimeOptions options_;
  const store::Fence fence_;

  std::shared_ptr<Mailbox<EngineMessage>> mailbox_ = std::make_shared<Mailbox<EngineMessage>>();
  std::shared_ptr<Subscriptions> subscriptions_ = std::make_shared<Subscriptions>();
  std::vector<EngineMessage> batch_;

  std::unordered_map<store::SagaKey, std::unique_ptr<LiveSaga>> live_;
  std::unordered_map<std::string, store::SagaKey> keys_;  ///< Of the live ones, by id.
  std::unordered_map<std::string, std::vector<ClientMessage>>
      loading_;                                                 ///< Clients waiting for a saga to be read back.
  std::unordered_map<store::SagaKey, std::string> recovering_;  ///< Asked for after a scan.
  std::vector<ClientBatchRef> waiting_batches_;  ///< For a saga of theirs whose start, or reading, is under way.
  Timers timers_;
  AwaitedCalls awaited_;
  std::deque<store::Append> stalled_;  ///< Refused by a full queue; goes first.
  std::mt19937_64 random_;

  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> clients_waiting_{0};
  std::atomic<std::size_t> live_count_{0};
  std::atomic<std::size_t> commits_in_flight_{0};
  std::atomic<std::size_t> open_calls_{0};
  std::atomic<std::size_t> recovering_count_{0};

  Recovery recovery_;  ///< Last: its thread ends first.
};

}  // namespace saga::runtime
