#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "net/stream.h"

namespace saga::net {
namespace {

class TlsStream final : public Stream {
 public:
  TlsStream(EventLoop& loop, int socket, TlsSession session) : Stream(loop, socket), ssl_(std::move(session)) {
    SSL_set_mode(ssl_.get(),
                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SAGA_CHECK(SSL_set_fd(ssl_.get(), socket) == 1, "a socket that TLS takes");
  }

  Io handshake() override {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return {};
    Io io = failed(result);
    if (!io.again && !io.error) io.error = std::make_error_code(std::errc::connection_reset);  // A goodbye instead.
    return io;
  }

  Io write(std::string_view first, std::string_view second) override {
    const std::string_view bytes = first.empty() ? second : first;
    if (bytes.empty()) return {};
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Io{.count = count} : failed(result);
  }

  Io read(std::span<char> into) override {
    if (!readable()) return {.again = true};
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &count);
    return result == 1 ? Io{.count = count} : failed(result);
  }

  Io say_goodbye() override {
    ERR_clear_error();
    int result = SSL_shutdown(ssl_.get());
    if (result == 0) result = SSL_shutdown(ssl_.get());  // Said; now the other's.
    const Io io = result == 1 ? Io{} : failed(result);
    if (!io.again) ::shutdown(socket(), SHUT_RDWR);
    return io;
  }

  bool holds_unread_bytes() const override { return SSL_has_pending(ssl_.get()) == 1; }

 private:
  Io failed(int result) {
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        drained();
        return {.again = true};
      case SSL_ERROR_WANT_WRITE:
        return {.again = true};
      case SSL_ERROR_ZERO_RETURN:
        return {};
      case SSL_ERROR_SYSCALL:
        return {.error = {system_error != 0 ? system_error : ECONNRESET, std::system_category()}};
      default:
        return {.error = {static_cast<int>(ERR_get_error()), openssl_errors()}};
    }
  }

  const TlsSession ssl_;
};

}  // namespace

std::unique_ptr<Stream> make_tls_stream(EventLoop& loop, int socket, TlsSession session) {
  return std::make_unique<TlsStream>(loop, socket, std::move(session));
}

}  // namespace saga::net
