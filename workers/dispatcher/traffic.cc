#include "workers/dispatcher/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace saga::workers {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

Timestamp wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<Millis>(now).count()};
}

void report_not_sent(const Attempt& attempt, NotSent::Reason reason, std::string why) {
  attempt.done({NotSent{reason, std::move(why)}, {}});
}

}  // namespace

// ---- one route ------------------------------------------------------------------------------------------------------

bool Route::take_turn(Attempt& attempt, Breaker::Time now) {
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    const std::size_t at = (next_instance_ + i) % urls_.size();
    Breaker& breaker = health_[at].breaker();
    if (!breaker.admits(now)) continue;
    attempt.instance = at;
    attempt.pass = breaker.admit(now);
    next_instance_ = (at + 1) % urls_.size();
    return true;
  }
  return false;
}

Admits Route::admits(Breaker::Time now) const {
  Admits most = Admits::kNone;
  for (const Health& one : health_) {
    if (one.breaker().state(now) == Breaker::State::kClosed) return Admits::kAll;
    if (one.breaker().admits(now)) most = Admits::kOne;
  }
  return most;
}

std::vector<InstanceStatus> Route::status(Breaker::Time now) const {
  std::vector<InstanceStatus> all;
  for (const Health& one : health_) all.push_back(one.status(now));
  return all;
}

/// Names the instance that is tried next, when, and what is wrong with it.
std::string Route::why_held_back(Breaker::Time now, Timestamp wall) const {
  const Health* next = &health_.front();
  for (const Health& one : health_) {
    if (one.breaker().until() < next->breaker().until()) next = &one;
  }
  const std::string all =
      health_.size() == 1 ? "" : fmt::format("all {} instances are held back; the first to be tried: ", health_.size());
  const std::size_t faults = next->breaker().consecutive_faults();
  if (next->breaker().state(now) == Breaker::State::kHalfOpen) {
    return fmt::format(
        "{}the circuit breaker of {} waits for how one call ends, after {} faults in a row, the last: {}", all,
        next->url(), faults, next->last_error());
  }
  const Timestamp until = wall + std::chrono::duration_cast<Millis>(next->breaker().until() - now);
  return fmt::format("{}the circuit breaker of {} is open until {}, after {} faults in a row, the last: {}", all,
                     next->url(), format_time(until), faults, next->last_error());
}

// ---- all of them ----------------------------------------------------------------------------------------------------

Traffic::Traffic(TrafficOptions options, Begin begin)
    : options_(std::move(options)),
      begin_(std::move(begin)),
      random_(options_.seed ? *options_.seed : std::random_device{}()) {}

Traffic::~Traffic() = default;

Result<void> Traffic::add(const std::string& name, const Service& service) {
  auto route = make_route(name, service);
  if (!route) return tl::unexpected<Error>(route.error());
  if (!service.urls.empty()) services_[name] = std::move(*route);
  return {};
}

Result<std::unique_ptr<Route>> Traffic::make_route(const std::string& name, const Service& service) {
  auto route = std::make_unique<Route>();
  route->service_ = service;
  route->service_.max_in_flight = std::max<std::size_t>(service.max_in_flight, 1);
  for (const std::string& text : service.urls) {
    auto url = parse_base_url(text);
    if (!url) {
      return fail(url.error().code,
                  name.empty() ? url.error().message : fmt::format("service '{}': {}", name, url.error().message));
    }
    route->urls_.push_back(std::move(*url));
    route->health_.emplace_back(text, service.breaker);
  }
  return route;
}

std::unique_ptr<Attempt> Traffic::announce(WorkerCall call, CallDone done) {
  auto attempt = std::make_unique<Attempt>();
  attempt->call = std::move(call);
  attempt->done = std::move(done);
  if (const auto known = services_.find(attempt->call.service); known != services_.end()) {
    attempt->route = known->second.get();
    attempt->route->queued_.fetch_add(1, kRelaxed);
  }
  return attempt;
}

bool Traffic::has_instance(const std::string& service) const { return service.empty() || services_.contains(service); }

Admits Traffic::admits(const std::string& service, const std::string& url, Breaker::Time now) const {
  const std::lock_guard lock(mutex_);
  const Routes& known = service.empty() ? urls_ : services_;
  const auto route = known.find(service.empty() ? url : service);
  if (route == known.end()) return service.empty() ? Admits::kAll : Admits::kNone;
  return route->second->admits(now);
}

std::vector<ServiceStatus> Traffic::services(Breaker::Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<ServiceStatus> all;
  for (const auto& [name, route] : services_) {
    all.push_back({.name = name,
                   .instances = route->status(now),
                   .max_in_flight = route->service_.max_in_flight,
                   .in_flight = route->in_flight_.load(kRelaxed),
                   .queued = route->queued_.load(kRelaxed)});
  }
  return all;
}

std::vector<InstanceStatus> Traffic::urls(Breaker::Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<InstanceStatus> all;
  for (const auto& [url, route] : urls_) all.push_back(route->health_.front().status(now));
  return all;
}

void Traffic::take(std::unique_ptr<Attempt> attempt, Breaker::Time now) {
  const std::string& service = attempt->call.service;
  if (attempt->route == nullptr && !service.empty()) {
    return report_not_sent(*attempt, NotSent::Reason::kNoInstance,
                           fmt::format("service '{}' has no instance", service));
  }
  if (attempt->route == nullptr) {
    attempt->route = find_url(*attempt);
    if (attempt->route == nullptr) return;
    attempt->route->queued_.fetch_add(1, kRelaxed);
  }
  if (attempt->route->has_room()) {
    begin(std::move(attempt), now);
  } else {
    Route& route = *attempt->route;
    route.queue_.push_back(std::move(attempt));
  }
}

/// Null where the URL is none; the attempt has then been reported.
Route* Traffic::find_url(const Attempt& attempt) {
  const std::string& url = attempt.call.url;
  if (const auto known = urls_.find(url); known != urls_.end()) return known->second.get();
  auto made = make_route(
      {},
      {.urls = {url}, .headers = {}, .max_in_flight = options_.max_in_flight_per_url, .breaker = options_.url_breaker});
  if (!made) {
    report_not_sent(attempt, NotSent::Reason::kUnreachable, made.error().message);
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  return (urls_[url] = std::move(*made)).get();
}

/// Makes the call, unless every breaker holds it back: then it is reported at once, also one that has waited in the
/// queue.
void Traffic::begin(std::unique_ptr<Attempt> attempt, Breaker::Time now) {
  Route& route = *attempt->route;
  route.queued_.fetch_sub(1, kRelaxed);
  std::string held_back;
  {
    const std::lock_guard lock(mutex_);
    if (!route.take_turn(*attempt, now)) {
      held_back = route.why_held_back(now, options_.wall ? options_.wall() : wall_clock());
    }
  }
  if (!held_back.empty()) return report_not_sent(*attempt, NotSent::Reason::kNoInstance, std::move(held_back));
  route.in_flight_.fetch_add(1, kRelaxed);
  in_flight_.fetch_add(1, kRelaxed);
  begin_(std::move(attempt));
}

void Traffic::record(const Attempt& attempt, const CallOutcome& outcome, Breaker::Time now) {
  const double draw = std::uniform_real_distribution<double>()(random_);
  const std::lock_guard lock(mutex_);
  Health& health = attempt.route->health_[attempt.instance];
  if (attempt.own_trouble) {
    health.breaker().told_nothing(attempt.pass);
  } else {
    health.record(attempt.pass, outcome, attempt.call.accept, now, draw);
  }
}

void Traffic::finish(std::unique_ptr<Attempt> attempt, CallReport report, Breaker::Time now) {
  Route& route = *attempt->route;
  record(*attempt, report.outcome, now);
  in_flight_.fetch_sub(1, kRelaxed);
  route.in_flight_.fetch_sub(1, kRelaxed);
  while (!route.queue_.empty() && route.has_room()) {
    auto next = std::move(route.queue_.front());
    route.queue_.pop_front();
    begin(std::move(next), now);
  }
  attempt->done(std::move(report));
}

bool Traffic::forget_urls(Breaker::Time now, const std::function<bool(const Route&)>& may_go) {
  const std::lock_guard lock(mutex_);
  std::erase_if(urls_, [&](const auto& entry) {
    const Route& route = *entry.second;
    return route.in_flight_ == 0 && route.queue_.empty() && !route.health_.front().worth_keeping(now) && may_go(route);
  });
  return !urls_.empty();
}

}  // namespace saga::workers
