#include "engine/sagad/daemon.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <thread>

#include "engine/api/api.h"
#include "engine/api/edge/tls.h"
#include "engine/api/server.h"
#include "engine/api/tokens.h"
#include "engine/runtime/audit.h"
#include "engine/runtime/purger.h"
#include "engine/runtime/reader.h"
#include "engine/runtime/registry.h"
#include "engine/runtime/runtime.h"
#include "engine/sagad/notify.h"
#include "engine/telemetry/observer.h"
#include "store/open.h"
#include "workflows/children.h"
#include "workflows/load.h"

namespace saga::sagad {
namespace {

/// How often the main thread looks whether the store is well.
constexpr long kWatchNanoseconds = 50'000'000;
/// The same while calls in flight finish.
constexpr long kDrainNanoseconds = 5'000'000;
/// For answers under way once the engine has stopped taking work.
constexpr std::chrono::milliseconds kAnswerPatience{1'000};
/// For a sagad that was killed a moment ago to let go of its store and its port: `kill -9` returns before it has.
constexpr std::chrono::seconds kPredecessorPatience{5};
constexpr long kPredecessorNanoseconds = 10'000'000;
/// Threads for reads of the store.
constexpr std::size_t kReaders = 3;

/// Not an exit code: `build` was asked to stop, which is no failure.
constexpr int kExitStopped = -1;

int refused(const std::string& message) {
  std::fprintf(stderr, "sagad: %s\n", message.c_str());
  return kExitRefused;
}

/// What the disk or the store refuses for now may do at the next start; all else wants somebody to change something.
int refused(const Error& error) {
  static_cast<void>(refused(error.message));
  const bool may_pass = error.code == ErrorCode::kPoisoned || error.code == ErrorCode::kUnavailable;
  return may_pass ? kExitRestart : kExitRefused;
}

/// A file that says itself where it is wrong.
int misread(const std::string& problem) {
  std::fprintf(stderr, "%s\n", problem.c_str());
  return kExitRefused;
}

int refused(const std::vector<workflows::Problem>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", workflows::format_problem(problem).c_str());
  return kExitRefused;
}

/// SIGTERM, SIGINT or SIGHUP if one came within the time; else not above 0.
int wait_for_signal(long nanoseconds) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  const timespec patience{0, nanoseconds};
  return ::sigtimedwait(&signals, nullptr, &patience);
}

/// What `open` makes, asked again while another process holds it (`kUnavailable`).
template <class Open>
auto once_let_go(const Open& open) {
  const auto until = std::chrono::steady_clock::now() + kPredecessorPatience;
  for (bool told = false;; told = true) {
    auto opened = open();
    if (opened || opened.error().code != ErrorCode::kUnavailable) return opened;
    if (!told) {
      std::fprintf(stderr, "sagad: waiting up to %ds: %s\n", static_cast<int>(kPredecessorPatience.count()),
                   opened.error().message.c_str());
    }
    if (std::chrono::steady_clock::now() >= until || wait_for_signal(kPredecessorNanoseconds) > 0) return opened;
  }
}

/// Half of the descriptors are left to the store and to calls of workers.
std::size_t most_connections(std::size_t wanted) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
  return std::min<std::size_t>(wanted, files.rlim_cur / 2);
}

std::string shown_address(const std::string& host, std::uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

/// Everything that runs, built in this order and taken down in the other.
class Daemon {
 public:
  Daemon(const Options& options, telemetry::Log& log, std::unique_ptr<store::Store> store)
      : options_(options), log_(log), store_(std::move(store)), registry_(*store_), reader_(*store_, registry_) {}

  /// 0, or what to exit with.
  int build();
  void go();
  /// Until a signal or the end of the store. Returns the exit code.
  int watch();

 private:
  int register_workflows();
  [[nodiscard]] std::string public_url() const;
  /// `--hold`. As `build`; `kExitStopped` when a signal came in the middle.
  int hold();
  int start_webhook();
  void note_retention(const std::string& purged);
  /// Who may call: read anew, or as it was where the file does not do.
  void reload_tokens();
  void reload_certificate();
  void warn_of_unknown_services();
  /// Logs how the store is when that changes; ends the process when it is poisoned.
  void leave_if_poisoned();
  int stop();

  const Options& options_;
  telemetry::Log& log_;
  SystemClock clock_;
  telemetry::Metrics metrics_{kVersion};
  telemetry::EngineObserver observer_{metrics_, log_};
  std::atomic<bool> draining_{false};
  std::string store_problem_;
  std::unique_ptr<store::Store> store_;
  runtime::Registry registry_;
  runtime::Reader reader_;
  std::unique_ptr<workers::Dispatcher> dispatcher_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<api::Pool> pool_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::Server> server_;
  std::jthread engine_;
  std::unique_ptr<runtime::Retention> retention_;
  std::unique_ptr<webhook::AttentionWebhook> webhook_;
};

int Daemon::build() {
  std::shared_ptr<const api::Tokens> tokens;
  if (!options_.tokens.empty()) {
    auto read = api::Tokens::read(options_.tokens);
    if (!read) return misread(read.error().message);
    tokens = std::make_shared<const api::Tokens>(std::move(*read));
  }
  store_->observe_commits([this](const store::CommitFacts& commit) { metrics_.store_committed(commit); });
  store_->observe_failures([this](ErrorCode code) { metrics_.store_failed(code); });
  const auto unreadable = registry_.load();
  if (!unreadable) return refused(unreadable.error());
  for (const std::string& problem : *unreadable) log_.error("workflow_unreadable", {{"problem", problem}});

  auto dispatcher = workers::make_http_dispatcher(options_.services, {});
  if (!dispatcher) return refused(dispatcher.error().message);
  dispatcher_ = std::move(*dispatcher);
  auto runtime = runtime::Runtime::create(registry_, *store_, *dispatcher_, clock_, &observer_, {});
  if (!runtime) return refused(runtime.error());
  runtime_ = std::move(*runtime);
  pool_ = std::make_unique<api::Pool>(kReaders);
  api_ = std::make_unique<api::Api>(
      api::Context{*runtime_, reader_, registry_, *store_, *dispatcher_, clock_, metrics_, log_, draining_, *pool_},
      std::move(tokens));
  api::ServerOptions server;
  server.host = options_.host;
  server.port = options_.port;
  server.max_connections = most_connections(server.max_connections);
  if (!options_.tls_cert.empty()) {
    auto identity = api::TlsIdentity::load(options_.tls_cert, options_.tls_key);
    if (!identity) return refused(identity.error().message);
    server.tls = std::move(*identity);
  }
  auto listening = once_let_go([&] { return api::Server::listen(*api_, server); });
  if (!listening) return refused(listening.error().message);
  server_ = std::move(*listening);

  // Last, so that a start that is refused leaves nothing behind.
  if (const int code = register_workflows(); code != kExitOk) return code;
  warn_of_unknown_services();
  if (const int code = start_webhook(); code != kExitOk) return code;
  return options_.hold ? hold() : kExitOk;
}

void Daemon::note_retention(const std::string& purged) {
  store::AuditEntry entry;
  entry.at = clock_.now();
  entry.actor = "sagad";
  entry.verified = true;
  entry.verb = "purge";
  entry.reason = "--retention " + format_duration(*options_.retention);
  entry.result = runtime::kAuditDone;
  entry.detail = purged;
  log_.info("purged", {{"purged", purged}, {"actor", entry.actor}, {"reason", entry.reason}});
  if (const auto written = store_->submit(store::audit_alone(std::move(entry)), [](const Result<void>&) {}); !written)
    log_.error("audit_not_written", {{"verb", "purge"}, {"problem", written.error().message}});
}

int Daemon::start_webhook() {
  if (!options_.attention_webhook) return kExitOk;
  webhook::WebhookOptions webhook;
  webhook.target = *options_.attention_webhook;
  webhook.secret = options_.attention_webhook_secret;
  auto started = webhook::AttentionWebhook::start(*store_, reader_, clock_, log_, std::move(webhook));
  if (!started) return refused("--attention-webhook: " + started.error().message);
  webhook_ = std::move(*started);
  return kExitOk;
}

int Daemon::hold() {
  const core::Actor actor{"sagad", true, "held at the start (--hold)"};
  for (;;) {
    const auto more = runtime_->hold_some(actor);
    leave_if_poisoned();
    if (!more) return refused("--hold: " + more.error().message);
    if (!*more) return kExitOk;
    if (wait_for_signal(0) > 0) {
      log_.info("stopped", {{"problem", "asked to stop before every saga was held; start with --hold again"}});
      return kExitStopped;
    }
  }
}

int Daemon::register_workflows() {
  if (options_.workflows.empty()) return kExitOk;
  const auto loaded = workflows::load_workflow_files(options_.workflows);
  if (!loaded) return refused(loaded.error());
  store::AuditEntry audit;
  audit.at = clock_.now();
  audit.actor = "sagad";
  audit.verified = true;
  audit.verb = "register";
  audit.reason = "--workflows";
  audit.result = "done";
  const auto registered = registry_.add(*loaded, clock_.now(), std::move(audit));
  if (!registered) {
    const auto& [error, problems] = registered.error();
    return problems.empty() ? refused(error) : refused(problems);
  }
  for (const auto& entry : *registered) {
    if (entry.is_new)
      log_.info("workflow_registered", {{"workflow", entry.workflow->name}, {"version", entry.workflow->version}});
  }
  return kExitOk;
}

void Daemon::warn_of_unknown_services() {
  std::set<std::string> told;
  for (const auto& entry : registry_.list()) {
    for (const auto& step : entry.workflow->steps) {
      if (step.service.empty() || options_.services.contains(step.service) || !told.insert(step.service).second)
        continue;
      log_.warn("service_unknown",
                {{"service", step.service}, {"workflow", entry.workflow->name}, {"step", step.name}});
    }
  }
}

/// How workers reach this server, its last '/' taken off.
std::string Daemon::public_url() const {
  std::string url = options_.public_url;
  if (url.empty()) {
    url = fmt::format("{}://{}", options_.tls_cert.empty() ? "http" : "https",
                      shown_address(options_.host, server_->port()));
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

void Daemon::go() {
  if (options_.public_url.empty() && (options_.host == "0.0.0.0" || options_.host == "::")) {
    log_.warn("public_url_missing", {{"callbacks_go_to", public_url()}});
  }
  runtime_->set_public_url(public_url());
  engine_ = std::jthread([this](const std::stop_token& token) { runtime_->run(token); });
  server_->start();
  if (options_.retention) {
    retention_ = std::make_unique<runtime::Retention>(*store_, clock_, *options_.retention,
                                                      [this](const std::string& purged) { note_retention(purged); });
  }
  const std::string address = shown_address(options_.host, server_->port());
  log_.info("started", {{"version", kVersion}, {"address", address}, {"store", options_.store}});
  if (!is_loopback(options_.host) && !options_.tokens.empty() && options_.tls_cert.empty())
    log_.warn("tokens_in_the_clear", {{"address", address}, {"advice", "--tls-cert and --tls-key, or a proxy"}});
  std::printf("sagad ready on %s://%s\n", options_.tls_cert.empty() ? "http" : "https", address.c_str());
  std::fflush(stdout);
  notify_service_manager("READY=1");
}

void Daemon::reload_tokens() {
  if (options_.tokens.empty()) return;
  auto read = api::Tokens::read(options_.tokens);
  if (!read) return log_.error("tokens_refused", {{"problem", read.error().message}});
  const auto count = static_cast<std::int64_t>(read->size());
  api_->use_tokens(std::make_shared<const api::Tokens>(std::move(*read)));
  log_.info("tokens_reloaded", {{"tokens", count}});
}

void Daemon::reload_certificate() {
  if (options_.tls_cert.empty()) return;
  auto identity = api::TlsIdentity::load(options_.tls_cert, options_.tls_key);
  if (!identity) return log_.error("certificate_refused", {{"problem", identity.error().message}});
  server_->use_tls(std::move(*identity));
  log_.info("certificate_reloaded", {{"file", options_.tls_cert}});
}

void Daemon::leave_if_poisoned() {
  store::Health health = store_->health();
  if (health.poisoned) {
    // What memory holds may be ahead of the disk: only what is read back after a restart is true.
    std::fprintf(
        stderr,
        "sagad: the store failed and takes nothing more: %s; what was acknowledged is on the disk: look at the "
        "disk and start sagad again, it goes on from there\n",
        health.problem.c_str());
    std::fflush(stderr);
    std::_Exit(kExitRestart);
  }
  if (health.problem == store_problem_) return;
  store_problem_ = std::move(health.problem);
  if (store_problem_.empty()) {
    log_.info("store_well_again", {});
  } else {
    log_.error("store_problem", {{"problem", store_problem_}});
  }
}

int Daemon::watch() {
  for (;;) {
    const int signal = wait_for_signal(kWatchNanoseconds);
    leave_if_poisoned();
    if (signal == SIGHUP) {
      reload_tokens();
      reload_certificate();
    } else if (signal > 0) {
      log_.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return stop();
    }
  }
}

int Daemon::stop() {
  notify_service_manager("STOPPING=1");
  draining_ = true;
  retention_.reset();
  webhook_.reset();
  runtime_->drain();
  const auto until = std::chrono::steady_clock::now() + options_.drain;
  while (!runtime_->drained() && std::chrono::steady_clock::now() < until) {
    if (const int signal = wait_for_signal(kDrainNanoseconds); signal > 0 && signal != SIGHUP)
      break;  // Asked twice: at once.
    leave_if_poisoned();
  }
  const bool all_ended = runtime_->drained();
  server_->stop(kAnswerPatience);
  engine_.request_stop();
  engine_.join();
  // The pool's tasks use the runtime, and what the store still commits is told to it.
  pool_.reset();
  server_.reset();
  log_.info("stopped", {{"calls_cut_off", static_cast<std::int64_t>(all_ended ? 0 : dispatcher_->in_flight())}});
  return kExitOk;
}

}  // namespace

int run_daemon(const Options& options) {
  auto store = once_let_go([&] { return store::open_store(options.store); });
  if (!store) {
    // Held by another process is not a matter of time: somebody started two.
    return store.error().code == ErrorCode::kUnavailable ? refused(store.error().message) : refused(store.error());
  }
  telemetry::Log log(options.log_format, options.log_level);
  Daemon daemon(options, log, std::move(*store));
  if (const int code = daemon.build(); code != kExitOk) return code == kExitStopped ? kExitOk : code;
  daemon.go();
  return daemon.watch();
}

int check_only(const Options& options) {
  if (!options.tokens.empty()) {
    if (const auto tokens = api::Tokens::read(options.tokens); !tokens) return misread(tokens.error().message);
  }
  if (!options.tls_cert.empty()) {
    const auto identity = api::TlsIdentity::load(options.tls_cert, options.tls_key);
    if (!identity) return refused(identity.error().message);
  }
  std::size_t found = 0;
  if (!options.workflows.empty()) {
    const auto loaded = workflows::load_workflow_files(options.workflows);
    if (!loaded) return refused(loaded.error());
    const workflows::OfflineCheck children = workflows::check_children_offline(*loaded);
    for (const auto& problem : children.warnings)
      std::fprintf(stderr, "%s\n", workflows::format_problem(problem, "warning").c_str());
    if (!children.errors.empty()) return refused(children.errors);
    found = loaded->size();
  }
  std::printf("sagad: config and definitions are good (workflows: %zu, services: %zu)\n", found,
              options.services.size());
  return kExitOk;
}

}  // namespace saga::sagad
