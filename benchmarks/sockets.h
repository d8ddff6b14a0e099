// What the programs that put load on others need of sockets.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/check.h"

namespace saga::bench {

struct Address {
  std::string host;  ///< An IPv4 address.
  std::uint16_t port = 0;
};

/// Of "http://ADDRESS:PORT".
inline Address address_of(const std::string& url) {
  const auto colon = url.rfind(':');
  return {url.substr(7, colon - 7), static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)))};
}

/// A connection whose writes leave at once. Ends the program where there is none.
inline int connect_to(const Address& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  SAGA_CHECK(::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) == 1, "an IPv4 address as host");
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    std::fprintf(stderr, "%s: no connection to %s:%u: %s\n", program_invocation_short_name, address.host.c_str(),
                 unsigned{address.port}, std::strerror(errno));
    std::exit(1);
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  return fd;
}

/// As many open files as this process may have.
inline void raise_file_limit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace saga::bench
