#include "workers/sdk/step_server.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "workers/sdk/callback_sender.h"
#include "workers/sdk/http_server.h"
#include "workers/sdk/routes.h"
#include "workers/sdk/step_request.h"

namespace saga::workers {
namespace {

constexpr std::chrono::minutes kSweepEvery{1};
constexpr std::chrono::milliseconds kSweepPause{50};  ///< Between full batches, for the calls that want to write.
constexpr std::chrono::seconds kPlainPatience{5};     ///< How long an endpoint that is no step waits to write.

struct Route {
  std::string method;
  PathPattern pattern;
  Phase phase;
  StepHandler handler;
  Effects effects;
};

struct PlainRoute {
  std::string method;
  PathPattern pattern;
  PlainHandler handler;
};

}  // namespace

class StepServer::Impl {
 public:
  Impl(BarrierStore& store, StepServerOptions options)
      : store_(store), options_(std::move(options)), barrier_(store, clock_, options_.keep_keys) {}
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void add(Route route) {
    for (const Route& other : routes_) {
      SAGA_CHECK(
          other.method != route.method || other.phase != route.phase || other.pattern.text() != route.pattern.text(),
          "one handler for a method, a path and a phase");
    }
    SAGA_CHECK(!server_, "handlers to be added before the server is started");
    routes_.push_back(std::move(route));
  }
  void add(PlainRoute route) {
    SAGA_CHECK(!server_, "endpoints to be added before the server is started");
    plain_routes_.push_back(std::move(route));
  }

  Result<void> start() {
    SAGA_CHECK(!server_, "a server that is started once");
    HttpServerOptions http;
    http.max_body = options_.max_body;
    http.max_connections = options_.max_connections;
    http.drain = options_.drain;
    auto server = listen_http(options_.listen, http, [this](const HttpRequest& request) { return answer(request); });
    if (!server) return tl::unexpected(server.error());
    server_ = std::move(*server);
    callbacks_ = std::make_unique<CallbackSender>(store_);
    sweeper_ = std::jthread([this](const std::stop_token& stop) { sweep(stop); });
    return {};
  }

  [[nodiscard]] int port() const { return server_ ? server_->port() : 0; }

  [[nodiscard]] Result<void> finish(const std::string& key, Phase phase, const TakenWork& work) {
    auto finished = barrier_.finish(key, phase, work);
    if (finished && callbacks_) callbacks_->wake();
    return finished;
  }

  [[nodiscard]] Result<void> heartbeat(const std::string& key, Phase phase) {
    const auto url = barrier_.callback_url(key, phase);
    if (!url) return tl::unexpected(url.error());
    if (url->empty()) return fail(ErrorCode::kNotFound, fmt::format("'{}' is not taken, or has no callback URL", key));
    return send_heartbeat(*url);
  }

  void stop() {
    if (server_) server_->stop();
    callbacks_.reset();
    sweeper_ = std::jthread();
  }

 private:
  HttpAnswer answer(const HttpRequest& request) {
    std::set<std::string> methods;  // Those that the path would have taken.
    for (const PlainRoute& route : plain_routes_) {
      const auto parameters = route.pattern.match(request.target);
      if (parameters && route.method == request.method) return answer_plain(request, route, *parameters);
      if (parameters) methods.insert(route.method);
    }
    bool known_path = !methods.empty();
    for (const Route& route : routes_) {
      if (!route.pattern.match(request.target)) continue;
      known_path = true;
      if (route.method == request.method) return answer_step(request);
      methods.insert(route.method);
    }
    if (known_path) {
      HttpAnswer refusal =
          problem(405, "method_not_allowed",
                  fmt::format("expected {} at this path, but it is {}", fmt::join(methods, " or "), request.method));
      refusal.headers.emplace_back("Allow", fmt::format("{}", fmt::join(methods, ", ")));
      return refusal;
    }
    std::vector<std::string> known;
    for (const Route& route : routes_) known.push_back(route.method + " " + route.pattern.text());
    return problem(404, "no_such_step",
                   fmt::format("there is no step at {} {}; there are: {}", request.method,
                               request.target.substr(0, 200), fmt::join(known, ", ")));
  }

  HttpAnswer answer_step(const HttpRequest& request) {
    auto call = read_step_call(request, options_.default_timeout);
    if (!call) return problem(400, "bad_request", call.error().message);
    for (const Route& route : routes_) {
      if (route.method != request.method || route.phase != call->phase) continue;
      auto parameters = route.pattern.match(request.target);
      if (!parameters) continue;
      call->path_parameters = std::move(*parameters);
      if (options_.on_call) options_.on_call(*call);
      const StepAnswer answer = barrier_.pass(*call, route.handler, route.effects);
      if (options_.on_answer) options_.on_answer(*call, answer);
      return to_http(answer);
    }
    const bool action = call->phase == Phase::kAction;
    return problem(400, "bad_request",
                   fmt::format("expected {} here, but the idempotency key is of {}",
                               action ? "a compensation" : "an action", action ? "an action" : "a compensation"));
  }

  HttpAnswer answer_plain(const HttpRequest& request, const PlainRoute& route,
                          const std::map<std::string, std::string>& parameters) {
    auto body = read_body(request);
    if (!body) return problem(400, "bad_request", body.error().message);
    try {
      auto transaction = store_.begin(std::chrono::steady_clock::now() + kPlainPatience);
      if (!transaction) return problem(503, "database_unavailable", transaction.error().message);
      const Json answer = route.handler(PlainCall{std::move(*body), parameters, request.query}, **transaction);
      (*transaction)->commit();
      return {200, "application/json", dump_json(answer), {}};
    } catch (const std::exception& error) {
      return problem(500, "internal_error", error.what());
    }
  }

  void sweep(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    bool more = false;
    while (!stop.stop_requested()) {
      const auto pause = more ? std::chrono::milliseconds(kSweepPause) : std::chrono::milliseconds(kSweepEvery);
      woken.wait_for(lock, stop, pause, [] { return false; });
      if (!stop.stop_requested()) more = barrier_.sweep() == Barrier::kSweepBatch;
    }
  }

  BarrierStore& store_;
  StepServerOptions options_;
  SystemClock clock_;
  Barrier barrier_;
  std::vector<Route> routes_;  ///< Not changed once started; read by many threads.
  std::vector<PlainRoute> plain_routes_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<CallbackSender> callbacks_;
  std::jthread sweeper_;
};

StepServer::StepServer(BarrierStore& store, StepServerOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(options))) {}
StepServer::~StepServer() = default;

void StepServer::action(const std::string& method, const std::string& pattern, StepHandler handler,
                        StepOptions options) {
  impl_->add(Route{method, PathPattern(pattern), Phase::kAction, std::move(handler), options.effects});
}

void StepServer::compensation(const std::string& method, const std::string& pattern, StepHandler handler,
                              StepOptions options) {
  impl_->add(Route{method, PathPattern(pattern), Phase::kCompensation, std::move(handler), options.effects});
}

void StepServer::endpoint(const std::string& method, const std::string& pattern, PlainHandler handler) {
  impl_->add(PlainRoute{method, PathPattern(pattern), std::move(handler)});
}

Result<void> StepServer::start() { return impl_->start(); }
int StepServer::port() const { return impl_->port(); }
Result<void> StepServer::finish(const std::string& key, Phase phase, const TakenWork& work) {
  return impl_->finish(key, phase, work);
}
Result<void> StepServer::heartbeat(const std::string& key, Phase phase) { return impl_->heartbeat(key, phase); }
void StepServer::stop() { impl_->stop(); }

}  // namespace saga::workers
