// What a plain stream and one over TLS have in common: a socket whose reads and writes have a time limit.
#pragma once

#include <sys/socket.h>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/rate_policy.hpp>
#include <cerrno>

#include "engine/api/edge/byte_stream.h"

namespace saga::api {

using TimedSocket = boost::beast::basic_stream<tcp, Executor, boost::beast::unlimited_rate_policy>;

/// `socket()` of the class that derives from it is the `TimedSocket`.
template <typename Derived>
class SocketStream : public ByteStream {
 public:
  void expires_after(std::chrono::seconds time) override { lowest().expires_after(time); }
  void expires_never() override { lowest().expires_never(); }
  bool is_closed() override {
    char byte = 0;
    const ssize_t got = ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  }
  void end_sending() override {
    error_code ignored;
    lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override { lowest().close(); }

 private:
  TimedSocket& lowest() { return static_cast<Derived*>(this)->lowest_socket(); }
};

}  // namespace saga::api
