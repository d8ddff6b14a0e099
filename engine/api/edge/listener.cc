#include "engine/api/edge/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace saga::api {
namespace {

constexpr int kBacklog = 4'096;
/// When no descriptor is left, a new connection is tried for again after.
constexpr std::chrono::milliseconds kAcceptPause{100};

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses address_of(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

std::uint16_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

Result<void> Listener::open(const std::string& host, std::uint16_t port) {
  const std::string shown = "cannot listen on " + host + ":" + std::to_string(port) + ": ";
  const Addresses address = address_of(host, port);
  if (!address) return fail(ErrorCode::kInvalid, shown + "expected an IP address as the host");
  socket_ = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  const int on = 1;
  if (socket_ < 0 || ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(socket_, address->ai_addr, address->ai_addrlen) != 0 || ::listen(socket_, kBacklog) != 0) {
    const std::error_code error = net::last_system_error();
    return fail(error == std::errc::address_in_use ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
                shown + error.message());
  }
  if (const std::error_code error = loop_.watch(socket_, *this))
    return fail(ErrorCode::kOverloaded, shown + error.message());
  port_ = port_of(socket_);
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
