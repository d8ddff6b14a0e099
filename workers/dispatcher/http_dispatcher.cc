#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "workers/dispatcher/call.h"
#include "workers/dispatcher/dispatcher.h"
#include "workers/dispatcher/instance.h"
#include "workers/dispatcher/traffic.h"

namespace saga::workers {
namespace {

/// The connections to the instances of a route, in the order of its URLs.
using Instances = std::vector<std::unique_ptr<Instance>>;

class HttpDispatcher final : public Dispatcher, public Call::Owner, public net::Expiring {
 public:
  explicit HttpDispatcher(const DispatcherOptions& options)
      : options_(options),
        traffic_({options.max_in_flight_per_url, options.url_breaker, {}, {}},
                 [this](std::unique_ptr<Attempt> attempt) { begin(std::move(attempt)); }) {}
  ~HttpDispatcher() override;

  Result<void> add(const std::string& name, const Service& service) { return traffic_.add(name, service); }
  Result<void> start();

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
  void go_on_with_new();
  Instance& instance_of(const Attempt& attempt);
  void ended(Call& call, CallOutcome outcome) override;
  void free_descriptors() override;
  const DispatcherOptions& options() const override { return options_; }
  void sweep_later();
  void expire() override;
  template <typename Visit>
  void for_each_instance(Visit visit);

  const DispatcherOptions options_;
  net::EventLoop loop_;
  Network network_{loop_};
  Traffic traffic_;

  std::mutex incoming_mutex_;
  std::vector<std::unique_ptr<Attempt>> incoming_;  ///< Guarded by `incoming_mutex_`.

  // Of the event loop's thread.
  std::vector<std::unique_ptr<Attempt>> taken_;            ///< Of `incoming_`; kept for its memory.
  std::unordered_map<const Route*, Instances> instances_;  ///< Of the routes that were called.
  std::list<Call> calls_;
  std::vector<Call*> new_;  ///< Have not sent anything.
  bool going_on_with_new_ = false;
  std::optional<net::Deadline> sweep_;

  std::thread thread_;
};

HttpDispatcher::~HttpDispatcher() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

Result<void> HttpDispatcher::start() {
  if (auto opened = loop_.open(); !opened) return opened;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "dispatcher");
    sigset_t all;  // Signals are the main thread's.
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    loop_.run();
  });
  return {};
}

void HttpDispatcher::send(WorkerCall call, CallDone done) {
  auto attempt = traffic_.announce(std::move(call), std::move(done));
  bool first = false;
  {
    const std::lock_guard lock(incoming_mutex_);
    first = incoming_.empty();
    incoming_.push_back(std::move(attempt));
  }
  if (first) loop_.post([this] { take_incoming(); });  // The thread is woken once for all that wait.
}

void HttpDispatcher::take_incoming() {
  {
    const std::lock_guard lock(incoming_mutex_);
    taken_.swap(incoming_);
  }
  for (auto& attempt : taken_) traffic_.take(std::move(attempt), options_.now());
  taken_.clear();
  go_on_with_new();
}

void HttpDispatcher::begin(std::unique_ptr<Attempt> attempt) {
  Instance& instance = instance_of(*attempt);
  Call& call = calls_.emplace_front(*this, instance, std::move(attempt));
  call.place = calls_.begin();
  new_.push_back(&call);
}

/// Not in `begin`: the traffic does not expect a call's end there.
void HttpDispatcher::go_on_with_new() {
  if (going_on_with_new_) return;  // Those that came of one of them come after it.
  going_on_with_new_ = true;
  for (std::size_t i = 0; i < new_.size(); ++i) new_[i]->go_on();
  new_.clear();
  going_on_with_new_ = false;
}

Instance& HttpDispatcher::instance_of(const Attempt& attempt) {
  Instances& all = instances_[attempt.route];
  if (all.empty()) {
    for (const BaseUrl& url : attempt.route->urls()) all.push_back(std::make_unique<Instance>(url, network_));
    sweep_later();  // A URL that a step named is forgotten one day.
  }
  return *all[attempt.instance];
}

void HttpDispatcher::ended(Call& call, CallOutcome outcome) {
  auto attempt = call.take_attempt();
  const auto took = call.took();
  calls_.erase(call.place);
  sweep_later();
  traffic_.finish(std::move(attempt), {std::move(outcome), took}, options_.now());
  go_on_with_new();
}

void HttpDispatcher::free_descriptors() {
  for_each_instance([](Instance& instance) { instance.close_all_idle(); });
}

template <typename Visit>
void HttpDispatcher::for_each_instance(Visit visit) {
  for (auto& [route, instances] : instances_) {
    for (auto& instance : instances) visit(*instance);
  }
}

void HttpDispatcher::sweep_later() {
  if (sweep_) return;
  // Often enough that none outlives its time by much, seldom enough to cost nothing.
  const auto in = std::clamp<net::SteadyClock::duration>(options_.idle_connection / 4, std::chrono::milliseconds(50),
                                                         std::chrono::seconds(1));
  sweep_.emplace(loop_.deadlines(), net::SteadyClock::now() + in, *this);
}

/// Sweeps: closes what was kept for too long, and forgets URLs that steps named.
void HttpDispatcher::expire() {
  sweep_.reset();
  const net::TimePoint now = net::SteadyClock::now();
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
  if (auto started = dispatcher->start(); !started) return tl::unexpected<Error>(started.error());
  return dispatcher;
}

}  // namespace saga::workers
