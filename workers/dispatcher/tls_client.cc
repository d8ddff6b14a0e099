#include "workers/dispatcher/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace saga::workers {
namespace {

bool is_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

bool expect(SSL* ssl, const std::string& host) {
  if (is_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  // Server name indication is for names only.
  return SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace

struct TlsClient::Context {
  net::TlsContext ssl = net::make_tls_client_context();

  Context() {
    SSL_CTX_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    constexpr unsigned char kHttp11[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(ssl.get(), kHttp11, sizeof(kHttp11) - 1);
    // Where there are none, every handshake fails and says that nothing vouches for the worker.
    SSL_CTX_set_default_verify_paths(ssl.get());
    ERR_clear_error();
  }
};

TlsClient::TlsClient() = default;
TlsClient::~TlsClient() = default;

net::TlsSession TlsClient::session(const std::string& host) {
  if (!context_) context_ = std::make_unique<Context>();
  net::TlsSession session = net::make_tls_session(context_->ssl);
  return expect(session.get(), host) ? std::move(session) : nullptr;
}

}  // namespace saga::workers
