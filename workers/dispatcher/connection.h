// One connection to a worker, plain or TLS. Not thread-safe: lives on the event loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "net/endpoint.h"
#include "net/stream.h"
#include "workers/dispatcher/answer_reader.h"

namespace saga::workers {

/// What came of sending a request.
struct Exchange {
  enum class End {
    kNothingWritten,  ///< The connection was lost before it took a byte.
    kAnswered,
    kLost,
    kNotHttp,
  };
  End end = End::kLost;
  std::string problem;  ///< Why, unless answered.
};

/// Nothing here waits: what cannot end yet returns nothing, and is to be called again when the user is told to go on.
class Connection {
 public:
  using User = net::Stream::User;

  Connection(net::EventLoop& loop, bool secure, net::TlsSession session)
      : loop_(loop), secure_(secure), session_(std::move(session)) {}

  /// Null: it is kept for the next.
  void serve(User* user);

  /// Connects to `peer` and makes the connection ready for a request; an error that is none says that it is.
  [[nodiscard]] std::optional<std::error_code> open(const net::Endpoint& peer);

  /// Writes `request` and reads into `reader`, until the answer is complete or nothing more can come. The same ones
  /// each time, until it has ended.
  [[nodiscard]] std::optional<Exchange> exchange(std::string_view request, AnswerReader& reader);

  /// True while nothing has come in and the worker has not closed it, as far as the event loop has told: it may carry
  /// another call.
  [[nodiscard]] bool quiet() { return write_problem_.empty() && stream_->quiet(); }
  /// As `quiet`, but as the socket is at this moment.
  [[nodiscard]] bool quiet_now() { return write_problem_.empty() && stream_->quiet_now(); }

 private:
  enum class Stage { kNew, kConnecting, kShakingHands };

  [[nodiscard]] std::error_code connect(const net::Endpoint& peer);
  [[nodiscard]] std::error_code connected();
  [[nodiscard]] std::optional<Exchange> read_answer(AnswerReader& reader);

  net::EventLoop& loop_;
  const bool secure_;
  net::TlsSession session_;  ///< Until the stream has it.
  User* user_ = nullptr;
  std::unique_ptr<net::Stream> stream_;
  Stage stage_ = Stage::kNew;
  std::size_t written_ = 0;
  std::string write_problem_;
};

}  // namespace saga::workers
