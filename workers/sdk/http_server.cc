#include "workers/sdk/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "workers/sdk/request_stream.h"

namespace saga::workers {
namespace {

constexpr int kBacklog = 1024;

/// cpp-httplib without its sockets: one request read from a stream, one answer written to it.
class HttpReader final : public httplib::Server {
 public:
  HttpReader(const HttpServerOptions& options, const HttpHandler& handler, const std::atomic<bool>& stopping)
      : handler_(handler), stopping_(stopping) {
    set_payload_max_length(options.max_body);
    set_keep_alive_timeout(static_cast<time_t>(options.idle_connection.count()));
    set_keep_alive_max_count(std::numeric_limits<std::int32_t>::max());
    const auto route = [this](const httplib::Request& request, httplib::Response& response) {
      respond(request, response);
    };
    const char* everything = R"([\s\S]*)";
    Get(everything, route).Post(everything, route).Put(everything, route);
    Patch(everything, route).Delete(everything, route).Options(everything, route);
  }

  /// False when the connection should be closed.
  [[nodiscard]] bool serve_one(RequestStream& stream, bool last) {
    bool closed = false;
    const bool served = process_request(stream, last, closed, nullptr);
    return stream.flush() && served && !closed && !last;
  }

 private:
  void respond(const httplib::Request& from, httplib::Response& to) const {
    HttpRequest request;
    request.method = from.method;
    request.target = from.target;
    request.query = std::multimap<std::string, std::string>(from.params.begin(), from.params.end());
    request.header = [&from](std::string_view name) { return from.get_header_value(std::string(name)); };
    request.body = from.body;
    HttpAnswer answer = handler_(request);
    to.status = answer.status;
    for (const auto& [name, value] : answer.headers) to.set_header(name, value);
    if (stopping_) to.set_header("Connection", "close");  // Nothing more is sent into a connection about to close.
    if (!answer.content_type.empty()) to.set_content(std::move(answer.body), answer.content_type);
  }

  const HttpHandler& handler_;
  const std::atomic<bool>& stopping_;
};

struct Connection {
  int socket = -1;     ///< -1 once closed. Guarded by the server's mutex.
  bool ended = false;  ///< The thread has nothing left to do. Guarded by the server's mutex.
  std::thread thread;
};

class Server final : public HttpServer {
 public:
  Server(const HttpServerOptions& options, HttpHandler handler)
      : options_(options), handler_(std::move(handler)), reader_(options_, handler_, stopping_) {}
  ~Server() override {
    stop();
    if (wake_ >= 0) ::close(wake_);
  }

  Result<void> listen(const std::string& address);
  [[nodiscard]] int port() const override { return port_; }
  void stop() override;

 private:
  void accept_all();
  void serve(Connection& connection, int socket);
  void reap();

  HttpServerOptions options_;
  HttpHandler handler_;
  std::atomic<bool> stopping_{false};
  HttpReader reader_;
  int listener_ = -1;
  int wake_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable one_ended_;
  std::list<Connection> connections_;  ///< Guarded by mutex_.
  std::size_t open_ = 0;               ///< Those that have not ended. Guarded by mutex_.
  std::thread acceptor_;
};

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size() || colon == 0) return std::nullopt;
  HostPort parts{address.substr(0, colon), address.substr(colon + 1)};
  if (parts.port.find_first_not_of("0123456789") != std::string::npos || parts.port.size() > 5) return std::nullopt;
  if (std::stoi(parts.port) > 65'535) return std::nullopt;
  if (parts.host.front() == '[' && parts.host.back() == ']') parts.host = parts.host.substr(1, parts.host.size() - 2);
  return parts;
}

int port_of(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  if (bound.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

Result<void> Server::listen(const std::string& address) {
  const auto parts = split_address(address);
  if (!parts) {
    return fail(ErrorCode::kInvalid,
                fmt::format("expected an address such as 127.0.0.1:8081 or [::1]:0, but it is '{}'", address));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found); code != 0) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is no address to listen on: {}", address, ::gai_strerror(code)));
  }
  int why = 0;
  for (const addrinfo* one = found; one != nullptr && listener_ < 0; one = one->ai_next) {
    const int socket = ::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
    const int on = 1;
    // Not SO_REUSEPORT, cpp-httplib's default: a second worker on the port would silently get half of the calls.
    if (socket >= 0 && ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::bind(socket, one->ai_addr, one->ai_addrlen) == 0 && ::listen(socket, kBacklog) == 0) {
      listener_ = socket;
    } else {
      why = errno;
      if (socket >= 0) ::close(socket);
    }
  }
  ::freeaddrinfo(found);
  if (listener_ < 0)
    return fail(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", address, std::strerror(why)));
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (wake_ < 0) return fail(ErrorCode::kUnavailable, fmt::format("cannot make an event: {}", std::strerror(errno)));
  port_ = port_of(listener_);
  acceptor_ = std::thread([this] { accept_all(); });
  return {};
}

void Server::accept_all() {
  while (!stopping_) {
    reap();
    {
      std::unique_lock lock(mutex_);
      one_ended_.wait(lock, [&] { return stopping_ || open_ < options_.max_connections; });
    }
    pollfd watched[2] = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return;
    if (stopping_) return;
    if (watched[0].revents == 0) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      // No descriptors left, say: look again soon, or at once when the server stops.
      if (errno != EINTR && errno != ECONNABORTED) static_cast<void>(::poll(&watched[1], 1, 20));
      continue;
    }
    const int on = 1;
    static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    const std::lock_guard lock(mutex_);
    Connection& connection = connections_.emplace_back();
    connection.socket = socket;
    try {
      connection.thread = std::thread([this, &connection, socket] { serve(connection, socket); });
      ++open_;
    } catch (const std::system_error&) {  // No thread to be had: the caller sees its connection close.
      ::close(socket);
      connections_.pop_back();
    }
  }
}

void Server::serve(Connection& connection, int socket) {
  RequestStream stream(socket, wake_, options_.read_timeout);
  // The loop asks again after every answer: a request that was being answered when the server stops is the last.
  while (stream.await_request(options_.idle_connection) && reader_.serve_one(stream, stopping_)) {
  }
  const std::lock_guard lock(mutex_);
  ::close(socket);
  connection.socket = -1;
  connection.ended = true;
  --open_;
  one_ended_.notify_all();
}

void Server::reap() {
  std::list<Connection> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto one = connections_.begin(); one != connections_.end();) {
      const auto next = std::next(one);
      if (one->ended) ended.splice(ended.end(), connections_, one);
      one = next;
    }
  }
  for (Connection& connection : ended) connection.thread.join();
}

void Server::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_.exchange(true)) return;
  }
  one_ended_.notify_all();
  if (wake_ >= 0) {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake_, &one, sizeof one));
  }
  if (acceptor_.joinable()) acceptor_.join();
  if (listener_ >= 0) ::close(listener_);
  {
    std::unique_lock lock(mutex_);
    one_ended_.wait_for(lock, options_.drain, [&] { return open_ == 0; });
    for (const Connection& connection : connections_) {
      if (connection.socket >= 0) ::shutdown(connection.socket, SHUT_RDWR);
    }
    one_ended_.wait(lock, [&] { return open_ == 0; });
  }
  reap();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> listen_http(const std::string& address, const HttpServerOptions& options,
                                                HttpHandler handler) {
  auto server = std::make_unique<Server>(options, std::move(handler));
  if (auto listening = server->listen(address); !listening) return tl::unexpected(listening.error());
  return server;
}

}  // namespace saga::workers
