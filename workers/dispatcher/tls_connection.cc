#include "workers/dispatcher/tls_connection.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <utility>

namespace saga::workers {
namespace {

namespace ssl = asio::ssl;

class TlsConnection final : public Connection {
 public:
  TlsConnection(asio::io_context& io, ssl::context& context, const std::string& host)
      : Connection(io), host_(host), stream_(socket_, context) {}

 protected:
  bool has_handshake() const override { return true; }

  /// What OpenSSL had put on the wire when a write failed cannot be known.
  bool failed_write_left_nothing() const override { return false; }

  bool holds_unread_bytes() override {
    return SSL_pending(stream_.native_handle()) > 0 || BIO_ctrl_pending(SSL_get_rbio(stream_.native_handle())) > 0;
  }

  Awaitable<error_code> secure() override {
    error_code error;
    asio::ip::make_address(host_, error);
    const bool named = static_cast<bool>(error);
    error.clear();
    // Server name indication is for names only.
    if (named && SSL_set_tlsext_host_name(stream_.native_handle(), host_.c_str()) != 1)
      co_return asio::error::invalid_argument;
    constexpr unsigned char kHttp11[] = "\x08http/1.1";
    SSL_set_alpn_protos(stream_.native_handle(), kHttp11, sizeof(kHttp11) - 1);
    stream_.set_verify_mode(ssl::verify_peer, error);
    if (!error) stream_.set_verify_callback(ssl::host_name_verification(host_), error);
    if (error) co_return error;
    co_await stream_.async_handshake(ssl::stream_base::client, into(error));
    co_return error;
  }

  Awaitable<std::size_t> write_some(std::string_view bytes, error_code& error) override {
    co_return co_await stream_.async_write_some(asio::buffer(bytes.data(), bytes.size()), into(error));
  }

  Awaitable<std::size_t> read_some(AnswerReader& reader, error_code& error) override {
    const auto space = reader.space();
    co_return co_await stream_.async_read_some(asio::buffer(space.data(), space.size()), into(error));
  }

 private:
  const std::string host_;
  ssl::stream<Socket&> stream_;
};

}  // namespace

struct TlsClient::Context {
  ssl::context context{ssl::context::tls_client};

  Context() {
    error_code ignored;
    context.set_options(
        ssl::context::no_sslv2 | ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, ignored);
    // Where there are none, every handshake fails and says that nothing vouches for the worker.
    context.set_default_verify_paths(ignored);
  }
};

TlsClient::TlsClient(asio::io_context& io) : io_(io) {}
TlsClient::~TlsClient() = default;

std::unique_ptr<Connection> TlsClient::make_connection(const std::string& host) {
  if (!context_) context_ = std::make_unique<Context>();
  return std::make_unique<TlsConnection>(io_, context_->context, host);
}

}  // namespace saga::workers
