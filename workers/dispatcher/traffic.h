// Which call goes when, and where: the services and their instances, the calls that wait behind `max_in_flight`, round
// robin over those of a service's instances whose breaker is not open, and what calls have shown of each. The
// dispatcher's policy without its sockets: time is handed in, and how a call is made is the owner's business.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/base_url.h"
#include "workers/dispatcher/dispatcher.h"
#include "workers/dispatcher/health.h"

namespace saga::workers {

struct Attempt;

/// A service, or a URL that a step names, and what waits for it. Its name, headers and URLs never change; the rest is
/// the traffic's.
class Route {
 public:
  [[nodiscard]] const Service& service() const { return service_; }
  [[nodiscard]] const std::vector<BaseUrl>& urls() const { return urls_; }  ///< Of its instances, in order.

 private:
  friend class Traffic;

  /// Gives `attempt` to the next instance whose breaker lets it through; false where there is none.
  bool take_turn(Attempt& attempt, Breaker::Time now);
  [[nodiscard]] bool has_room() const { return in_flight_.load(std::memory_order_relaxed) < service_.max_in_flight; }
  [[nodiscard]] Admits admits(Breaker::Time now) const;
  [[nodiscard]] std::vector<InstanceStatus> status(Breaker::Time now) const;
  [[nodiscard]] std::string why_held_back(Breaker::Time now, Timestamp wall) const;

  Service service_;
  std::vector<BaseUrl> urls_;
  std::vector<Health> health_;  ///< In the order of the URLs. Under the traffic's lock.
  std::size_t next_instance_ = 0;
  std::deque<std::unique_ptr<Attempt>> queue_;
  std::atomic<std::size_t> in_flight_{0};  ///< Read by any thread, as the next.
  std::atomic<std::size_t> queued_{0};
};

/// A call from when it was announced until its report.
struct Attempt {
  WorkerCall call;
  CallDone done;
  Route* route = nullptr;    ///< None: nothing is known of where it goes.
  std::size_t instance = 0;  ///< Whose turn it was: a place in the route's URLs.
  Breaker::Pass pass{};      ///< What its breaker let it through as.
  bool own_trouble = false;  ///< To be set where it failed for something that the instance has no part in.
};

struct TrafficOptions {
  std::size_t max_in_flight_per_url = 200;  ///< For steps that name a URL of their own, as the next.
  BreakerOptions url_breaker{};
  std::optional<std::uint64_t> seed;  ///< For how long breakers stay open; drawn when none is given.
  std::function<Timestamp()> wall;    ///< What a person is told that the time is. Any thread. None: the wall clock.
};

/// One thread, that of its owner, takes calls and finishes them; any thread announces them and asks how things stand.
/// `now` never runs backwards.
class Traffic {
 public:
  /// Makes a call that has its turn; its end is told by `finish`, later. Called inside `take` and `finish`.
  using Begin = std::function<void(std::unique_ptr<Attempt>)>;

  Traffic(TrafficOptions options, Begin begin);
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// Before anything else. `kInvalid` when a URL is not one. A service without a URL is as if it were unknown.
  [[nodiscard]] Result<void> add(const std::string& name, const Service& service);

  // ---- any thread -------------------------------------------------------------------------------------------------

  /// The call, counted as queued; to be given to `take`.
  [[nodiscard]] std::unique_ptr<Attempt> announce(WorkerCall call, CallDone done);

  // As in `Dispatcher`.
  [[nodiscard]] bool has_instance(const std::string& service) const;
  [[nodiscard]] Admits admits(const std::string& service, const std::string& url, Breaker::Time now) const;
  [[nodiscard]] std::vector<ServiceStatus> services(Breaker::Time now) const;
  [[nodiscard]] std::vector<InstanceStatus> urls(Breaker::Time now) const;
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  // ---- the owner's thread; not from a call's `done` ---------------------------------------------------------------

  /// Begins the call, lets it wait for its turn, or reports it at once: it has no instance, or every breaker is open.
  void take(std::unique_ptr<Attempt> attempt, Breaker::Time now);

  /// The call ended so. What it shows of its instance counts before anybody learns of its end. It makes room for one
  /// that waits; where a breaker has opened, all that wait are reported.
  void finish(std::unique_ptr<Attempt> attempt, CallReport report, Breaker::Time now);

  /// Forgets URLs that steps named: those that nothing is under way for, that have not failed lately, and that
  /// `may_go`, which is asked last and once for each that the rest is true of. True when some are left.
  bool forget_urls(Breaker::Time now, const std::function<bool(const Route&)>& may_go);

 private:
  using Routes = std::map<std::string, std::unique_ptr<Route>>;

  [[nodiscard]] static Result<std::unique_ptr<Route>> make_route(const std::string& name, const Service& service);
  [[nodiscard]] Route* find_url(const Attempt& attempt);
  void begin(std::unique_ptr<Attempt> attempt, Breaker::Time now);
  void record(const Attempt& attempt, const CallOutcome& outcome, Breaker::Time now);

  const TrafficOptions options_;
  const Begin begin_;
  Routes services_;  ///< Does not change once calls are announced: any thread reads it.
  std::atomic<std::size_t> in_flight_{0};
  std::mt19937_64 random_;  ///< Of the owner's thread.

  /// Guards the health in every route, and which routes `urls_` has. Only the owner's thread changes either.
  mutable std::mutex mutex_;
  Routes urls_;  ///< Of steps that name a URL, by that.
};

}  // namespace saga::workers
