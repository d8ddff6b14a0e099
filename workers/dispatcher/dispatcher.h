// Makes calls to workers and reports how each ended, as facts; what they mean is the rulebook's business. No layer here
// repeats an attempt.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "workers/dispatcher/breaker.h"
#include "workers/protocol/header_lines.h"
#include "workers/protocol/protocol.h"

namespace saga::workers {

/// Where a service is and how it is spoken to.
struct Service {
  std::vector<std::string> urls;                               ///< "http://host:port[/prefix]" or https, at least one.
  std::vector<std::pair<std::string, std::string>> headers;    ///< Added to every call; may be secret, never logged.
  std::size_t max_in_flight = 200;
  BreakerOptions breaker{};                                    ///< Of each of its instances.
};

using Services = std::map<std::string, Service>;

/// Says what is wrong with a base URL: "expected http://host[:port][/prefix] …, but it is '…'". `kInvalid`.
[[nodiscard]] Result<void> check_service_url(const std::string& url);

/// One attempt.
struct WorkerCall {
  std::string service;                                         ///< The logical name; empty when `url` says where.
  std::string url;                                             ///< A base URL, for a step that names one.
  std::string method;
  std::string path;                                            ///< Begins with '/'; may hold a query; already encoded.
  HeaderLines headers;
  std::optional<std::string> body;                             ///< Sent as application/json. None: no body.
  Millis timeout{5'000};                                       ///< From leaving the queue, connecting included.
  std::vector<int> accept{};                                   ///< Statuses that are no fault of the instance.
};

/// How it ended and how long it took, from leaving the queue. Runs exactly once, on the dispatcher thread; must not block.
struct CallReport {
  CallOutcome outcome;
  std::chrono::microseconds duration{0};
};
using CallDone = std::function<void(CallReport)>;

/// What the calls themselves have shown of one instance. Times are told as how long ago, by the monotonic clock.
struct InstanceStatus {
  enum class Health { kUnknown, kHealthy, kFailing };  ///< Unknown: nothing has been called.
  enum class Breaker { kOff, kClosed, kOpen, kHalfOpen };

  std::string url;
  Health health = Health::kUnknown;
  Breaker breaker = Breaker::kClosed;
  std::size_t consecutive_faults = 0;
  std::optional<Millis> health_since;  ///< How long it has been in that health.
  std::optional<Millis> opens_in;      ///< Of an open breaker: until it lets a call through.
  std::string last_error;              ///< Of the last fault; no body, no header. Empty: there was none.
  std::optional<Millis> last_error_ago;
  std::optional<Millis> last_success_ago;
};

struct ServiceStatus {
  std::string name;
  std::vector<InstanceStatus> instances;
  std::size_t max_in_flight = 0;
  std::size_t in_flight = 0;
  std::size_t queued = 0;
};

/// Which of the calls that wait for an instance are worth making now.
enum class Admits {
  kNone,  ///< There is no instance, or every breaker is open.
  kOne,   ///< A breaker is half-open and lets one call through to see.
  kAll,
};

/// Asynchronous calls. Thread-safe. `send` never blocks.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  /// Starts the call, or queues it behind the service's `max_in_flight`. An unknown service, and one of which every
  /// instance's breaker is open, is reported as `NotSent{kNoInstance}`. `done` runs exactly once unless the dispatcher
  /// is destroyed before.
  virtual void send(WorkerCall call, CallDone done) = 0;

  /// True when `service` has an instance, or is empty (the step names its URL).
  [[nodiscard]] virtual bool has_instance(const std::string& service) const = 0;

  /// Whether a call that was reported as `NotSent{kNoInstance}` would be made now. `url` where `service` is empty.
  [[nodiscard]] virtual Admits admits(const std::string& service, const std::string& url) const = 0;

  [[nodiscard]] virtual std::vector<ServiceStatus> services() const = 0;
  /// The instances that steps name by their URL, as far as they were called lately.
  [[nodiscard]] virtual std::vector<InstanceStatus> urls() const = 0;
  [[nodiscard]] virtual std::size_t in_flight() const = 0;
};

struct DispatcherOptions {
  std::size_t max_in_flight_per_url = 200;          ///< For steps that name a URL of their own.
  std::size_t max_answer_body = 1 << 20;
  std::size_t max_answer_header = 64 << 10;
  std::chrono::seconds idle_connection{30};         ///< A pooled connection unused for as long is closed.
  BreakerOptions url_breaker{};                     ///< For steps that name a URL of their own.
  std::function<Breaker::Time()> now = std::chrono::steady_clock::now;  ///< For health and breakers; any thread.
};

/// The real one: one thread with an event loop, pooled keep-alive connections, round robin over those of a service's
/// instances whose breaker is not open. TLS for https URLs with the system's CAs, loaded when the first such call is
/// made. `kInvalid` when a URL is not one; `kOverloaded` when the process has no descriptor left. Destroying it drops the calls in flight without calling `done`.
[[nodiscard]] Result<std::unique_ptr<Dispatcher>> make_http_dispatcher(const Services& services, const DispatcherOptions& options);

}  // namespace saga::workers
