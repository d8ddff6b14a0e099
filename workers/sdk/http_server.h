// The worker's HTTP/1.1 server: cpp-httplib reads and writes the messages, the sockets are ours.
//
// Why ours: the distribution's library listens with a backlog of 5, waits for idle connections with select() (wrong
// beyond 1,023 descriptors) every 10 ms, waits out a keep-alive time before it stops, and takes a DELETE without
// Content-Length for one whose body is still to come. Here a connection has a thread of its own, which sleeps until a
// byte comes or the server stops; so the orchestrator's pool, whatever its size, is never kept waiting for a thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace saga::workers {

struct HttpRequest {
  std::string method;
  std::string target;                                   ///< As sent: path and query, still encoded.
  std::multimap<std::string, std::string> query;        ///< Decoded.
  std::function<std::string(std::string_view)> header;  ///< Empty when absent; any case.
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type;  ///< Empty: none.
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Runs on the connection's thread, on many at once. Must not throw.
using HttpHandler = std::function<HttpAnswer(const HttpRequest&)>;

struct HttpServerOptions {
  std::size_t max_body = 16 << 20;            ///< A longer one is answered 413.
  std::size_t max_connections = 4096;         ///< Further ones wait in the backlog.
  std::chrono::seconds idle_connection{120};  ///< Longer than the orchestrator keeps one, so that it closes first.
  std::chrono::seconds read_timeout{30};      ///< Between two pieces of one request.
  std::chrono::milliseconds drain{10'000};    ///< How long `stop` lets calls in work finish.
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;             ///< Stops.
  [[nodiscard]] virtual int port() const = 0;  ///< The real one where 0 was asked for.
  /// Takes no connections, closes idle ones, lets requests in work be answered, then cuts what is left and waits for
  /// the handlers to return. May be called again.
  virtual void stop() = 0;
};

/// Listens on "127.0.0.1:8081", "[::1]:0" or "name:port". `kInvalid`: not an address; `kUnavailable`: cannot listen
/// there.
[[nodiscard]] Result<std::unique_ptr<HttpServer>> listen_http(const std::string& address,
                                                              const HttpServerOptions& options, HttpHandler handler);

}  // namespace saga::workers
