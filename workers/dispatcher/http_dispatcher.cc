#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "workers/dispatcher/dispatcher.h"
#include "workers/dispatcher/health.h"
#include "workers/dispatcher/instance.h"
#include "workers/dispatcher/request_text.h"

namespace saga::workers {
namespace {

/// A call from `send` until its report.
struct Attempt {
  WorkerCall call;
  CallDone done;
  TimePoint started{};        ///< When it left the queue.
  std::size_t instance = 0;   ///< Whose turn it was.
  Breaker::Pass pass{};       ///< What its breaker let it through as.
  bool sent = false;          ///< A byte may have left.
  bool own_trouble = false;   ///< It failed for something that the instance has no part in.
};

/// A service and what waits for it. The counts are read by any thread, the health under the dispatcher's lock; all else
/// lives on the dispatcher thread.
struct Target {
  std::string name;
  Service service;
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<Health> health;  ///< In the order of the instances.
  std::size_t next_instance = 0;
  std::deque<std::unique_ptr<Attempt>> queue;
  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::size_t> queued{0};

  /// Gives `attempt` to the next instance whose breaker lets it through; false where there is none.
  bool take_turn(Attempt& attempt, Breaker::Time now) {
    for (std::size_t i = 0; i < instances.size(); ++i) {
      const std::size_t at = (next_instance + i) % instances.size();
      if (!health[at].breaker().admits(now)) continue;
      attempt.instance = at;
      attempt.pass = health[at].breaker().admit(now);
      next_instance = (at + 1) % instances.size();
      return true;
    }
    return false;
  }

  [[nodiscard]] Admits admits(Breaker::Time now) const {
    Admits most = Admits::kNone;
    for (const Health& one : health) {
      if (one.breaker().state(now) == Breaker::State::kClosed) return Admits::kAll;
      if (one.breaker().admits(now)) most = Admits::kOne;
    }
    return most;
  }

  [[nodiscard]] std::vector<InstanceStatus> instance_status(Breaker::Time now) const {
    std::vector<InstanceStatus> all;
    for (const Health& one : health) all.push_back(one.status(now));
    return all;
  }

  [[nodiscard]] std::string why_held_back(Breaker::Time now) const;
};

/// Names the instance that is tried next, when, and what is wrong with it.
std::string Target::why_held_back(Breaker::Time now) const {
  const Health* next = &health.front();
  for (const Health& one : health) {
    if (one.breaker().until() < next->breaker().until()) next = &one;
  }
  const std::string all =
      health.size() == 1 ? "" : fmt::format("all {} instances are held back; the first to be tried: ", health.size());
  const std::size_t faults = next->breaker().consecutive_faults();
  if (next->breaker().state(now) == Breaker::State::kHalfOpen) {
    return fmt::format("{}the circuit breaker of {} waits for how one call ends, after {} faults in a row, the last: {}",
                       all, next->url(), faults, next->last_error());
  }
  using std::chrono::system_clock;
  const Millis until = std::chrono::duration_cast<Millis>(
      (system_clock::now() + (next->breaker().until() - now)).time_since_epoch());
  return fmt::format("{}the circuit breaker of {} is open until {}, after {} faults in a row, the last: {}", all,
                     next->url(), format_time(Timestamp{until.count()}), faults, next->last_error());
}

class HttpDispatcher final : public Dispatcher {
 public:
  explicit HttpDispatcher(const DispatcherOptions& options) : options_(options) {}
  ~HttpDispatcher() override;

  Result<void> add(const std::string& name, const Service& service);
  void start();

  void send(WorkerCall call, CallDone done) override;
  bool has_instance(const std::string& service) const override { return service.empty() || targets_.contains(service); }
  Admits admits(const std::string& service, const std::string& url) const override;
  std::vector<ServiceStatus> services() const override;
  std::vector<InstanceStatus> urls() const override;
  std::size_t in_flight() const override { return in_flight_.load(std::memory_order_relaxed); }

 private:
  struct Incoming {
    Target* target = nullptr;  ///< None: by the call's URL, or not at all.
    std::unique_ptr<Attempt> attempt;
  };

  Result<std::unique_ptr<Target>> make_target(const std::string& name, const Service& service);
  void take_incoming();
  void accept(Incoming incoming);
  Target* url_target(const Attempt& attempt);
  void begin(Target& target, std::unique_ptr<Attempt> attempt);
  Awaitable<void> run(Target& target, std::unique_ptr<Attempt> attempt);
  Awaitable<CallOutcome> call(Instance& instance, const Target& target, Attempt& attempt);
  void keep(Instance& instance, std::unique_ptr<Connection> connection, const AnswerReader& reader);
  void record(Target& target, const Attempt& attempt, const CallOutcome& outcome);
  void finish(Target& target, std::unique_ptr<Attempt> attempt, CallOutcome outcome);
  void sweep_later();
  void sweep();
  template <typename Visit>
  void for_each_instance(Visit visit);

  const DispatcherOptions options_;
  std::optional<asio::io_context> io_{std::in_place, 1};
  Network network_{*io_};
  std::optional<Timer> sweep_timer_{std::in_place, io_->get_executor()};
  bool sweeping_ = false;
  std::map<std::string, std::unique_ptr<Target>> targets_;      ///< Does not change once started: any thread reads it.
  std::atomic<std::size_t> in_flight_{0};
  std::mt19937_64 random_{std::random_device{}()};  ///< Dispatcher thread only.

  /// Guards the health in every target, and which targets `url_targets_` has. Only the dispatcher thread changes either.
  mutable std::mutex health_mutex_;
  std::map<std::string, std::unique_ptr<Target>> url_targets_;  ///< Of steps that name a URL, by that.

  std::mutex incoming_mutex_;
  std::vector<Incoming> incoming_;  ///< Guarded by `incoming_mutex_`.
  std::vector<Incoming> taken_;     ///< Of the dispatcher thread; kept for its memory.

  std::thread thread_;
};

HttpDispatcher::~HttpDispatcher() {
  io_->stop();
  if (thread_.joinable()) thread_.join();
  // What lives in suspended coroutines goes with the io_context and may still look at deadlines; what holds a socket or
  // a timer must go before it.
  network_.deadlines.stop();
  sweep_timer_.reset();
  for_each_instance([](Instance& instance) { instance.close_idle({}, true); });
  network_.resolver.stop();
  io_.reset();
}

Result<void> HttpDispatcher::add(const std::string& name, const Service& service) {
  auto target = make_target(name, service);
  if (!target) return tl::unexpected<Error>(target.error());
  if (!service.urls.empty()) targets_[name] = std::move(*target);
  return {};
}

Result<std::unique_ptr<Target>> HttpDispatcher::make_target(const std::string& name, const Service& service) {
  auto target = std::make_unique<Target>();
  target->name = name;
  target->service = service;
  target->service.max_in_flight = std::max<std::size_t>(service.max_in_flight, 1);
  for (const std::string& text : service.urls) {
    auto url = parse_base_url(text);
    if (!url)
      return fail(url.error().code,
                  name.empty() ? url.error().message : fmt::format("service '{}': {}", name, url.error().message));
    target->instances.push_back(std::make_unique<Instance>(std::move(*url), network_));
    target->health.emplace_back(text, service.breaker);
  }
  return target;
}

void HttpDispatcher::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "dispatcher");
    sigset_t all;  // Signals are the main thread's.
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    const auto work = asio::make_work_guard(*io_);
    io_->run();
  });
}

void HttpDispatcher::send(WorkerCall call, CallDone done) {
  Incoming incoming;
  if (!call.service.empty()) {
    const auto at = targets_.find(call.service);
    if (at != targets_.end()) incoming.target = at->second.get();
  }
  if (incoming.target != nullptr) incoming.target->queued.fetch_add(1, std::memory_order_relaxed);
  incoming.attempt = std::make_unique<Attempt>(Attempt{std::move(call), std::move(done)});
  bool first = false;
  {
    const std::lock_guard lock(incoming_mutex_);
    first = incoming_.empty();
    incoming_.push_back(std::move(incoming));
  }
  if (first) asio::post(*io_, [this] { take_incoming(); });  // The thread is woken once for all that wait.
}

Admits HttpDispatcher::admits(const std::string& service, const std::string& url) const {
  const std::lock_guard lock(health_mutex_);
  const auto& known = service.empty() ? url_targets_ : targets_;
  const auto target = known.find(service.empty() ? url : service);
  if (target == known.end()) return service.empty() ? Admits::kAll : Admits::kNone;
  return target->second->admits(options_.now());
}

std::vector<InstanceStatus> HttpDispatcher::urls() const {
  const std::lock_guard lock(health_mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [url, target] : url_targets_) all.push_back(target->health.front().status(options_.now()));
  return all;
}

std::vector<ServiceStatus> HttpDispatcher::services() const {
  const std::lock_guard lock(health_mutex_);
  std::vector<ServiceStatus> all;
  for (const auto& [name, target] : targets_) {
    all.push_back({.name = name,
                   .instances = target->instance_status(options_.now()),
                   .max_in_flight = target->service.max_in_flight,
                   .in_flight = target->in_flight.load(std::memory_order_relaxed),
                   .queued = target->queued.load(std::memory_order_relaxed)});
  }
  return all;
}

void HttpDispatcher::take_incoming() {
  {
    const std::lock_guard lock(incoming_mutex_);
    taken_.swap(incoming_);
  }
  for (Incoming& incoming : taken_) accept(std::move(incoming));
  taken_.clear();
}

void HttpDispatcher::accept(Incoming incoming) {
  Target* target = incoming.target;
  const WorkerCall& call = incoming.attempt->call;
  if (target == nullptr && !call.service.empty()) {
    incoming.attempt->done(
        {NotSent{NotSent::Reason::kNoInstance, fmt::format("service '{}' has no instance", call.service)}, {}});
    return;
  }
  if (target == nullptr) {
    target = url_target(*incoming.attempt);
    if (target == nullptr) return;
    target->queued.fetch_add(1, std::memory_order_relaxed);
  }
  if (target->in_flight.load(std::memory_order_relaxed) < target->service.max_in_flight) {
    begin(*target, std::move(incoming.attempt));
  } else {
    target->queue.push_back(std::move(incoming.attempt));
  }
}

/// Null where the URL is none; the attempt has then been reported.
Target* HttpDispatcher::url_target(const Attempt& attempt) {
  const std::string& url = attempt.call.url;
  if (const auto known = url_targets_.find(url); known != url_targets_.end()) return known->second.get();
  auto made = make_target({}, {.urls = {url},
                               .headers = {},
                               .max_in_flight = options_.max_in_flight_per_url,
                               .breaker = options_.url_breaker});
  if (!made) {
    attempt.done({NotSent{NotSent::Reason::kUnreachable, made.error().message}, {}});
    return nullptr;
  }
  sweep_later();
  const std::lock_guard lock(health_mutex_);
  return (url_targets_[url] = std::move(*made)).get();
}

/// Makes the call, unless every breaker holds it back: then it is reported at once, also one that has waited in the
/// queue.
void HttpDispatcher::begin(Target& target, std::unique_ptr<Attempt> attempt) {
  target.queued.fetch_sub(1, std::memory_order_relaxed);
  std::string held_back;
  {
    const TimePoint now = options_.now();
    const std::lock_guard lock(health_mutex_);
    if (!target.take_turn(*attempt, now)) held_back = target.why_held_back(now);
  }
  if (!held_back.empty()) {
    attempt->done({NotSent{NotSent::Reason::kNoInstance, std::move(held_back)}, {}});
    return;
  }
  target.in_flight.fetch_add(1, std::memory_order_relaxed);
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  attempt->started = SteadyClock::now();
  asio::co_spawn(io_->get_executor(), run(target, std::move(attempt)), asio::detached);
}

Awaitable<void> HttpDispatcher::run(Target& target, std::unique_ptr<Attempt> attempt) {
  CallOutcome outcome;
  try {
    outcome = co_await call(*target.instances[attempt->instance], target, *attempt);
  } catch (const std::exception& problem) {  // No memory, no timer: a call is never lost for it.
    attempt->own_trouble = true;
    if (attempt->sent) {
      outcome = OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, problem.what()};
    } else {
      outcome = NotSent{NotSent::Reason::kUnreachable, problem.what()};
    }
  }
  finish(target, std::move(attempt), std::move(outcome));
}

Awaitable<CallOutcome> HttpDispatcher::call(Instance& instance, const Target& target, Attempt& attempt) {
  const TimePoint deadline = attempt.started + attempt.call.timeout;
  const std::string& where = instance.url().text;
  const std::string request = request_text(attempt.call, instance.url(), target.service.headers);
  for (;;) {
    std::unique_ptr<Connection> connection = instance.take_idle();
    const bool kept = connection != nullptr;
    if (!kept) {
      auto made = co_await instance.connect(deadline);
      if (!made && made.error().code == ErrorCode::kOverloaded) {
        for_each_instance([](Instance& other) { other.close_idle({}, true); });
        made = co_await instance.connect(deadline);
      }
      if (!made) {
        attempt.own_trouble = made.error().code == ErrorCode::kOverloaded;
        co_return NotSent{NotSent::Reason::kUnreachable,
                          fmt::format("no connection to {}: {}", where, made.error().message)};
      }
      connection = std::move(*made);
    }
    AnswerReader reader(options_.max_answer_body, options_.max_answer_header);
    Exchange exchange;
    {
      const Deadline limit(network_.deadlines, deadline, *connection);
      attempt.sent = true;
      exchange = co_await connection->exchange(request, reader);
    }
    switch (exchange.end) {
      case Exchange::End::kNothingWritten:
        attempt.sent = false;
        // Closed by the worker while it was kept: another carries the call, which nobody has seen.
        if (kept && SteadyClock::now() < deadline) continue;
        co_return NotSent{NotSent::Reason::kUnreachable,
                          fmt::format("no connection to {}: {}", where, exchange.problem)};
      case Exchange::End::kAnswered:
        if (reader.connection_reusable()) keep(instance, std::move(connection), reader);
        co_return reader.take_answer();
      case Exchange::End::kLost:
        co_return OutcomeUnknown{
            OutcomeUnknown::Reason::kConnectionLost,
            fmt::format("lost the connection to {} before its answer: {}", where, exchange.problem)};
      case Exchange::End::kTimeout:
        co_return OutcomeUnknown{OutcomeUnknown::Reason::kTimeout, fmt::format("no answer from {} within {}", where,
                                                                               format_duration(attempt.call.timeout))};
      case Exchange::End::kNotHttp:
        co_return OutcomeUnknown{OutcomeUnknown::Reason::kBadAnswer,
                                 fmt::format("the answer of {} is not good HTTP: {}", where, exchange.problem)};
    }
  }
}

void HttpDispatcher::keep(Instance& instance, std::unique_ptr<Connection> connection, const AnswerReader& reader) {
  std::chrono::milliseconds keep_for = options_.idle_connection;
  // A worker that says when it closes an idle connection is believed, with a margin: a call sent into that moment is
  // lost.
  if (const auto said = reader.kept_alive_for()) keep_for = std::min(keep_for, std::chrono::milliseconds(*said) / 2);
  if (keep_for.count() <= 0) return;
  instance.put_idle(std::move(connection), keep_for);
  sweep_later();
}

void HttpDispatcher::record(Target& target, const Attempt& attempt, const CallOutcome& outcome) {
  const double draw = std::uniform_real_distribution<double>()(random_);
  const std::lock_guard lock(health_mutex_);
  Health& health = target.health[attempt.instance];
  if (attempt.own_trouble) {
    health.breaker().told_nothing(attempt.pass);
  } else {
    health.record(attempt.pass, outcome, attempt.call.accept, options_.now(), draw);
  }
}

/// What the call shows of its instance counts before anybody learns of its end. One that ends makes room for one that
/// waits; where a breaker has opened, all that wait are reported.
void HttpDispatcher::finish(Target& target, std::unique_ptr<Attempt> attempt, CallOutcome outcome) {
  record(target, *attempt, outcome);
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  target.in_flight.fetch_sub(1, std::memory_order_relaxed);
  while (!target.queue.empty() &&
         target.in_flight.load(std::memory_order_relaxed) < target.service.max_in_flight) {
    auto next = std::move(target.queue.front());
    target.queue.pop_front();
    begin(target, std::move(next));
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - attempt->started);
  attempt->done({std::move(outcome), took});
}

template <typename Visit>
void HttpDispatcher::for_each_instance(Visit visit) {
  for (auto* targets : {&targets_, &url_targets_}) {
    for (auto& [name, target] : *targets) {
      for (auto& instance : target->instances) visit(*instance);
    }
  }
}

void HttpDispatcher::sweep_later() {
  if (sweeping_) return;
  sweeping_ = true;
  // Often enough that none outlives its time by much, seldom enough to cost nothing.
  sweep_timer_->expires_after(std::clamp<SteadyClock::duration>(
      options_.idle_connection / 4, std::chrono::milliseconds(50), std::chrono::seconds(1)));
  sweep_timer_->async_wait([this](const error_code& error) {
    if (!error) sweep();
  });
}

void HttpDispatcher::sweep() {
  sweeping_ = false;
  const TimePoint now = SteadyClock::now();
  std::size_t left = 0;
  for_each_instance([&](Instance& instance) {
    instance.close_idle(now);
    left += instance.idle();
  });
  const std::lock_guard lock(health_mutex_);
  std::erase_if(url_targets_, [&, health_now = options_.now()](const auto& entry) {
    const Target& target = *entry.second;
    return target.in_flight == 0 && target.queue.empty() && target.instances.front()->at_rest() &&
           !target.health.front().worth_keeping(health_now);
  });
  if (left > 0 || !url_targets_.empty()) sweep_later();
}

}  // namespace

Result<std::unique_ptr<Dispatcher>> make_http_dispatcher(const Services& services, const DispatcherOptions& options) {
  auto dispatcher = std::make_unique<HttpDispatcher>(options);
  for (const auto& [name, service] : services) {
    if (auto added = dispatcher->add(name, service); !added) return tl::unexpected<Error>(added.error());
  }
  dispatcher->start();
  return dispatcher;
}

}  // namespace saga::workers
