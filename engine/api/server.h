// The HTTP server at the edge: sockets, HTTP/1.1, limits and timeouts, on one I/O thread of its own. What a request
// means is the handler's business. An idle client holds a few kilobytes and no thread, so a thousand of them shut
// nobody out. What it is made of stands in edge/; plain and TLS connections differ in their stream only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/api/http.h"

namespace saga::api {

class TlsIdentity;

struct ServerOptions {
  std::string host = "127.0.0.1";        ///< An address, not a name.
  std::uint16_t port = 0;                ///< 0: any free one.
  std::size_t max_connections = 10'000;  ///< More are answered 503 and closed.
  std::size_t max_header = 16 << 10;
  std::chrono::seconds idle{90};         ///< Between two requests of a connection.
  std::chrono::seconds header_time{10};  ///< From a request's first byte to the end of its header.
  std::chrono::seconds body_time{30};
  std::chrono::seconds write_time{30};  ///< For each 256 KiB of an answer.
  /// How often a client that waits for its answer is looked after: one that has left is waited for no longer.
  std::chrono::milliseconds look_after{5'000};
  std::shared_ptr<TlsIdentity> tls;  ///< Null: plain HTTP.
};

class Server {
 public:
  /// Listens from now on; answers once `start` was called. `kUnavailable`: another process listens there;
  /// `kInvalid`: not an address to listen on. `handler` outlives the server; answers that come after its end are
  /// dropped.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(Handler& handler, const ServerOptions& options);
  /// Closes every connection.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;

  void start();

  /// Shown to connections that come from now on. Only where `options.tls` was there.
  void use_tls(std::shared_ptr<TlsIdentity> identity);

  /// Takes no new connection, closes the idle ones, lets requests under way be answered for `patience`, then stops.
  void stop(std::chrono::milliseconds patience);

  class Core;  ///< Of the source file.

 private:
  explicit Server(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace saga::api
