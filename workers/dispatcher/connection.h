// One connection to a worker, plain or TLS. Not thread-safe: lives on the dispatcher thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "workers/dispatcher/answer_reader.h"
#include "workers/dispatcher/asio.h"
#include "workers/dispatcher/deadlines.h"

namespace saga::workers {

/// What came of sending a request.
struct Exchange {
  enum class End {
    kNothingWritten,  ///< The connection was lost before it took a byte.
    kAnswered,
    kLost,
    kTimeout,
    kNotHttp,
  };
  End end = End::kLost;
  std::string problem;  ///< Why, unless answered.
};

class Connection : public Expiring {
 public:
  explicit Connection(asio::io_context& io) : socket_(io.get_executor()) {}

  /// Connects to `peer` and makes the connection ready for a request. Once; what failed is of no more use.
  [[nodiscard]] Awaitable<error_code> open(const Endpoint& peer);

  /// Writes `request` and reads into `reader`, until the answer is complete or nothing more can come.
  [[nodiscard]] Awaitable<Exchange> exchange(std::string_view request, AnswerReader& reader);

  /// True while nothing has come in and the worker has not closed it: it may carry another call.
  [[nodiscard]] bool quiet();

  /// Ends whatever waits. The connection is of no more use.
  void expire() override;
  [[nodiscard]] bool expired() const { return expired_; }

 protected:
  [[nodiscard]] virtual Awaitable<error_code> secure() = 0;  ///< The handshake that follows connecting, if any.
  [[nodiscard]] virtual bool has_handshake() const = 0;
  /// Writes some of `bytes`; the error, when none were taken.
  [[nodiscard]] virtual Awaitable<std::size_t> write_some(std::string_view bytes, error_code& error) = 0;
  /// Reads at least a byte into the space of `reader`.
  [[nodiscard]] virtual Awaitable<std::size_t> read_some(AnswerReader& reader, error_code& error) = 0;
  /// True when a failed write surely left nothing on the wire.
  [[nodiscard]] virtual bool failed_write_left_nothing() const = 0;
  /// True when bytes were taken from the socket that no `read_some` has given out yet.
  [[nodiscard]] virtual bool holds_unread_bytes() = 0;

  Socket socket_;

 private:
  [[nodiscard]] Awaitable<Exchange> read_answer(AnswerReader& reader, std::string write_problem);

  bool expired_ = false;
};

[[nodiscard]] std::unique_ptr<Connection> make_plain_connection(asio::io_context& io);

}  // namespace saga::workers
