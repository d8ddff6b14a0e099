#include "engine/api/edge/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/endpoint.h"

namespace saga::api {
namespace {

constexpr int kBacklog = 4'096;
/// When no descriptor is left, a new connection is tried for again after.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

Result<void> Listener::open(const std::string& host, std::uint16_t port) {
  const std::string shown = "cannot listen on " + host + ":" + std::to_string(port) + ": ";
  const auto address = net::literal_endpoint(host, port);
  if (!address) return fail(ErrorCode::kInvalid, shown + "expected an IP address as the host");
  socket_ = ::socket(address->get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  const int on = 1;
  if (socket_ < 0 || ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket_, address->get(), address->size) != 0 || ::listen(socket_, kBacklog) != 0) {
    const std::error_code error = net::last_system_error();
    return fail(error == std::errc::address_in_use ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
                shown + error.message());
  }
  if (const std::error_code error = loop_.watch(socket_, *this))
    return fail(ErrorCode::kOverloaded, shown + error.message());
  port_ = net::local_endpoint(socket_).port();
  return {};
}

void Listener::close() {
  pause_.reset();
  if (socket_ < 0) return;
  loop_.forget(*this);
  ::close(socket_);
  socket_ = -1;
}

void Listener::ready(std::uint32_t) { accept(); }

void Listener::expire() {
  pause_.reset();
  accept();
}

void Listener::accept() {
  while (socket_ >= 0) {
    const int client = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
      const int on = 1;
      ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      accepted_(client);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      pause_.emplace(loop_.deadlines(), net::SteadyClock::now() + kAcceptPause, *this);
      return;
    }
  }
}

}  // namespace saga::api
