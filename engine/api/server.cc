#include "engine/api/server.h"

#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/api/edge/connection.h"
#include "engine/api/edge/listener.h"
#include "engine/api/edge/response_head.h"
#include "engine/api/edge/tls.h"
#include "engine/api/problem.h"
#include "net/event_loop.h"

namespace saga::api {
namespace {

/// Connections that are only told 503, beyond `max_connections`.
constexpr std::size_t kTurnedAway = 200;

}  // namespace

class Server::Core final : public std::enable_shared_from_this<Server::Core>,
                           public Connection::Owner,
                           public net::Expiring {
 public:
  Core(Handler& handler, const ServerOptions& options)
      : handler_(handler),
        options_(options),
        tls_(options.tls),
        listener_(loop_, [this](int socket) { accept(socket); }) {}

  Result<void> open();
  void start();
  void stop(std::chrono::milliseconds patience);
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  void use(std::shared_ptr<TlsIdentity> identity);

 private:
  void accept(int socket);
  void begin_to_stop(std::chrono::milliseconds patience);
  void expire() override { loop_.stop(); }  ///< The patience has.

  void gone(Connection& connection) override;
  Reach reach(Connection& connection) override;
  Handler& handler() override { return handler_; }
  const ServerOptions& options() const override { return options_; }
  bool stopping() const override { return stopping_; }
  const std::string& date() override { return date_.now(); }
  net::Deadlines& deadlines() override { return loop_.deadlines(); }

  Handler& handler_;
  const ServerOptions options_;
  net::EventLoop loop_;
  // Of the loop's thread:
  std::shared_ptr<TlsIdentity> tls_;
  bool stopping_ = false;
  std::optional<net::Deadline> patience_;
  DateText date_;
  Listener listener_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;

  std::jthread thread_;
};

Result<void> Server::Core::open() {
  if (auto opened = loop_.open(); !opened) return opened;
  return listener_.open(options_.host, options_.port);
}

void Server::Core::start() {
  thread_ = std::jthread([this] { loop_.run(); });
}

void Server::Core::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  loop_.post([this, patience] { begin_to_stop(patience); });
  thread_.join();
}

void Server::Core::begin_to_stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  listener_.close();
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [pointer, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->stop();
  if (connections_.empty()) return loop_.stop();
  patience_.emplace(loop_.deadlines(), net::SteadyClock::now() + patience, *this);
}

void Server::Core::use(std::shared_ptr<TlsIdentity> identity) {
  loop_.post([this, identity = std::move(identity)] { tls_ = identity; });
}

void Server::Core::accept(int socket) {
  auto stream = tls_ ? net::make_tls_stream(loop_, socket, tls_->session()) : net::make_plain_stream(loop_, socket);
  const std::size_t there = connections_.size();
  if (there >= options_.max_connections + kTurnedAway || stream->watch()) return;
  std::optional<Response> refusal;
  if (there >= options_.max_connections) {
    const std::string detail = "there are " + std::to_string(options_.max_connections) + " connections already";
    refusal = to_response({ProblemKind::kUnavailable, detail, {}, std::nullopt, 1, {}});
  }
  const auto connection = std::make_shared<Connection>(*this, std::move(stream), std::move(refusal));
  connections_.emplace(connection.get(), connection);
  connection->go_on();
}

void Server::Core::gone(Connection& connection) {
  connections_.erase(&connection);
  if (stopping_ && connections_.empty()) loop_.stop();
}

Reach Server::Core::reach(Connection& connection) {
  return [core = weak_from_this(), weak = connection.weak_from_this()](std::function<void(Connection&)> task) {
    const auto alive = core.lock();
    if (!alive) return;
    alive->loop_.post([weak, task = std::move(task)] {
      if (const auto reached = weak.lock()) task(*reached);
    });
  };
}

// ---- the face -------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Server>> Server::listen(Handler& handler, const ServerOptions& options) {
  auto core = std::make_shared<Core>(handler, options);
  if (auto opened = core->open(); !opened) return tl::unexpected(std::move(opened.error()));
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Server::~Server() { core_->stop(std::chrono::milliseconds{0}); }

void Server::use_tls(std::shared_ptr<TlsIdentity> identity) { core_->use(std::move(identity)); }

std::uint16_t Server::port() const { return core_->port(); }

void Server::start() { core_->start(); }

void Server::stop(std::chrono::milliseconds patience) { core_->stop(patience); }

}  // namespace saga::api
