#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <fstream>

#include "engine/api/edge/response_head.h"
#include "engine/api/edge/socket_stream.h"
#include "engine/api/edge/tls.h"
#include "engine/api/problem.h"

namespace saga::api {

struct TlsIdentity::Context {
  asio::ssl::context ssl{asio::ssl::context::tls_server};
};

namespace {

/// A client that does not say goodbye is not waited for any longer.
constexpr std::chrono::seconds kGoodbye{1};

class TlsStream final : public SocketStream<TlsStream> {
 public:
  TlsStream(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  Task<void> open(error_code& error) override {
    co_await stream_.async_handshake(asio::ssl::stream_base::server, await(error));
    if (error.category() != asio::error::get_ssl_category() ||
        ERR_GET_REASON(static_cast<unsigned long>(error.value())) != SSL_R_HTTP_REQUEST)
      co_return;
    const Response told = to_response(
        {ProblemKind::kBadRequest, "plain HTTP came, but this is https", {}, std::nullopt, std::nullopt, {}});
    const std::string head = head_of(told, told.body.size(), false, DateText().now());
    const std::array<asio::const_buffer, 2> both{asio::buffer(head), asio::buffer(told.body)};
    error_code ignored;
    co_await asio::async_write(stream_.next_layer(), both, await(ignored));
  }

  Task<std::size_t> read_some(asio::mutable_buffer into, error_code& error) override {
    co_return co_await stream_.async_read_some(into, await(error));
  }

  Task<void> write(asio::const_buffer first, asio::const_buffer second, error_code& error) override {
    const std::array<asio::const_buffer, 2> both{first, second};
    co_await asio::async_write(stream_, both, await(error));
  }

  Task<void> finish() override {
    error_code ignored;
    lowest_socket().expires_after(kGoodbye);
    co_await stream_.async_shutdown(await(ignored));
    lowest_socket().socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  TimedSocket& lowest_socket() { return stream_.next_layer(); }

 private:
  asio::ssl::stream<TimedSocket> stream_;
};

/// What OpenSSL says went wrong last; forgets it.
std::string last_problem() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "it cannot be used" : reason;
}

Result<void> expect_readable(const char* option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (file.is_open() && file.peek() != std::ifstream::traits_type::eof()) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} {}: cannot be read, or is empty", option, path));
}

Result<void> load_certificate(SSL_CTX* context, const std::string& path) {
  if (auto readable = expect_readable("--tls-cert", path); !readable) return readable;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) == 1) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("--tls-cert {}: expected a certificate chain as PEM, but: {}", path, last_problem()));
}

Result<void> load_key(SSL_CTX* context, const std::string& path, const std::string& certificate) {
  if (auto readable = expect_readable("--tls-key", path); !readable) return readable;
  // Nobody is there to be asked for a passphrase.
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void*) { return -1; });
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey_file(context, path.c_str(), SSL_FILETYPE_PEM) == 1) return {};
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  const bool other = reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH;
  if (other) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalid, fmt::format("--tls-key {}: is not the key of {}", path, certificate));
  }
  return fail(
      ErrorCode::kInvalid,
      fmt::format("--tls-key {}: expected a private key as PEM, without a passphrase, but: {}", path, last_problem()));
}

}  // namespace

TlsIdentity::TlsIdentity() : context_(std::make_unique<Context>()) {}
TlsIdentity::~TlsIdentity() = default;

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(const std::string& certificate, const std::string& key) {
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity);
  SSL_CTX* context = identity->context_->ssl.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (auto loaded = load_certificate(context, certificate); !loaded) return tl::unexpected(loaded.error());
  if (auto loaded = load_key(context, key, certificate); !loaded) return tl::unexpected(loaded.error());
  return identity;
}

std::unique_ptr<ByteStream> make_tls_stream(Socket socket, TlsIdentity& identity) {
  return std::make_unique<TlsStream>(std::move(socket), identity.context().ssl);
}

}  // namespace saga::api
