// One client of the server: its bytes, the answer it waits for, the events it is sent. Lives in its coroutine; others
// hold it weakly and reach it on the I/O thread only.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/api/edge/byte_stream.h"
#include "engine/api/http.h"

namespace saga::api {

struct Connection {
  Connection(std::unique_ptr<ByteStream> bytes, const Executor& executor) : stream(std::move(bytes)), wake(executor) {}

  struct Chunk {
    std::string text;
    std::function<void(bool)> written;
  };

  std::unique_ptr<ByteStream> stream;
  Timer wake;  ///< Cancelled to wake the coroutine: an answer or a chunk has come.
  boost::beast::flat_buffer buffer;
  std::optional<Response> answer;
  bool idle = true;  ///< Between two requests.
  // Of an event stream:
  std::deque<Chunk> chunks;
  bool stream_ended = false;
  bool client_gone = false;
};

/// Runs a task with a connection on the I/O thread if it is still there. From any thread.
using Reach = std::function<void(std::function<void(Connection&)>)>;

/// Until `wake` is cancelled, or for as long.
[[nodiscard]] Task<void> sleep_until_woken(Connection& connection);
[[nodiscard]] Task<void> sleep_until_woken(Connection& connection, std::chrono::milliseconds longest);

/// All of it, each 256 KiB within `patience`. False: the client is gone or takes too long.
[[nodiscard]] Task<bool> send(Connection& connection, std::string head, std::string body,
                              std::chrono::seconds patience);

/// Reads on for a while after the last answer, so that what the client still sends does not reset the answer away.
[[nodiscard]] Task<void> linger(Connection& connection);

/// Sends what `begin` makes of the stream's sink, until it is closed or the client is gone.
[[nodiscard]] Task<void> send_events(std::shared_ptr<Connection> connection, const BeginStream& begin, Reach reach,
                                     std::chrono::seconds patience);

}  // namespace saga::api
