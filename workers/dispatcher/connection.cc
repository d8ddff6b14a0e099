#include "workers/dispatcher/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <utility>

namespace saga::workers {

void Connection::serve(User* user) {
  user_ = user;
  if (stream_) stream_->serve(user);
}

std::optional<std::error_code> Connection::open(const net::Endpoint& peer) {
  if (stage_ == Stage::kNew) {
    if (const std::error_code error = connect(peer)) return error;
    stage_ = Stage::kConnecting;
  }
  if (stage_ == Stage::kConnecting) {
    if (!stream_->connected()) return std::nullopt;
    if (const std::error_code error = connected()) return error;
    stage_ = Stage::kShakingHands;
  }
  const net::Io io = stream_->handshake();
  if (io.again) return std::nullopt;
  return io.error;
}

std::error_code Connection::connect(const net::Endpoint& peer) {
  if (secure_ && session_ == nullptr) return std::make_error_code(std::errc::invalid_argument);
  const int socket = ::socket(peer.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (socket < 0) return net::last_system_error();
  stream_ = secure_ ? net::make_tls_stream(loop_, socket, std::move(session_)) : net::make_plain_stream(loop_, socket);
  stream_->serve(user_);
  const int on = 1;
  if (::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return net::last_system_error();
  const int begun = ::connect(socket, peer.get(), peer.size);
  if (begun != 0 && errno != EINPROGRESS) return net::last_system_error();
  return stream_->watch();
}

std::error_code Connection::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(stream_->socket(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return net::last_system_error();
  if (error == 0 && net::is_connected_to_itself(stream_->socket())) error = ECONNREFUSED;
  return {error, std::system_category()};
}

std::optional<Exchange> Connection::exchange(std::string_view request, AnswerReader& reader) {
  while (written_ < request.size() && write_problem_.empty()) {
    const net::Io io = stream_->write(request.substr(written_), {});
    if (io.again) return std::nullopt;
    written_ += io.count;
    if (!io.error) continue;
    // What OpenSSL had put on the wire when a write failed cannot be known.
    if (written_ == 0 && !secure_) return Exchange{Exchange::End::kNothingWritten, io.error.message()};
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
    if (!stream_->readable()) return std::nullopt;  // The reader takes memory when it is asked for room.
    const net::Io io = stream_->read(reader.space());
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

}  // namespace saga::workers
