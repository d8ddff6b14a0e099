#include "engine/api/edge/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>

namespace saga::api {

struct TlsIdentity::Context {
  net::TlsContext ssl = net::make_tls_server_context();
};

namespace {

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
  SSL_CTX* context = identity->context_->ssl.get();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (auto loaded = load_certificate(context, certificate); !loaded) return tl::unexpected(loaded.error());
  if (auto loaded = load_key(context, key, certificate); !loaded) return tl::unexpected(loaded.error());
  return identity;
}

net::TlsSession TlsIdentity::session() { return net::make_tls_session(context_->ssl); }

bool is_plain_http(const std::error_code& handshake) {
  return handshake.category() == net::openssl_errors() &&
         ERR_GET_REASON(static_cast<unsigned>(handshake.value())) == SSL_R_HTTP_REQUEST;
}

}  // namespace saga::api
