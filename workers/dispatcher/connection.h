// One connection to a worker, plain or TLS. Not thread-safe: lives on the event loop's thread.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "workers/dispatcher/answer_reader.h"
#include "workers/dispatcher/event_loop.h"

namespace saga::workers {

/// An address and a port.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
};

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
class Connection : private EventLoop::Watcher {
 public:
  /// Whom the connection serves at the moment.
  class User {
   public:
    /// Something may have become possible.
    virtual void go_on() = 0;

   protected:
    ~User() = default;
  };

  explicit Connection(EventLoop& loop) : loop_(loop) {}
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Null: it is kept for the next.
  void serve(User* user) { user_ = user; }

  /// Connects to `peer` and makes the connection ready for a request; an error that is none says that it is.
  [[nodiscard]] std::optional<std::error_code> open(const Endpoint& peer);

  /// Writes `request` and reads into `reader`, until the answer is complete or nothing more can come. The same ones
  /// each time, until it has ended.
  [[nodiscard]] std::optional<Exchange> exchange(std::string_view request, AnswerReader& reader);

  /// True while nothing has come in and the worker has not closed it, as far as the event loop has told: it may carry
  /// another call.
  [[nodiscard]] bool quiet();
  /// As `quiet`, but as the socket is at this moment.
  [[nodiscard]] bool quiet_now();

 protected:
  /// What reading, writing or a handshake came to. No count and no error: the other end has closed it properly.
  struct Io {
    std::size_t count = 0;
    std::error_code error;
    bool again = false;  ///< Nothing can be done yet.
  };

  [[nodiscard]] virtual Io handshake() = 0;  ///< What follows connecting, if anything.
  [[nodiscard]] virtual Io write_some(std::string_view bytes) = 0;
  /// Reads into the space of `reader`, which it asks for when there is something to read.
  [[nodiscard]] virtual Io read_some(AnswerReader& reader) = 0;
  /// True when a failed write surely left nothing on the wire.
  [[nodiscard]] virtual bool failed_write_left_nothing() const = 0;
  /// True when bytes were taken from the socket that no `read_some` has given out yet.
  [[nodiscard]] virtual bool holds_unread_bytes() const = 0;

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] bool readable() const { return readable_; }
  /// All that had come in has been read. An end or an error stays to be read.
  void drained() { readable_ = ended_; }

 private:
  void ready(std::uint32_t events) override;
  [[nodiscard]] std::error_code connect(const Endpoint& peer);
  [[nodiscard]] std::error_code connected();
  [[nodiscard]] std::optional<Exchange> read_answer(AnswerReader& reader);

  EventLoop& loop_;
  User* user_ = nullptr;
  int socket_ = -1;
  enum class Stage { kNew, kConnecting, kShakingHands, kOpen } stage_ = Stage::kNew;
  bool readable_ = false;  ///< There may be something to read.
  bool writable_ = false;  ///< Connecting has ended, one way or the other.
  bool ended_ = false;     ///< The other end sends no more.
  std::size_t written_ = 0;
  std::string write_problem_;
};

[[nodiscard]] std::unique_ptr<Connection> make_plain_connection(EventLoop& loop);

}  // namespace saga::workers
