#include "net/endpoint.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace saga::net {
namespace {

Result<std::vector<Endpoint>> get_endpoints(const std::string& host, std::uint16_t port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (problem != 0) {
    return fail(ErrorCode::kUnavailable,
                problem == EAI_SYSTEM ? std::system_category().message(errno) : ::gai_strerror(problem));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Endpoint endpoint;
    if (at->ai_addrlen > sizeof endpoint.address) continue;
    std::memcpy(&endpoint.address, at->ai_addr, at->ai_addrlen);
    endpoint.size = at->ai_addrlen;
    endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  if (endpoints.empty()) return fail(ErrorCode::kUnavailable, "the name has no address");
  return endpoints;
}

/// `get` is getsockname or getpeername.
Endpoint endpoint_of(int socket, int (*get)(int, sockaddr*, socklen_t*)) {
  Endpoint endpoint;
  socklen_t size = sizeof endpoint.address;
  if (get(socket, reinterpret_cast<sockaddr*>(&endpoint.address), &size) == 0) endpoint.size = size;
  return endpoint;
}

}  // namespace

std::uint16_t Endpoint::port() const {
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::optional<Endpoint> literal_endpoint(const std::string& host, std::uint16_t port) {
  const auto found = get_endpoints(host, port, AI_NUMERICHOST);
  return found ? std::optional(found->front()) : std::nullopt;
}

Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port) {
  return get_endpoints(host, port, 0);
}

Endpoint local_endpoint(int socket) {
  return endpoint_of(socket, [](int of, sockaddr* into, socklen_t* size) { return ::getsockname(of, into, size); });
}

bool is_connected_to_itself(int socket) {
  const Endpoint own = local_endpoint(socket);
  const Endpoint peer =
      endpoint_of(socket, [](int of, sockaddr* into, socklen_t* size) { return ::getpeername(of, into, size); });
  return own.size > 0 && own.size == peer.size && std::memcmp(&own.address, &peer.address, own.size) == 0;
}

}  // namespace saga::net
