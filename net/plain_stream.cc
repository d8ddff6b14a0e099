#include <sys/socket.h>
#include <sys/uio.h>

#include "net/stream.h"

namespace saga::net {
namespace {

class PlainStream final : public Stream {
 public:
  using Stream::Stream;

  Io handshake() override { return {}; }

  Io write(std::string_view first, std::string_view second) override {
    if (second.empty()) return done(::send(socket(), first.data(), first.size(), MSG_NOSIGNAL));
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    return done(::sendmsg(socket(), &message, MSG_NOSIGNAL));
  }

  Io read(std::span<char> into) override {
    if (!socket_readable()) return {.again = true};
    const Io io = done(::recv(socket(), into.data(), into.size(), 0));
    if (io.again || (io.count > 0 && io.count < into.size())) drained();
    return io;
  }

  Io say_goodbye() override {
    ::shutdown(socket(), SHUT_RDWR);
    return {};
  }

  bool holds_unread_bytes() const override { return false; }

 private:
  static Io done(ssize_t count) {
    if (count >= 0) return {.count = static_cast<std::size_t>(count)};
    if (would_block()) return {.again = true};
    return {.error = last_system_error()};
  }
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(EventLoop& loop, int socket) {
  return std::make_unique<PlainStream>(loop, socket);
}

}  // namespace saga::net
