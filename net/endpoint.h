// Addresses with ports.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace saga::net {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  [[nodiscard]] std::uint16_t port() const;
};

/// The address that `host` is, if it is one and not a name.
[[nodiscard]] std::optional<Endpoint> literal_endpoint(const std::string& host, std::uint16_t port);

/// The addresses of a name, never none; may take long. `kUnavailable`: why there are none.
[[nodiscard]] Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port);

/// The socket's own; of size 0 where it has none.
[[nodiscard]] Endpoint local_endpoint(int socket);
/// A client that connects to a port of its own range where nobody listens can be given that very port, and then talks
/// to itself.
[[nodiscard]] bool is_connected_to_itself(int socket);

}  // namespace saga::net
