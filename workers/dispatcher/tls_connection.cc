#include "workers/dispatcher/tls_connection.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/check.h"

namespace saga::workers {
namespace {

struct Freed {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

/// The errors of OpenSSL's queue.
class OpenSslErrors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "openssl"; }
  std::string message(int value) const override {
    const char* reason = ERR_reason_error_string(static_cast<unsigned>(value));
    return reason != nullptr ? reason : "error " + std::to_string(static_cast<unsigned>(value)) + " of OpenSSL";
  }
};

const OpenSslErrors& openssl_errors() {
  static const OpenSslErrors category;
  return category;
}

bool is_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

class TlsConnection final : public Connection {
 public:
  TlsConnection(EventLoop& loop, SSL_CTX* context, const std::string& host)
      : Connection(loop), ssl_(SSL_new(context)), host_(host) {
    if (ssl_ == nullptr) throw std::bad_alloc();
  }

 protected:
  /// What OpenSSL had put on the wire when a write failed cannot be known.
  bool failed_write_left_nothing() const override { return false; }

  bool holds_unread_bytes() const override { return SSL_has_pending(ssl_.get()) == 1; }

  Io handshake() override {
    if (SSL_get_fd(ssl_.get()) < 0 && !prepare())
      return {.count = 0, .error = std::make_error_code(std::errc::invalid_argument)};
    ERR_clear_error();
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return {};
    Io io = failed(result);
    if (!io.again && !io.error) io.error = std::make_error_code(std::errc::connection_reset);  // A goodbye instead.
    return io;
  }

  Io write_some(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return result == 1 ? Io{.count = count, .error = {}} : failed(result);
  }

  Io read_some(AnswerReader& reader) override {
    if (!readable() && !holds_unread_bytes()) return {.count = 0, .error = {}, .again = true};
    const auto space = reader.space();
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), space.data(), space.size(), &count);
    return result == 1 ? Io{.count = count, .error = {}} : failed(result);
  }

 private:
  [[nodiscard]] bool prepare() {
    const bool trusts_host =
        is_address(host_)
            ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host_.c_str()) == 1
            // Server name indication is for names only.
            : SSL_set_tlsext_host_name(ssl_.get(), host_.c_str()) == 1 && SSL_set1_host(ssl_.get(), host_.c_str()) == 1;
    constexpr unsigned char kHttp11[] = "\x08http/1.1";
    return trusts_host && SSL_set_alpn_protos(ssl_.get(), kHttp11, sizeof(kHttp11) - 1) == 0 &&
           SSL_set_fd(ssl_.get(), socket()) == 1;
  }

  Io failed(int result) {
    const int saved = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        drained();
        return {.count = 0, .error = {}, .again = true};
      case SSL_ERROR_WANT_WRITE:
        return {.count = 0, .error = {}, .again = true};
      case SSL_ERROR_ZERO_RETURN:
        return {};
      case SSL_ERROR_SYSCALL:
        return {.count = 0, .error = {saved != 0 ? saved : ECONNRESET, std::system_category()}};
      default:
        return {.count = 0, .error = {static_cast<int>(ERR_get_error()), openssl_errors()}};
    }
  }

  const std::unique_ptr<SSL, Freed> ssl_;
  const std::string host_;
};

}  // namespace

struct TlsClient::Context {
  std::unique_ptr<SSL_CTX, Freed> context{SSL_CTX_new(TLS_client_method())};

  Context() {
    SAGA_CHECK(context != nullptr, "a TLS context from the cryptographic library");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    // Where there are none, every handshake fails and says that nothing vouches for the worker.
    SSL_CTX_set_default_verify_paths(context.get());
    ERR_clear_error();
  }
};

TlsClient::TlsClient(EventLoop& loop) : loop_(loop) {}
TlsClient::~TlsClient() = default;

std::unique_ptr<Connection> TlsClient::make_connection(const std::string& host) {
  if (!context_) context_ = std::make_unique<Context>();
  return std::make_unique<TlsConnection>(loop_, context_->context.get(), host);
}

}  // namespace saga::workers
