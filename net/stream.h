// A connected socket's bytes, plain or over TLS. Nothing here waits: what cannot be done yet says so, and the user is
// told when it is worth trying again. Not thread-safe: lives on the event loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "net/event_loop.h"
#include "net/tls.h"

namespace saga::net {

/// What reading, writing or a handshake came to. Of a read, no count and no error: the other end has closed it
/// properly.
struct Io {
  std::size_t count = 0;
  std::error_code error{};
  bool again = false;  ///< Nothing can be done yet.
};

class Stream : private EventLoop::Watcher {
 public:
  /// Whom the stream serves at the moment.
  class User {
   public:
    /// Something may have become possible. May destroy the stream.
    virtual void go_on() = 0;

   protected:
    ~User() = default;
  };

  /// Takes `socket`, which never blocks. It may be connecting still.
  Stream(EventLoop& loop, int socket) : loop_(loop), socket_(socket) {}
  /// Closes the socket.
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// To be called once, before anything else.
  [[nodiscard]] std::error_code watch() { return loop_.watch(socket_, *this); }

  /// Null: nobody, until the next.
  void serve(User* user) { user_ = user; }

  /// What follows connecting, if anything. Again, until it is done.
  [[nodiscard]] virtual Io handshake() = 0;
  /// Some of both, of the second what follows the first.
  [[nodiscard]] virtual Io write(std::string_view first, std::string_view second) = 0;
  [[nodiscard]] virtual Io read(std::span<char> into) = 0;
  /// Tells the other end that nothing follows, and waits for it to say the same where it should. Again, until done.
  [[nodiscard]] virtual Io say_goodbye() = 0;
  /// True when bytes were taken from the socket that no `read` has given out yet.
  [[nodiscard]] virtual bool holds_unread_bytes() const = 0;

  /// True when a read may find something: as far as the event loop has told.
  [[nodiscard]] bool readable() const { return readable_ || holds_unread_bytes(); }
  /// True when connecting has ended, one way or the other.
  [[nodiscard]] bool connected() const { return connected_; }

  /// True while nothing has come in and the other end has not closed, as far as the event loop has told.
  [[nodiscard]] bool quiet() { return !readable() || quiet_now(); }
  /// As `quiet`, but as the socket is at this moment.
  [[nodiscard]] bool quiet_now();
  /// True when the other end has closed and nothing that it sent is left to read.
  [[nodiscard]] bool is_closed() const;

  /// Nothing more is sent; what the other end still sends can be read.
  void end_sending();

  [[nodiscard]] int socket() const { return socket_; }

 protected:
  /// All that had come in has been read. An end or an error stays to be read.
  void drained() { readable_ = ended_; }
  [[nodiscard]] bool socket_readable() const { return readable_; }

 private:
  void ready(std::uint32_t events) override;
  /// What a read of a byte would come to now, which it leaves where it is.
  [[nodiscard]] std::ptrdiff_t peek() const;

  EventLoop& loop_;
  User* user_ = nullptr;
  const int socket_;
  bool readable_ = false;
  bool connected_ = false;
  bool ended_ = false;  ///< The other end sends no more, which is there to be read.
};

[[nodiscard]] std::unique_ptr<Stream> make_plain_stream(EventLoop& loop, int socket);

/// Over TLS. `session` has no socket yet.
[[nodiscard]] std::unique_ptr<Stream> make_tls_stream(EventLoop& loop, int socket, TlsSession session);

/// True when the last system call failed because it would have waited.
[[nodiscard]] bool would_block();

}  // namespace saga::net
