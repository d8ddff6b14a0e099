#include "engine/api/server.h"

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without it.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <deque>
#include <limits>
#include <optional>
#include <thread>
#include <unordered_set>

#include "engine/api/problem.h"

namespace saga::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Stream = beast::basic_stream<tcp, Executor, beast::unlimited_rate_policy>;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Parser = http::request_parser<http::string_body>;
template <typename T>
using Task = asio::awaitable<T, Executor>;

constexpr std::size_t kSlice = 256 << 10;
/// A client that sends on after its answer is read for so long, so that its own sending does not reset the answer away.
constexpr std::chrono::seconds kLinger{5};
constexpr std::size_t kLingerBytes = 16 << 20;
/// When no descriptor is left, a new connection is tried for again after.
constexpr std::chrono::milliseconds kAcceptPause{100};
/// No chunked body ends in fewer bytes than "0\r\n\r\n". Boost 1.74's parser aborts when it is shown fewer of them
/// twice, which any client that sends a body in drips would bring about.
constexpr std::size_t kLastChunk = 5;
/// Connections that are only told 503, beyond `max_connections`.
constexpr std::size_t kTurnedAway = 200;

auto await(error_code& error) { return asio::redirect_error(asio::use_awaitable_t<Executor>{}, error); }

/// The Date header's value, made once a second.
class DateText {
 public:
  const std::string& now() {
    const std::time_t second = std::time(nullptr);
    if (second != second_) {
      second_ = second;
      std::tm parts{};
      ::gmtime_r(&second, &parts);
      std::array<char, 64> text{};
      const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
      text_.assign(text.data(), size);
    }
    return text_;
  }

 private:
  std::time_t second_ = -1;
  std::string text_;
};

/// Everything before the body. `length`: none for a stream, which is chunked.
std::string head_of(const Response& response, std::optional<std::size_t> length, bool keep_alive,
                    const std::string& date) {
  std::string head =
      "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) + "\r\n";
  head += "Date: " + date + "\r\n";
  if (!length) {
    head += "Content-Type: " + response.content_type + "\r\nTransfer-Encoding: chunked\r\n";
  } else if (response.status != 204) {
    if (*length > 0) head += "Content-Type: " + response.content_type + "\r\n";
    head += "Content-Length: " + std::to_string(*length) + "\r\n";
  }
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  head += "X-Content-Type-Options: nosniff\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

/// The target without the authority of its absolute form.
std::string_view target_of(const Parser& parser) {
  const auto& message = parser.get();
  std::string_view target(message.target().data(), message.target().size());
  // The absolute form, as a proxy is sent it, names us as well.
  if (target.starts_with("http://")) {
    const std::size_t path = target.find('/', 7);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

Request to_request(Parser& parser) {
  auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  const std::string_view target = target_of(parser);
  const std::size_t query = target.find('?');
  request.path = std::string(target.substr(0, query));
  if (query != std::string_view::npos) request.query = std::string(target.substr(query + 1));
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  request.body = std::move(message.body());
  return request;
}

/// What to tell a client whose request could not be read; none when it is gone, never began one or took too long.
std::optional<Response> response_to(const error_code& error, std::size_t max_body) {
  const auto told = [](ProblemKind kind, std::string detail) {
    return to_response({kind, std::move(detail), {}, std::nullopt, std::nullopt, {}});
  };
  if (error == http::error::header_limit)
    return told(ProblemKind::kHeaderTooLarge, "expected a header of at most 16 KiB");
  if (error == http::error::body_limit) {
    return told(ProblemKind::kTooLarge, "expected a body of at most " + std::to_string(max_body >> 20) + " MiB");
  }
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == http::make_error_code(http::error::bad_target).category()) {
    return told(ProblemKind::kBadRequest, "expected an HTTP/1.1 request, but: " + error.message());
  }
  return std::nullopt;
}

/// One client. Lives in its coroutine; others hold it weakly and lock it on the I/O thread only.
struct Connection {
  Connection(Socket socket, const Executor& executor) : stream(std::move(socket)), wake(executor) {}

  struct Chunk {
    std::string text;
    std::function<void(bool)> written;
  };

  Stream stream;
  Timer wake;  ///< Cancelled to wake the coroutine: an answer or a chunk has come.
  beast::flat_buffer buffer;
  std::optional<Response> answer;
  bool idle = true;  ///< Between two requests.
  // Of an event stream:
  std::deque<Chunk> chunks;
  bool stream_ended = false;
  bool client_gone = false;
};

}  // namespace

class Server::Core : public std::enable_shared_from_this<Server::Core> {
 public:
  Core(Handler& handler, const ServerOptions& options)
      : handler_(handler), options_(options), acceptor_(io_.get_executor()), accept_pause_(io_.get_executor()) {}

  Result<void> open();
  void start();
  void stop(std::chrono::milliseconds patience);
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Runs `task` with the connection on the I/O thread if both are still there. From any thread.
  static void reach(const std::weak_ptr<Core>& core, const std::weak_ptr<Connection>& connection,
                    std::function<void(Connection&)> task);

 private:
  Task<void> accept();
  Task<void> serve(std::shared_ptr<Connection> connection);
  Task<void> turn_away(std::shared_ptr<Connection> connection);
  /// False: the client is gone, or was told why its request cannot be read.
  Task<bool> read_request(Connection& connection, Parser& parser);
  /// The body of a chunked request; `error` says how it went.
  Task<void> read_chunks(Connection& connection, Parser& parser, error_code& error);
  Task<Response> ask(const std::shared_ptr<Connection>& connection, Request request);
  Task<bool> write(Connection& connection, std::string head, std::string body);
  Task<void> send_events(std::shared_ptr<Connection> connection, const BeginStream& begin);
  Task<void> watch_for_close(std::shared_ptr<Connection> connection);
  Task<void> linger(Connection& connection);
  Task<void> sleep_until_woken(Connection& connection);

  Handler& handler_;
  const ServerOptions options_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;  ///< I/O thread.
  DateText date_;
  std::unordered_set<Connection*> connections_;
  asio::io_context io_{1};  ///< Destroys the coroutines with it, so after all that they use.
  Acceptor acceptor_;
  Timer accept_pause_;
  std::jthread thread_;
};

// ---- answers and events from other threads
// ------------------------------------------------------------------------------

void Server::Core::reach(const std::weak_ptr<Core>& core, const std::weak_ptr<Connection>& connection,
                         std::function<void(Connection&)> task) {
  const auto alive = core.lock();
  if (!alive) return;
  asio::post(alive->io_, [connection, task = std::move(task)] {
    if (const auto reached = connection.lock()) task(*reached);
  });
}

namespace {

class ConnectionSink final : public EventSink {
 public:
  ConnectionSink(std::weak_ptr<Server::Core> core, std::weak_ptr<Connection> connection)
      : core_(std::move(core)), connection_(std::move(connection)) {}

  void write(std::string text, std::function<void(bool)> written) override {
    auto chunk = std::make_shared<Connection::Chunk>(Connection::Chunk{std::move(text), std::move(written)});
    Server::Core::reach(core_, connection_, [chunk](Connection& connection) {
      connection.chunks.push_back(std::move(*chunk));
      connection.wake.cancel();
    });
  }
  void close() override {
    Server::Core::reach(core_, connection_, [](Connection& connection) {
      connection.stream_ended = true;
      connection.wake.cancel();
    });
  }

 private:
  std::weak_ptr<Server::Core> core_;
  std::weak_ptr<Connection> connection_;
};

}  // namespace

// ---- the listening socket
// ------------------------------------------------------------------------------------------------

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
  if (error) return fail(ErrorCode::kUnavailable, "cannot listen on " + shown + ": " + error.message());
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
      if (connection->idle) connection->stream.close();
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
    auto connection = std::make_shared<Connection>(std::move(socket), io_.get_executor());
    connections_.insert(connection.get());
    asio::co_spawn(io_, there < options_.max_connections ? serve(connection) : turn_away(connection), asio::detached);
  }
}

// ---- one connection
// --------------------------------------------------------------------------------------------------------

Task<void> Server::Core::turn_away(std::shared_ptr<Connection> connection) {
  const Response response =
      to_response({ProblemKind::kUnavailable,
                   "there are " + std::to_string(options_.max_connections) + " connections already",
                   {},
                   std::nullopt,
                   1,
                   {}});
  co_await write(*connection, head_of(response, response.body.size(), false, date_.now()), response.body);
  co_await linger(*connection);
  connections_.erase(connection.get());
}

Task<void> Server::Core::serve(std::shared_ptr<Connection> connection) {
  for (bool keep_alive = true; keep_alive && !stopping_;) {
    Parser parser;
    if (!co_await read_request(*connection, parser)) break;
    keep_alive = parser.keep_alive() && !stopping_;
    Request request = to_request(parser);
    const bool is_head = request.method == "HEAD";
    if (is_head) request.method = "GET";
    Response response = co_await ask(connection, std::move(request));
    if (response.stream) {
      const bool sent = co_await write(*connection, head_of(response, std::nullopt, false, date_.now()), "");
      if (sent && !is_head) co_await send_events(connection, response.stream);
      break;
    }
    keep_alive = keep_alive && !stopping_;
    std::string body = take_body(response);
    std::string head = head_of(response, body.size(), keep_alive, date_.now());
    if (is_head) body.clear();
    if (!co_await write(*connection, std::move(head), std::move(body))) break;
  }
  error_code ignored;
  connection->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  connections_.erase(connection.get());
  if (stopping_ && connections_.empty()) io_.stop();
}

Task<bool> Server::Core::read_request(Connection& connection, Parser& parser) {
  error_code error;
  parser.header_limit(static_cast<std::uint32_t>(options_.max_header));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // Judged once the header says what it is for.
  std::size_t max_body = 0;
  if (connection.buffer.size() == 0) {
    connection.idle = true;
    connection.buffer = {};  // A connection that waits keeps no room for a request.
    connection.stream.expires_after(options_.idle);
    const std::size_t got = co_await connection.stream.async_read_some(connection.buffer.prepare(1024), await(error));
    connection.buffer.commit(got);
    connection.idle = false;
    if (error || stopping_) co_return false;
  }
  connection.stream.expires_after(options_.header_time);
  co_await http::async_read_header(connection.stream, connection.buffer, parser, await(error));
  if (!error && !parser.is_done()) {
    const auto method = parser.get().method_string();
    const std::string_view target = target_of(parser);
    max_body = handler_.max_body({method.data(), method.size()}, target.substr(0, target.find('?')));
    if (parser.content_length().value_or(0) > max_body) error = http::error::body_limit;
    parser.body_limit(max_body);
  }
  if (!error && !parser.is_done()) {
    connection.stream.expires_after(options_.body_time);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(connection.stream, asio::buffer(kContinue.data(), kContinue.size()), await(error));
    }
    if (!error && parser.chunked()) {
      co_await read_chunks(connection, parser, error);
    } else if (!error) {
      co_await http::async_read(connection.stream, connection.buffer, parser, await(error));
    }
  }
  if (!error) co_return true;
  if (const auto response = response_to(error, max_body)) {
    co_await write(connection, head_of(*response, response->body.size(), false, date_.now()), response->body);
    co_await linger(connection);
  }
  co_return false;
}

Task<void> Server::Core::read_chunks(Connection& connection, Parser& parser, error_code& error) {
  parser.eager(true);
  while (!parser.is_done()) {
    error = {};
    if (connection.buffer.size() >= kLastChunk) {
      connection.buffer.consume(parser.put(connection.buffer.data(), error));
      if (!error) continue;
      if (error != http::error::need_more) co_return;
    }
    const std::size_t got =
        co_await connection.stream.async_read_some(connection.buffer.prepare(16 << 10), await(error));
    connection.buffer.commit(got);
    if (error) co_return;
  }
}

Task<Response> Server::Core::ask(const std::shared_ptr<Connection>& connection, Request request) {
  connection->answer.reset();
  handler_.handle(std::move(request), [core = weak_from_this(), weak = std::weak_ptr(connection)](Response response) {
    auto held = std::make_shared<Response>(std::move(response));
    reach(core, weak, [held](Connection& reached) {
      reached.answer = std::move(*held);
      reached.wake.cancel();
    });
  });
  while (!connection->answer) co_await sleep_until_woken(*connection);
  Response response = std::move(*connection->answer);
  connection->answer.reset();
  co_return response;
}

Task<void> Server::Core::sleep_until_woken(Connection& connection) {
  error_code woken;
  connection.wake.expires_at(std::chrono::steady_clock::time_point::max());
  co_await connection.wake.async_wait(await(woken));
}

Task<bool> Server::Core::write(Connection& connection, std::string head, std::string body) {
  error_code error;
  std::size_t sent = std::min(body.size(), kSlice);
  const std::array<asio::const_buffer, 2> first{asio::buffer(head), asio::buffer(body.data(), sent)};
  connection.stream.expires_after(options_.write_time);
  co_await asio::async_write(connection.stream, first, await(error));
  while (!error && sent < body.size()) {
    const std::size_t slice = std::min(body.size() - sent, kSlice);
    connection.stream.expires_after(options_.write_time);
    co_await asio::async_write(connection.stream, asio::buffer(body.data() + sent, slice), await(error));
    sent += slice;
  }
  co_return !error;
}

Task<void> Server::Core::linger(Connection& connection) {
  error_code error;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, error);
  connection.stream.expires_after(kLinger);
  connection.buffer.clear();
  for (std::size_t read = 0; !error && read < kLingerBytes;) {
    read += co_await connection.stream.async_read_some(connection.buffer.prepare(16 << 10), await(error));
  }
}

// ---- event streams
// -----------------------------------------------------------------------------------------------------------

Task<void> Server::Core::send_events(std::shared_ptr<Connection> connection, const BeginStream& begin) {
  connection->stream.expires_never();
  asio::co_spawn(io_, watch_for_close(connection), asio::detached);
  const std::function<void()> over = begin(std::make_shared<ConnectionSink>(weak_from_this(), connection));
  while (!connection->client_gone) {
    if (connection->chunks.empty()) {
      if (connection->stream_ended) break;
      co_await sleep_until_woken(*connection);
      continue;
    }
    Connection::Chunk chunk = std::move(connection->chunks.front());
    connection->chunks.pop_front();
    std::array<char, 20> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", chunk.text.size());
    const bool sent = co_await write(*connection, size.data(), chunk.text + "\r\n");
    if (!sent) connection->client_gone = true;
    chunk.written(sent);
  }
  over();
  if (!connection->client_gone) co_await write(*connection, "0\r\n\r\n", "");
  connection->stream.close();  // Ends `watch_for_close`.
}

Task<void> Server::Core::watch_for_close(std::shared_ptr<Connection> connection) {
  error_code error;
  std::array<char, 512> unread{};  // Nothing more is expected of this client.
  while (!error) co_await connection->stream.async_read_some(asio::buffer(unread), await(error));
  connection->client_gone = true;
  connection->wake.cancel();
}

// ---- the face
// ----------------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<Server>> Server::listen(Handler& handler, const ServerOptions& options) {
  auto core = std::make_shared<Core>(handler, options);
  if (auto opened = core->open(); !opened) return tl::unexpected(std::move(opened.error()));
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::shared_ptr<Core> core) : core_(std::move(core)) {}

Server::~Server() { core_->stop(std::chrono::milliseconds{0}); }

std::uint16_t Server::port() const { return core_->port(); }

void Server::start() { core_->start(); }

void Server::stop(std::chrono::milliseconds patience) { core_->stop(patience); }

}  // namespace saga::api
