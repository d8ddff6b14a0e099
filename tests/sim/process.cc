#include "tests/sim/process.h"

#include <fmt/format.h>

#include <array>

#include "base/check.h"

namespace saga::sim {

using workers::Attempt;

namespace {

constexpr const char* kUrl = "http://sagad";
constexpr int kMostTurns = 20'000;  ///< At one moment: more is going round in a circle.

/// "/v1/callbacks/SAGA/STEP/PHASE/ATTEMPT/TOKEN"
std::optional<std::array<std::string, 5>> parts_of(const std::string& url) {
  static const std::string prefix = std::string(kUrl) + "/v1/callbacks/";
  if (!url.starts_with(prefix)) return std::nullopt;
  std::array<std::string, 5> parts;
  std::size_t from = prefix.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t to = i + 1 < parts.size() ? url.find('/', from) : url.size();
    if (to == std::string::npos) return std::nullopt;
    parts[i] = url.substr(from, to - from);
    from = to + 1;
  }
  return parts;
}

}  // namespace

/// A `done` that can be recognised in the attempt which the traffic hands on.
struct Process::Passenger {
  Process* process;
  FlightRef flight;
  std::shared_ptr<std::optional<End>> end;
  workers::CallDone done;

  void operator()(workers::CallReport report) const {
    if (!process->life_->alive()) return;
    // Only the traffic itself ends a call that has no end from the network.
    if (!*end) *end = no_instance("held back");
    process->book_.reported(*flight->call, **end);
    done(std::move(report));
  }
};

Process::Process(Setting& setting, Disk& disk, Book& book, Network& network,
                 const std::map<std::string, workflows::WorkflowRef>& workflows, Boot boot,
                 std::function<void(Millis)> on_store)
    : setting_(setting),
      disk_(disk),
      book_(book),
      network_(network),
      boot_(std::move(boot)),
      on_store_(std::move(on_store)),
      clock_(setting.agenda, boot_.wall_is_off),
      life_(std::make_shared<Life>(boot_.number, boot_.fuse)),
      chance_(setting.plan.seed, "process", static_cast<std::uint64_t>(boot_.number)) {
  setting_.story.tell(31, [&] { return fmt::format("==== process {} begins", boot_.number); });
  disk.belongs_to(life_, clock_);
  store::CommitterOptions committer = setting_.plan.committer;
  committer.own_thread = false;
  store_ = std::make_unique<store::StoreOverMemory>(disk.tables(), disk, committer);

  workers::TrafficOptions traffic;
  traffic.seed = chance_.next();
  traffic.max_in_flight_per_url = setting_.plan.max_in_flight;
  traffic.url_breaker = setting_.plan.breaker;
  traffic.wall = [this] { return clock_.now(); };
  traffic_ = std::make_unique<workers::Traffic>(traffic, [this](std::unique_ptr<Attempt> a) { begin(std::move(a)); });
  for (int i = 0; i < 3; ++i) {
    const std::string name = fmt::format("svc{}", i);
    if (boot_.missing.contains(name)) continue;
    workers::Service service;
    for (int k = 0; k < setting_.plan.instances; ++k) service.urls.push_back(fmt::format("http://{}-{}", name, k));
    service.max_in_flight = setting_.plan.max_in_flight;
    service.breaker = setting_.plan.breaker;
    const auto added = traffic_->add(name, service);
    SAGA_CHECK(added.has_value(), "a service of good URLs");
  }

  registry_ = std::make_unique<runtime::Registry>(*store_);
  if (boot_.reads_definitions) {
    if (const auto unreadable = registry_->load(); unreadable && !unreadable->empty()) {
      setting_.violated("I7", "a definition is not read back: " + unreadable->front());
    }
  }
  std::vector<workflows::WorkflowRef> all;
  for (const auto& [name, workflow] : workflows) all.push_back(workflow);
  const auto registered = registry_->add(all, clock_.now());
  if (!registered) {
    if (life_->alive()) setting_.violated("I7", "definitions are not registered: " + registered.error().error.message);
    life_->end();
    return;
  }
  runtime::RuntimeOptions options = setting_.plan.runtime;
  options.own_threads = false;
  options.seed = chance_.next();
  auto created = runtime::Runtime::create(*registry_, *store_, *this, clock_, this, options);
  if (!created) {
    if (life_->alive()) setting_.violated("I1", "the runtime does not begin: " + created.error().message);
    life_->end();
    return;
  }
  runtime_ = std::move(*created);
  runtime_->set_public_url(kUrl);
  if (boot_.hold) hold();
}

/// As a daemon does that was told to: it ends where it cannot.
void Process::hold() {
  setting_.story.tell(33, [] { return std::string("==== it holds everything that has not ended"); });
  holding_ = true;
  const core::Actor actor{"hold", true, "held"};
  for (bool more = true; more && life_->pass();) {
    const auto held = runtime_->hold_some(actor);
    more = held && *held;
    while (more && alive() && store_->step()) continue;
    if (!held || disk_.refuses() || poisoned()) life_->end();
  }
  holding_ = false;
}

Process::~Process() {
  life_->end();
  waiting_.clear();
  runtime_.reset();
  store_.reset();
}

// ---- the loop -------------------------------------------------------------------------------------------------------

void Process::settle() {
  if (!alive()) return;
  for (int turns = 0;; ++turns) {
    const std::size_t taken = runtime_->turn();
    if (!life_->pass()) return;
    if (taken == 0 && runtime_->next_due().value_or(Timestamp{INT64_MAX}) > clock_.now()) break;
    if (turns > kMostTurns) return setting_.violated("I1", "it turns for ever and gets nowhere");
  }
  ask_for_store();
}

void Process::ask_for_store() {
  if (store_asked_ || store_->queue_length() == 0) return;
  store_asked_ = true;
  int longest = setting_.calm ? std::min(2, setting_.plan.slowest_commit) : setting_.plan.slowest_commit;
  Millis takes = chance_.millis(0, longest);
  if (!setting_.calm && chance_.below(1'000) < setting_.plan.of(Fault::kStoreHangs)) {
    setting_.happened(Fault::kStoreHangs);
    takes = chance_.millis(300, 8'000);
    hangs_until_ = setting_.agenda.now() + takes + Millis{1};
    setting_.story.tell(32, [&] { return fmt::format("the disk hangs for {} ms", takes.count()); });
  }
  if (disk_.refuses()) takes = std::max(takes, Millis{20});  // As the committer waits before it tries again.
  on_store_(takes);
}

void Process::step_store() {
  store_asked_ = false;
  if (!alive()) return;
  while (store_->step() && alive() && setting_.calm) continue;
}

std::optional<Timestamp> Process::next_due() const {
  const auto due = runtime_->next_due();
  if (!due) return std::nullopt;
  return clock_.agenda_time(*due);
}

void Process::subscribe(const std::string& saga) {
  const SagaRecord* record = book_.find(saga);
  if (record == nullptr || waiting_.contains(saga)) return;
  Waiting& waiting = waiting_[saga];
  waiting.from = record->state.seq;
  constexpr auto kEvery = runtime::Interest::kEveryCommit;
  waiting.subscription = runtime_->subscribe(saga, kEvery, [this, saga](const runtime::CommitNotice& notice) {
    if (!alive()) return;
    const core::SagaState& shown = *notice.saga.state;
    book_.shown(shown);
    const bool at_rest = core::has_ended(shown.status) || shown.status == core::SagaStatus::kSuspended;
    if (notice.at_rest != at_rest || notice.seq != shown.seq)
      setting_.violated("I7", "who waits for " + saga + " is told something else");
    waiting_[saga].told = notice.seq;
  });
}

void Process::check_told() const {
  for (const auto& [id, waiting] : waiting_) {
    const std::int64_t last = book_.find(id)->state.seq;
    if (last > waiting.from && waiting.told != last)
      setting_.violated("I7", fmt::format("who waits for {} was not told of its end", id));
  }
}

void Process::drain() {
  draining_ = true;
  runtime_->drain();
  settle();
}

void Process::committed(const workflows::Workflow&, const core::SagaState& after, std::span<const core::Event>) {
  if (alive()) book_.shown(after);
}

void Process::corrupt(const std::string& saga_id, const std::string& problem) {
  setting_.violated("I7", fmt::format("saga {} does not replay: {}", saga_id, problem));
}

// ---- clients --------------------------------------------------------------------------------------------------------

template <typename Answer>
std::function<void(Answer)> Process::unless_dead(std::function<void(Answer)> done) {
  return [life = life_, done = std::move(done)](Answer answer) {
    if (life->pass()) done(std::move(answer));
  };
}

void Process::start(runtime::StartRequest request, runtime::StartDone done) {
  if (!store_->health().writable) return done(fail(ErrorCode::kUnavailable, "the store is not writable"));
  runtime_->start(std::move(request), unless_dead<Result<runtime::Started>>(std::move(done)));
}

void Process::start_many(std::vector<runtime::StartRequest> requests, runtime::ManyStartedDone done) {
  if (!store_->health().writable) return done(fail(ErrorCode::kUnavailable, "the store is not writable"));
  runtime_->start_many(std::move(requests), unless_dead<Result<runtime::ManyStarted>>(std::move(done)));
}

void Process::deliver(runtime::Delivery delivery, runtime::DeliveryDone done) {
  if (!store_->health().writable) return done(fail(ErrorCode::kUnavailable, "the store is not writable"));
  runtime_->deliver(std::move(delivery), unless_dead<Result<runtime::DeliveryAnswer>>(std::move(done)));
}

void Process::call_back(const std::string& url, const Callbacks::Callback& callback,
                        std::function<void(int)> answered) {
  const auto parts = parts_of(url);
  if (!parts) return answered(404);
  const Phase phase = (*parts)[2] == "action" ? Phase::kAction : Phase::kCompensation;
  const runtime::CallbackTarget target{(*parts)[0], (*parts)[1], phase, std::atoi((*parts)[3].c_str())};
  if (!runtime_->callback_tokens().is_genuine(target, (*parts)[4])) {
    setting_.violated("callback", "a URL that a call was given is not known any more: " + url);
    return answered(404);
  }
  SagaRecord* saga = book_.find(target.saga);
  const auto step = saga != nullptr ? saga->workflow->step_index(target.step) : std::nullopt;
  if (!step || !store_->health().writable) return answered(503);
  core::Input input;
  if (callback.heartbeat) {
    input = core::HeartbeatArrived{0, phase, target.attempt};
  } else {
    AttemptRecord& attempt = saga->call(*step, phase).attempt(target.attempt);
    (callback.succeeded ? attempt.succeeded_by_callback : attempt.failed_by_callback) = true;
    input = core::CallbackArrived{
        0, phase, target.attempt, callback.succeeded, share(callback.output), callback.code, "", callback.retryable};
  }
  setting_.story.tell(Chance::hash(url), [&] {
    return fmt::format("<-- {} for {}/{}/{} #{}",
                       callback.heartbeat   ? "heartbeat"
                       : callback.succeeded ? "success"
                                            : "failure",
                       target.saga, target.step, (*parts)[2], target.attempt);
  });
  deliver({target.saga, std::move(input), target.step}, [this, answered](Result<runtime::DeliveryAnswer> answer) {
    if (!answer) return answered(answer.error().code == ErrorCode::kNotFound ? 410 : 503);
    if (answer->saga.state) book_.shown(*answer->saga.state);
    if (!answer->refusal) return answered(204);
    answered(answer->refusal->kind == core::Refusal::Kind::kGone ? 410 : 409);
  });
}

// ---- calls ----------------------------------------------------------------------------------------------------------

workers::Breaker::Time Process::steady() const { return workers::Breaker::Time(Millis{setting_.agenda.now().ms}); }

void Process::send(workers::WorkerCall call, workers::CallDone done) {
  if (!life_->pass()) return;
  if (holding_) setting_.violated("hold", "a call leaves while everything is to be held");
  auto wire = book_.sent(call, boot_.number);
  if (!wire) return;
  auto flight = std::make_shared<Flight>();
  flight->number = ++flights_;
  flight->process = boot_.number;
  flight->call = std::make_shared<const WireCall>(std::move(*wire));
  Passenger passenger{this, std::move(flight), std::make_shared<std::optional<End>>(), std::move(done)};
  traffic_->take(traffic_->announce(std::move(call), std::move(passenger)), steady());
  life_->pass();
}

void Process::begin(std::unique_ptr<Attempt> attempt) {
  if (!alive()) return;  // It waited for its turn in vain.
  const FlightRef flight = attempt->done.target<Passenger>()->flight;
  under_way_[flight->number] = std::move(attempt);
  network_.carry(flight);
}

void Process::landed(const FlightRef& flight, const End& end, bool again) {
  if (!alive()) return;
  const bool is_answer = std::holds_alternative<workers::Answered>(end.fact);
  setting_.story.tell(
      Chance::mix(
          41, is_answer ? static_cast<std::uint64_t>(std::get<workers::Answered>(end.fact).status) : end.fact.index()),
      [&] {
        return fmt::format("<-- {}{}: {}", again ? "again " : "", flight->call->text(),
                           is_answer ? std::to_string(std::get<workers::Answered>(end.fact).status)
                                     : std::string(workers::to_string(end.meaning.outcome)));
      });
  if (again) {
    // What nobody waits for any more: a second report of the same attempt.
    const auto late = late_.find(flight->number);
    if (late == late_.end()) return;
    const workers::CallDone done = std::move(late->second);
    late_.erase(late);
    return done({end.fact, std::chrono::microseconds{1'000}});
  }
  auto attempt = under_way_.extract(flight->number);
  SAGA_CHECK(!attempt.empty(), "a call that lands has left");
  const auto& passenger = *attempt.mapped()->done.target<Passenger>();
  *passenger.end = end;
  if (!is_answer && !draining_ && setting_.plan.of(Fault::kLateAnswer) > 0) late_[flight->number] = passenger.done;
  traffic_->finish(std::move(attempt.mapped()), {end.fact, std::chrono::microseconds{1'000}}, steady());
}

bool Process::has_instance(const std::string& service) const { return traffic_->has_instance(service); }
workers::Admits Process::admits(const std::string& service, const std::string& url) const {
  return traffic_->admits(service, url, steady());
}
std::vector<workers::ServiceStatus> Process::services() const { return traffic_->services(steady()); }
std::vector<workers::InstanceStatus> Process::urls() const { return traffic_->urls(steady()); }

}  // namespace saga::sim
