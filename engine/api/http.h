// A request and its response as plain values, so that handlers are called by tests without a socket. The server at the
// edge (server.h) makes one from bytes and bytes from the other.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saga::api {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  ///< "GET"; HEAD comes as GET, the server leaves the body out.
  std::string path;    ///< As sent: percent-encoded, without the query.
  std::string query;   ///< As sent, without '?'.
  Headers headers;     ///< Names in lower case.
  std::string body;

  /// The first header of that (lower case) name, or null.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

/// Where an event stream writes to. Thread-safe.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// One at a time: the next write follows `written`, which tells whether the client is still there.
  virtual void write(std::string text, std::function<void(bool)> written) = 0;
  /// Ends the stream after what was written.
  virtual void close() = 0;
};

/// Begins a stream; what it returns is called once when the client is gone or the stream has ended.
using BeginStream = std::function<std::function<void()>(std::shared_ptr<EventSink>)>;

struct Response {
  int status = 200;
  std::string content_type = "application/json";  ///< Not sent when there is no body.
  Headers headers;
  std::string body;
  std::function<std::string()> late_body;  ///< Makes the body when it is about to be sent, off the engine thread.
  BeginStream stream;                      ///< In place of a body.
};

/// Takes the response: exactly once, on any thread.
using Answer = std::function<void(Response)>;

/// What the server calls. Thread: the server's one I/O thread; must not block.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void handle(Request request, Answer answer) = 0;
  /// The most bytes that the body of such a request may have; asked before it is read.
  [[nodiscard]] virtual std::size_t max_body(std::string_view method, std::string_view path) const = 0;
};

/// The response's body, made now if it was left for later.
[[nodiscard]] std::string take_body(Response& response);

/// "Not Found" for 404.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace saga::api
