#include "workers/dispatcher/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

namespace saga::workers {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

class PlainConnection final : public Connection {
 public:
  using Connection::Connection;

 protected:
  Io handshake() override { return {}; }
  bool failed_write_left_nothing() const override { return true; }
  bool holds_unread_bytes() const override { return false; }

  Io write_some(std::string_view bytes) override {
    return done(::send(socket(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  Io read_some(AnswerReader& reader) override {
    if (!readable()) return {.count = 0, .error = {}, .again = true};
    const std::span<char> space = reader.space();
    const Io io = done(::recv(socket(), space.data(), space.size(), 0));
    if (io.again || (io.count > 0 && io.count < space.size())) drained();
    return io;
  }

 private:
  static Io done(ssize_t count) {
    if (count >= 0) return {.count = static_cast<std::size_t>(count), .error = {}};
    if (would_block()) return {.count = 0, .error = {}, .again = true};
    return {.count = 0, .error = last_error()};
  }
};

/// A client that connects to a port of its own range where nobody listens can be given that very port, and then talks
/// to itself.
bool is_connected_to_itself(int socket) {
  Endpoint own{.address = {}, .size = sizeof(sockaddr_storage)};
  Endpoint peer = own;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&own.address), &own.size) == 0 &&
         ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer.address), &peer.size) == 0 && own.size == peer.size &&
         std::memcmp(&own.address, &peer.address, own.size) == 0;
}

}  // namespace

Connection::~Connection() {
  if (socket_ < 0) return;
  loop_.forget(*this);
  ::close(socket_);
}

void Connection::ready(std::uint32_t events) {
  constexpr std::uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (EPOLLOUT | kEnds)) != 0) writable_ = true;
  if ((events & (EPOLLIN | kEnds)) != 0) readable_ = true;
  if ((events & kEnds) != 0) ended_ = true;
  if (user_ != nullptr) user_->go_on();
}

std::optional<std::error_code> Connection::open(const Endpoint& peer) {
  if (stage_ == Stage::kNew) {
    if (const std::error_code error = connect(peer)) return error;
    stage_ = Stage::kConnecting;
  }
  if (stage_ == Stage::kConnecting) {
    if (!writable_) return std::nullopt;
    if (const std::error_code error = connected()) return error;
    stage_ = Stage::kShakingHands;
  }
  const Io io = handshake();
  if (io.again) return std::nullopt;
  stage_ = Stage::kOpen;
  return io.error;
}

std::error_code Connection::connect(const Endpoint& peer) {
  socket_ = ::socket(peer.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (socket_ < 0) return last_error();
  const int on = 1;
  if (::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return last_error();
  const int begun = ::connect(socket_, reinterpret_cast<const sockaddr*>(&peer.address), peer.size);
  if (begun != 0 && errno != EINPROGRESS) return last_error();
  return loop_.watch(socket_, *this);
}

std::error_code Connection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
  if (error == 0 && is_connected_to_itself(socket_)) error = ECONNREFUSED;
  return {error, std::system_category()};
}

std::optional<Exchange> Connection::exchange(std::string_view request, AnswerReader& reader) {
  while (written_ < request.size() && write_problem_.empty()) {
    const Io io = write_some(request.substr(written_));
    if (io.again) return std::nullopt;
    written_ += io.count;
    if (!io.error) continue;
    if (written_ == 0 && failed_write_left_nothing())
      return Exchange{Exchange::End::kNothingWritten, io.error.message()};
    // A worker may refuse a large request before it has read it all: its answer can be there already.
    write_problem_ = io.error.message();
  }
  std::optional<Exchange> ended = read_answer(reader);
  if (ended) written_ = 0;
  return ended;
}

std::optional<Exchange> Connection::read_answer(AnswerReader& reader) {
  using End = Exchange::End;
  for (;;) {
    const Io io = read_some(reader);
    if (io.again) return std::nullopt;
    if (io.count == 0) {
      const bool closed = !io.error;
      // Only a proper end completes a body that lasts until the end.
      if (closed && reader.ended()) return Exchange{End::kAnswered, {}};
      if (!write_problem_.empty()) return Exchange{End::kLost, std::move(write_problem_)};
      return Exchange{End::kLost, closed ? "closed by the worker" : io.error.message()};
    }
    switch (reader.received(io.count)) {
      case AnswerReader::State::kReading:
        break;
      case AnswerReader::State::kComplete:
        return Exchange{End::kAnswered, {}};
      case AnswerReader::State::kNotHttp:
        return Exchange{End::kNotHttp, reader.problem()};
    }
  }
}

bool Connection::quiet() {
  if (!write_problem_.empty() || ended_ || holds_unread_bytes()) return false;
  return !readable_ || quiet_now();
}

bool Connection::quiet_now() {
  if (!write_problem_.empty() || ended_ || holds_unread_bytes()) return false;
  char byte = 0;
  // A byte belongs to no call; an end or an error is one.
  if (::recv(socket_, &byte, 1, MSG_PEEK) >= 0 || !would_block()) return false;
  drained();
  return true;
}

std::unique_ptr<Connection> make_plain_connection(EventLoop& loop) { return std::make_unique<PlainConnection>(loop); }

}  // namespace saga::workers
