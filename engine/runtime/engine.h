// The runtime's inside: live sagas, and the way of every input: decide, submit, wait for the commit, release. Engine
// thread only, but for `post` and the counters.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/runtime/awaiting.h"
#include "engine/runtime/live_state.h"
#include "engine/runtime/mailbox.h"
#include "engine/runtime/recovery.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/subscriptions.h"
#include "engine/runtime/timers.h"

namespace saga::runtime {

/// The longest the engine thread sleeps, so that awaited services and a stop are noticed.
inline constexpr Millis kLongestSleep{250};

// ---- what comes in --------------------------------------------------------------------------------------------------

struct ClientStart {
  StartRequest request;
  StartDone done;
  bool looked_up = false;  ///< There is no such saga.
  bool clashed = false;    ///< Its id is taken: by a saga that is there, or by one that is not any more.
};
struct ClientDelivery {
  Delivery delivery;
  DeliveryDone done;           ///< None for what nobody waits for.
  bool spares_failed = false;  ///< A saga that has failed is left as it is and answered so.
  bool is_internal = false;    ///< Of another saga, not of a client.
  bool is_news = false;        ///< It follows a commit that woke the saga's row.
};
/// What clients ask, and what sagas ask of each other: both come by the saga's id.
using ClientMessage = std::variant<ClientStart, ClientDelivery>;

/// A start of many, on its way to one commit. Engine thread only once it was posted.
struct ClientBatch {
  ClientBatch(std::vector<StartRequest> all, ManyStartedDone answer)
      : requests(std::move(all)), done(std::move(answer)), there(requests.size(), false) {}

  std::vector<StartRequest> requests;
  ManyStartedDone done;
  std::vector<bool> there;  ///< Those known to be in the store already, with the same content.
  std::string taken;        ///< What the store said last of an id that is taken; names it.
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
/// That the saga's record does not replay has been written, or could not be.
struct CorruptNoted {
  std::string saga_id;
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
/// What a saga asked of a child has been done, and so does the child stand.
struct ErrandDone {
  store::SagaKey parent = 0;
  std::uint64_t errand = 0;
  core::ChildReported report;
};
/// Which of these nobody works on.
struct AbsentAsked {
  std::vector<store::SagaKey> sagas;
  std::shared_ptr<std::promise<std::vector<store::SagaKey>>> answer;
};
using EngineMessage = std::variant<ClientStart, ClientDelivery, ClientBatchRef, CallReported, Committed, CorruptNoted, BatchCommitted,
                                   BatchLookedUp, ErrandDone, DueFound, std::vector<SagaLoaded>, AbsentAsked>;

// ---- live sagas -----------------------------------------------------------------------------------------------------

/// An input that waits for its saga's commit, or the client's call it came from.
using QueuedInput = std::variant<core::Input, ClientMessage>;

/// What a saga asks of a child. Not kept in the store: it follows from the saga's state (`Recovered`).
using ChildEffect = std::variant<core::StartChild, core::CancelChild, core::UndoChild, core::TerminateChild>;

/// As in the facts of a saga: by the index of the step that starts one.
using ChildVersions = decltype(core::SagaFacts::child_versions);

struct Errand {
  std::uint64_t number = 0;
  store::SagaKey parent = 0;
  std::string child_id;
  ChildEffect what;
};

struct LiveSaga {
  store::SagaKey key = 0;
  std::string id;
  workflows::WorkflowRef workflow;
  LiveState state;       ///< Ahead of the disk while `committing`.
  store::Head head;      ///< As last submitted.
  bool created = false;  ///< Its first commit is durable.
  bool committing = false;
  std::vector<core::Event> events;  ///< Of the commit under way, as the effects and the answer below.
  std::vector<core::Effect> effects;
  std::function<void(Result<void>)> answer;
  bool tells_parent = false;     ///< The commit under way is news for its parent.
  std::list<QueuedInput> inbox;  ///< In the order they came; rarely any, and none takes no memory.
  std::string contradiction;     ///< What `decide` found; then it goes no further.
  std::vector<std::pair<core::AwaitService, std::uint64_t>> tickets;  ///< Of its calls that wait for an instance.
  std::vector<std::uint64_t> errands;  ///< Asked of its children and not yet done: it stays in memory, and due.
};

/// True when `request` is the start that made the saga of these facts.
[[nodiscard]] bool same_start(const core::SagaFacts& there, const StartRequest& request);

class Engine {
 public:
  Engine(Registry& registry, store::Store& store, workers::Dispatcher& dispatcher, const Clock& clock,
         RuntimeObserver* observer, RuntimeOptions options, store::Epoch epoch, CallbackTokens tokens);

  [[nodiscard]] const RuntimeOptions& options() const { return options_; }
  [[nodiscard]] Subscriptions& subscriptions() { return *subscriptions_; }
  [[nodiscard]] const CallbackTokens& callback_tokens() const { return tokens_; }
  void set_public_url(std::string url) { public_url_ = std::move(url); }

  void post_client(ClientMessage message);            ///< Any thread.
  void post_batch(ClientBatchRef batch);              ///< Any thread.
  void drain();                                       ///< Any thread.
  [[nodiscard]] bool drained() const;                 ///< Any thread.
  [[nodiscard]] RuntimeStats stats() const;           ///< Any thread.
  [[nodiscard]] Result<std::size_t> count_overdue();  ///< Any thread but the engine's, if it has one of its own.
  [[nodiscard]] Result<bool> hold_some(const core::Actor& actor);

  std::size_t turn(Millis patience, bool recover_inline);
  [[nodiscard]] std::optional<Timestamp> next_due();
  void start_recovery() { recovery_.start(); }
  void wake() { mailbox_->nudge(); }

 private:
  // What came.
  void take(ClientStart start);
  void take(ClientDelivery delivery);
  void take(CallReported report);
  void take(ClientBatchRef batch);
  void take(Committed committed);
  void take(const CorruptNoted& noted);
  void take(BatchCommitted committed);
  void take(BatchLookedUp looked_up);
  void take(ErrandDone done);
  void take(DueFound found);
  void read_back(const std::vector<store::DueSaga>& sagas);
  void take(std::vector<SagaLoaded> loaded);
  void take(AbsentAsked asked);
  void adopt(SagaLoaded loaded);
  void take_corrupt(SagaLoaded loaded, std::vector<ClientMessage> waiting);
  void suspend_as_corrupt(LiveSaga& saga);

  // A saga's way.
  void begin_saga(ClientStart start);
  [[nodiscard]] LiveSaga& add_live(const StartRequest& request, ChildVersions children, core::Decision& decision);
  void answer_repeated_start(LiveSaga& saga, ClientStart start);
  void enqueue(LiveSaga& saga, QueuedInput input);
  void work_off(LiveSaga& saga);  ///< Inputs in order until a commit is under way; then rests or drops it.
  void process(LiveSaga& saga, QueuedInput input);
  void process_delivery(LiveSaga& saga, ClientDelivery message);
  [[nodiscard]] core::Decision decide(LiveSaga& saga, const core::Input& input);
  void commit(LiveSaga& saga, core::Decision decision, std::function<void(Result<void>)> answer, bool create,
              std::shared_ptr<const store::AuditEntry> audit = nullptr);
  [[nodiscard]] store::Append record(LiveSaga& saga, core::Decision decision, bool create);
  void commit_head(LiveSaga& saga, store::Head head);
  void submit(store::Append append);
  [[nodiscard]] bool try_submit(store::Append& append);
  void resubmit_stalled();
  void release(LiveSaga& saga);
  void await_instance(LiveSaga& saga, const core::AwaitService& call);
  [[nodiscard]] bool still_waits(const AwaitedCalls::Call& call);
  void release(LiveSaga& saga, const core::Effect& effect);
  void call_worker(const LiveSaga& saga, const core::CallWorker& call);
  void settle(LiveSaga& saga);  ///< Arms its timer, or drops it from memory.
  void drop(store::SagaKey saga);
  void give_up(LiveSaga& saga, const Error& error);
  void ask_for(std::string id, ClientMessage message);

  // Parents and children.
  [[nodiscard]] Result<ChildVersions> child_versions(const workflows::Workflow& workflow) const;
  void ask_child(LiveSaga& parent, ChildEffect what);
  void run_errand(const Errand& errand);
  void start_child(const LiveSaga& parent, const Errand& errand);
  void deliver_to_child(const Errand& errand, core::Input input);
  void end_errand(const Errand& errand, Result<Snapshot> child);
  void postpone(const Errand& errand);
  void try_postponed_errands();
  void tell_parent(const LiveSaga& child);
  void post_internal(ClientMessage message);
  [[nodiscard]] static std::vector<std::string> woken_by(const LiveSaga& saga,
                                                         const std::vector<core::Effect>& effects);
  void note_woken(const std::vector<std::string>& ids, Timestamp at);
  void forget_news(const std::string& id);
  void forget_news(const ClientMessage& message);
  /// Something is under way that a process which died now would have to find again by the row.
  [[nodiscard]] bool is_expecting(const LiveSaga& saga) const;

  [[nodiscard]] std::optional<Timestamp> next_timer();
  void fire_timers();
  void try_awaited_calls();

  // A start of many.
  void begin_batch(ClientBatchRef batch);
  void create_sagas(ClientBatchRef batch, const std::vector<std::size_t>& places);
  void look_up(ClientBatchRef batch);
  void finish(ClientBatch& batch, Result<ManyStarted> result);
  void retry_waiting_batches();

  [[nodiscard]] static Snapshot snapshot(LiveSaga& saga) { return {saga.key, saga.workflow, saga.state.share()}; }
  [[nodiscard]] LiveSaga* find(store::SagaKey key);
  [[nodiscard]] bool has_room() const { return live_.size() < options_.max_live; }
  [[nodiscard]] static Error unavailable();
  static void answer_error(ClientMessage& message, const Error& error);

  Registry& registry_;
  store::Store& store_;
  workers::Dispatcher& dispatcher_;
  const Clock& clock_;
  RuntimeObserver* observer_;
  const RuntimeOptions options_;
  const store::Fence fence_;
  const CallbackTokens tokens_;
  std::string public_url_;

  std::shared_ptr<Mailbox<EngineMessage>> mailbox_ = std::make_shared<Mailbox<EngineMessage>>();
  std::shared_ptr<Subscriptions> subscriptions_ = std::make_shared<Subscriptions>();
  std::vector<EngineMessage> batch_;

  std::unordered_map<store::SagaKey, std::unique_ptr<LiveSaga>> live_;
  std::unordered_map<std::string, store::SagaKey> keys_;  ///< Of the live ones, by id.
  std::unordered_map<std::string, std::vector<ClientMessage>>
      loading_;  ///< Clients waiting for a saga to be read back, or first for it to be noted as corrupt.
  std::unordered_map<store::SagaKey, std::string> recovering_;  ///< Asked for after a scan.
  std::vector<ClientBatchRef> waiting_batches_;  ///< For a saga of theirs whose start, or reading, is under way.
  Timers timers_;
  AwaitedCalls awaited_;
  /// By saga, also one that is not in memory: commits that wake its row and whose news it has not had. Until then the
  /// row stays due.
  std::unordered_map<std::string, int> news_coming_;
  std::vector<Errand> postponed_;  ///< Errands that nothing could be done about just now.
  Timestamp next_errand_try_;
  Timestamp turned_at_;  ///< When the last turn began.
  std::uint64_t errands_made_ = 0;
  std::deque<store::Append> stalled_;  ///< Refused by a full queue; goes first.
  std::mt19937_64 random_;

  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> clients_waiting_{0};
  std::atomic<std::size_t> live_count_{0};
  std::atomic<std::size_t> commits_in_flight_{0};
  std::atomic<std::size_t> open_calls_{0};
  std::atomic<std::size_t> recovering_count_{0};
  std::atomic<std::size_t> due_waiting_{0};  ///< Found by a scan, and not looked at yet.

  std::optional<core::Actor> holding_;       ///< Who suspends all that is read back, before it does anything.
  std::optional<store::DueCursor> held_to_;  ///< Of `hold_some`, as the page it is at.
  std::vector<store::DueSaga> held_page_;

  Recovery recovery_;  ///< Last: its thread ends first.
};

}  // namespace saga::runtime
