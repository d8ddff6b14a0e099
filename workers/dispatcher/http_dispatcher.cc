#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "workers/dispatcher/dispatcher.h"
#include "workers/dispatcher/instance.h"
#include "workers/dispatcher/request_text.h"
#include "workers/dispatcher/traffic.h"

namespace saga::workers {
namespace {

/// The connections to the instances of a route, in the order of its URLs.
using Instances = std::vector<std::unique_ptr<Instance>>;

/// A call while it is made.
struct Making {
  std::unique_ptr<Attempt> attempt;
  TimePoint started;  ///< When it left the queue.
  bool sent = false;  ///< A byte may have left.
};

class HttpDispatcher final : public Dispatcher {
 public:
  explicit HttpDispatcher(const DispatcherOptions& options)
      : options_(options),
        traffic_({options.max_in_flight_per_url, options.url_breaker, {}, {}},
                 [this](std::unique_ptr<Attempt> attempt) { begin(std::move(attempt)); }) {}
  ~HttpDispatcher() override;

  Result<void> add(const std::string& name, const Service& service) { return traffic_.add(name, service); }
  void start();

  void send(WorkerCall call, CallDone done) override;
  bool has_instance(const std::string& service) const override { return traffic_.has_instance(service); }
  Admits admits(const std::string& service, const std::string& url) const override {
    return traffic_.admits(service, url, options_.now());
  }
  std::vector<ServiceStatus> services() const override { return traffic_.services(options_.now()); }
  std::vector<InstanceStatus> urls() const override { return traffic_.urls(options_.now()); }
  std::size_t in_flight() const override { return traffic_.in_flight(); }

 private:
  void take_incoming();
  void begin(std::unique_ptr<Attempt> attempt);
  Instance& instance_of(const Attempt& attempt);
  Awaitable<void> run(Instance& instance, Making making);
  Awaitable<CallOutcome> call(Instance& instance, Making& making);
  void keep(Instance& instance, std::unique_ptr<Connection> connection, const AnswerReader& reader);
  void sweep_later();
  void sweep();
  template <typename Visit>
  void for_each_instance(Visit visit);

  const DispatcherOptions options_;
  std::optional<asio::io_context> io_{std::in_place, 1};
  Network network_{*io_};
  std::optional<Timer> sweep_timer_{std::in_place, io_->get_executor()};
  bool sweeping_ = false;
  Traffic traffic_;
  std::unordered_map<const Route*, Instances> instances_;  ///< Of the routes that were called. Dispatcher thread only.

  std::mutex incoming_mutex_;
  std::vector<std::unique_ptr<Attempt>> incoming_;  ///< Guarded by `incoming_mutex_`.
  std::vector<std::unique_ptr<Attempt>> taken_;     ///< Of the dispatcher thread; kept for its memory.

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
  auto attempt = traffic_.announce(std::move(call), std::move(done));
  bool first = false;
  {
    const std::lock_guard lock(incoming_mutex_);
    first = incoming_.empty();
    incoming_.push_back(std::move(attempt));
  }
  if (first) asio::post(*io_, [this] { take_incoming(); });  // The thread is woken once for all that wait.
}

void HttpDispatcher::take_incoming() {
  {
    const std::lock_guard lock(incoming_mutex_);
    taken_.swap(incoming_);
  }
  for (auto& attempt : taken_) traffic_.take(std::move(attempt), options_.now());
  taken_.clear();
}

void HttpDispatcher::begin(std::unique_ptr<Attempt> attempt) {
  Instance& instance = instance_of(*attempt);
  asio::co_spawn(io_->get_executor(), run(instance, Making{std::move(attempt), SteadyClock::now()}), asio::detached);
}

Instance& HttpDispatcher::instance_of(const Attempt& attempt) {
  Instances& all = instances_[attempt.route];
  if (all.empty()) {
    for (const BaseUrl& url : attempt.route->urls()) all.push_back(std::make_unique<Instance>(url, network_));
    sweep_later();  // A URL that a step named is forgotten one day.
  }
  return *all[attempt.instance];
}

Awaitable<void> HttpDispatcher::run(Instance& instance, Making making) {
  CallOutcome outcome;
  try {
    outcome = co_await call(instance, making);
  } catch (const std::exception& problem) {  // No memory, no timer: a call is never lost for it.
    making.attempt->own_trouble = true;
    if (making.sent) {
      outcome = OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, problem.what()};
    } else {
      outcome = NotSent{NotSent::Reason::kUnreachable, problem.what()};
    }
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - making.started);
  traffic_.finish(std::move(making.attempt), {std::move(outcome), took}, options_.now());
}

Awaitable<CallOutcome> HttpDispatcher::call(Instance& instance, Making& making) {
  Attempt& attempt = *making.attempt;
  const TimePoint deadline = making.started + attempt.call.timeout;
  const std::string& where = instance.url().text;
  const std::string request = request_text(attempt.call, instance.url(), attempt.route->service().headers);
  // It has them all: thousands of calls that wait for their answers need not hold them twice.
  Headers().swap(attempt.call.headers);
  attempt.call.body.reset();
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
      making.sent = true;
      exchange = co_await connection->exchange(request, reader);
    }
    switch (exchange.end) {
      case Exchange::End::kNothingWritten:
        making.sent = false;
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

template <typename Visit>
void HttpDispatcher::for_each_instance(Visit visit) {
  for (auto& [route, instances] : instances_) {
    for (auto& instance : instances) visit(*instance);
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
  const bool urls_left = traffic_.forget_urls(options_.now(), [this](const Route& route) {
    const auto called = instances_.find(&route);
    if (called == instances_.end()) return true;
    if (!called->second.front()->at_rest()) return false;
    instances_.erase(called);
    return true;
  });
  if (left > 0 || urls_left) sweep_later();
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
