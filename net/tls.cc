#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>
#include <string>

#include "base/check.h"

namespace saga::net {
namespace {

class OpenSslErrors final : public std::error_category {
 public:
  const char* name() const noexcept override { return "openssl"; }
  std::string message(int value) const override {
    const char* reason = ERR_reason_error_string(static_cast<unsigned>(value));
    return reason != nullptr ? reason : "error " + std::to_string(static_cast<unsigned>(value)) + " of OpenSSL";
  }
};

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method));
  SAGA_CHECK(context != nullptr, "a TLS context from the cryptographic library");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  return context;
}

}  // namespace

void FreeTls::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void FreeTls::operator()(ssl_st* session) const { SSL_free(session); }

TlsContext make_tls_client_context() { return make_context(TLS_client_method()); }
TlsContext make_tls_server_context() { return make_context(TLS_server_method()); }

TlsSession make_tls_session(const TlsContext& context) {
  TlsSession session(SSL_new(context.get()));
  if (session == nullptr) throw std::bad_alloc();
  SSL_is_server(session.get()) == 1 ? SSL_set_accept_state(session.get()) : SSL_set_connect_state(session.get());
  return session;
}

const std::error_category& openssl_errors() {
  static const OpenSslErrors category;
  return category;
}

}  // namespace saga::net
