#include "engine/api/server.h"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include "engine/api/edge/connection.h"
#include "engine/api/edge/request_reader.h"
#include "engine/api/edge/response_head.h"
#include "engine/api/edge/tls.h"
#include "engine/api/problem.h"

namespace saga::api {
namespace {

using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

/// When no descriptor is left, a new connection is tried for again after.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// Connections that are only told 503, beyond `max_connections`.
constexpr std::size_t kTurnedAway = 200;

}  // namespace

class Server::Core : public std::enable_shared_from_this<Server::Core> {
 public:
  Core(Handler& handler, const ServerOptions& options)
      : handler_(handler),
        options_(options),
        tls_(options.tls),
        acceptor_(io_.get_executor()),
        accept_pause_(io_.get_executor()) {}

  Result<void> open();
  void start();
  void stop(std::chrono::milliseconds patience);
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void use(std::shared_ptr<TlsIdentity> identity);

 private:
  /// How others reach the connection while both it and the server are there.
  [[nodiscard]] Reach reach(const std::shared_ptr<Connection>& connection);
  [[nodiscard]] std::unique_ptr<ByteStream> stream_of(Socket socket);
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Connection> connection);
  Task<void> turn_away(std::shared_ptr<Connection> connection);
  /// None: the client has left meanwhile.
  Task<std::optional<Response>> ask(const std::shared_ptr<Connection>& connection, Request request);
  /// Tells the client why it is not answered otherwise, and that nothing follows.
  Task<void> refuse(Connection& connection, const Response& response);
  void forget(Connection& connection);

  Handler& handler_;
  const ServerOptions options_;
  std::shared_ptr<TlsIdentity> tls_;  ///< I/O thread.
  std::uint16_t port_ = 0;
  bool stopping_ = false;  ///< I/O thread.
  DateText date_;
  std::unordered_set<Connection*> connections_;
  asio::io_context io_{1};  ///< Destroys the coroutines with it, so after all that they use.
  Acceptor acceptor_;
  Timer accept_pause_;
  std::jthread thread_;
};

// ---- the listening socket -------------------------------------------------------------------------------------------

Result<void> Server::Core::open() {
  error_code error;
  const std::string shown = options_.host + ":" + std::to_string(options_.port);
  const auto address = asio::ip::make_address(options_.host, error);
  if (error) return fail(ErrorCode::kInvalid, "cannot listen on " + shown + ": expected an IP address as the host");
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(4096, error);
  if (error) {
    const bool taken = error == asio::error::address_in_use;
    return fail(taken ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
                "cannot listen on " + shown + ": " + error.message());
  }
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void Server::Core::start() {
  asio::co_spawn(io_, accept(), asio::detached);
  thread_ = std::jthread([this] { io_.run(); });
}

void Server::Core::stop(std::chrono::milliseconds patience) {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    for (Connection* connection : connections_) {
      if (connection->idle) connection->stream->close();
      connection->stream_ended = true;  // A stream is for ever; its client comes again.
      if (connection->answer || !connection->idle) connection->wake.cancel();
    }
  });
  // The loop runs out of work when the last connection is answered.
  auto deadline = std::make_shared<Timer>(io_.get_executor());
  asio::post(io_, [this, deadline, patience] {
    deadline->expires_after(patience);
    deadline->async_wait([this, deadline](const error_code&) { io_.stop(); });
    if (connections_.empty()) deadline->cancel();
  });
  thread_.join();
}

Task<void> Server::Core::accept() {
  while (acceptor_.is_open()) {
    error_code error;
    Socket socket(io_.get_executor());
    co_await acceptor_.async_accept(socket, await(error));
    if (error == asio::error::operation_aborted) break;
    if (error) {
      accept_pause_.expires_after(kAcceptPause);
      co_await accept_pause_.async_wait(await(error));
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);
    const std::size_t there = connections_.size();
    if (there >= options_.max_connections + kTurnedAway) continue;
    auto connection = std::make_shared<Connection>(stream_of(std::move(socket)), io_.get_executor());
    connections_.insert(connection.get());
    asio::co_spawn(io_, there < options_.max_connections ? serve(connection) : turn_away(connection), asio::detached);
  }
}

// ---- one connection -------------------------------------------------------------------------------------------------

std::unique_ptr<ByteStream> Server::Core::stream_of(Socket socket) {
  return tls_ ? make_tls_stream(std::move(socket), *tls_) : make_plain_stream(std::move(socket));
}

void Server::Core::use(std::shared_ptr<TlsIdentity> identity) {
  asio::post(io_, [this, identity = std::move(identity)]() mutable { tls_ = std::move(identity); });
}

Reach Server::Core::reach(const std::shared_ptr<Connection>& connection) {
  return [core = weak_from_this(), weak = std::weak_ptr(connection)](std::function<void(Connection&)> task) {
    const auto alive = core.lock();
    if (!alive) return;
    asio::post(alive->io_, [weak, task = std::move(task)] {
      if (const auto reached = weak.lock()) task(*reached);
    });
  };
}

void Server::Core::forget(Connection& connection) {
  connections_.erase(&connection);
  if (stopping_ && connections_.empty()) io_.stop();
}

Task<void> Server::Core::refuse(Connection& connection, const Response& response) {
  std::string head = head_of(response, response.body.size(), false, date_.now());
  co_await send(connection, std::move(head), response.body, options_.write_time);
  co_await linger(connection);
}

Task<void> Server::Core::turn_away(std::shared_ptr<Connection> connection) {
  error_code error;
  connection->stream->expires_after(options_.header_time);
  co_await connection->stream->open(error);
  if (!error) {
    // Built before it is awaited: GCC 12 destroys such a temporary of a co_await expression twice.
    const std::string detail = "there are " + std::to_string(options_.max_connections) + " connections already";
    const Response response = to_response({ProblemKind::kUnavailable, detail, {}, std::nullopt, 1, {}});
    co_await refuse(*connection, response);
  }
  forget(*connection);
}

Task<void> Server::Core::serve(std::shared_ptr<Connection> connection) {
  error_code error;
  connection->stream->expires_after(options_.header_time);
  co_await connection->stream->open(error);
  for (bool keep_alive = !error; keep_alive && !stopping_;) {
    Incoming incoming = co_await read_request(*connection, options_, handler_, stopping_);
    if (incoming.refusal) co_await refuse(*connection, *incoming.refusal);
    if (!incoming.request) break;
    const bool is_head = incoming.request->method == "HEAD";
    if (is_head) incoming.request->method = "GET";
    std::optional<Response> asked = co_await ask(connection, std::move(*incoming.request));
    if (!asked) break;
    Response response = std::move(*asked);
    if (response.stream) {
      std::string head = head_of(response, std::nullopt, false, date_.now());
      const bool sent = co_await send(*connection, std::move(head), "", options_.write_time);
      Reach reaching = reach(connection);
      if (sent && !is_head) co_await send_events(connection, response.stream, std::move(reaching), options_.write_time);
      break;
    }
    keep_alive = incoming.keep_alive && !stopping_;
    std::string body = take_body(response);
    std::string head = head_of(response, body.size(), keep_alive, date_.now());
    if (is_head) body.clear();
    if (!co_await send(*connection, std::move(head), std::move(body), options_.write_time)) break;
  }
  if (!error) co_await connection->stream->finish();
  forget(*connection);
}

Task<std::optional<Response>> Server::Core::ask(const std::shared_ptr<Connection>& connection, Request request) {
  connection->answer.reset();
  handler_.handle(std::move(request), [answering = reach(connection)](Response response) {
    auto held = std::make_shared<Response>(std::move(response));
    answering([held](Connection& reached) {
      reached.answer = std::move(*held);
      reached.wake.cancel();
    });
  });
  while (!connection->answer) {
    co_await sleep_until_woken(*connection, options_.look_after);
    if (!connection->answer && connection->stream->is_closed()) co_return std::nullopt;
  }
  co_return std::exchange(connection->answer, std::nullopt);
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
