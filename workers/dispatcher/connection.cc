#include "workers/dispatcher/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace saga::workers {
namespace {

using asio::ip::tcp;

/// Straight to the socket, which never blocks; suspends only where there is nothing to do yet.
class PlainConnection final : public Connection {
 public:
  using Connection::Connection;

 protected:
  Awaitable<error_code> secure() override { co_return error_code{}; }
  bool has_handshake() const override { return false; }
  bool failed_write_left_nothing() const override { return true; }
  bool holds_unread_bytes() override { return false; }

  Awaitable<std::size_t> write_some(std::string_view bytes, error_code& error) override {
    for (;;) {
      const std::size_t count = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
      if (error != asio::error::would_block) co_return count;
      co_await socket_.async_wait(Socket::wait_write, into(error));
      if (error) co_return 0;
    }
  }

  Awaitable<std::size_t> read_some(AnswerReader& reader, error_code& error) override {
    for (;;) {
      // Waiting first: the answer is rarely there already, and who waits needs no buffer.
      co_await socket_.async_wait(Socket::wait_read, into(error));
      if (error) co_return 0;
      const auto space = reader.space();
      const std::size_t count = socket_.read_some(asio::buffer(space.data(), space.size()), error);
      if (error != asio::error::would_block) co_return count;
    }
  }
};

/// A client that connects to a port of its own range where nobody listens can be given that very port, and then talks
/// to itself.
bool is_connected_to_itself(Socket& socket) {
  error_code ignored;
  return socket.local_endpoint(ignored) == socket.remote_endpoint(ignored);
}

}  // namespace

Awaitable<error_code> Connection::open(const Endpoint& peer) {
  error_code error;
  if (expired_) co_return asio::error::timed_out;
  socket_.open(peer.protocol(), error);
  if (error) co_return error;
  co_await socket_.async_connect(peer, into(error));
  if (error) co_return error;
  if (expired_) co_return asio::error::timed_out;
  if (is_connected_to_itself(socket_)) co_return asio::error::connection_refused;
  socket_.set_option(tcp::no_delay(true), error);
  if (!error) socket_.non_blocking(true, error);
  if (!error && has_handshake()) error = co_await secure();
  co_return expired_ ? asio::error::timed_out : error;
}

Awaitable<Exchange> Connection::exchange(std::string_view request, AnswerReader& reader) {
  error_code error;
  std::string write_problem;
  std::size_t written = 0;
  while (written < request.size()) {
    const std::size_t taken = co_await write_some(request.substr(written), error);
    written += taken;
    if (!error && !expired_) continue;
    if (written == 0 && failed_write_left_nothing())
      co_return Exchange{Exchange::End::kNothingWritten, error.message()};
    if (expired_) co_return Exchange{Exchange::End::kTimeout, {}};
    // A worker may refuse a large request before it has read it all: its answer can be there already.
    write_problem = error.message();
    break;
  }
  co_return co_await read_answer(reader, std::move(write_problem));
}

Awaitable<Exchange> Connection::read_answer(AnswerReader& reader, std::string write_problem) {
  using End = Exchange::End;
  for (;;) {
    error_code error;
    const std::size_t count = co_await read_some(reader, error);
    if (expired_) co_return Exchange{End::kTimeout, {}};
    if (error) {
      // Only a proper end completes a body that lasts until the end.
      if (error == asio::error::eof && reader.ended()) co_return Exchange{End::kAnswered, {}};
      if (!write_problem.empty()) co_return Exchange{End::kLost, std::move(write_problem)};
      co_return Exchange{End::kLost, error == asio::error::eof ? std::string("closed by the worker") : error.message()};
    }
    switch (reader.received(count)) {
      case AnswerReader::State::kReading:
        break;
      case AnswerReader::State::kComplete:
        co_return Exchange{End::kAnswered, {}};
      case AnswerReader::State::kNotHttp:
        co_return Exchange{End::kNotHttp, reader.problem()};
    }
  }
}

bool Connection::quiet() {
  if (expired_ || holds_unread_bytes()) return false;
  char byte = 0;
  error_code error;
  socket_.receive(asio::buffer(&byte, 1), Socket::message_peek, error);
  return error == asio::error::would_block;  // A byte belongs to no call; an end or an error is one.
}

void Connection::expire() {
  expired_ = true;
  error_code ignored;
  socket_.close(ignored);
}

std::unique_ptr<Connection> make_plain_connection(asio::io_context& io) {
  return std::make_unique<PlainConnection>(io);
}

}  // namespace saga::workers
