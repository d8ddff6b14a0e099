// What both ends of TLS have in common. TLS 1.2 and later.
#pragma once

#include <memory>
#include <system_error>

struct ssl_st;
struct ssl_ctx_st;

namespace saga::net {

struct FreeTls {
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* session) const;
};
/// OpenSSL's `SSL_CTX`: what sessions share.
using TlsContext = std::unique_ptr<ssl_ctx_st, FreeTls>;
/// OpenSSL's `SSL`: one connection's.
using TlsSession = std::unique_ptr<ssl_st, FreeTls>;

[[nodiscard]] TlsContext make_tls_client_context();
[[nodiscard]] TlsContext make_tls_server_context();

/// Ready to shake hands as what its context is for.
[[nodiscard]] TlsSession make_tls_session(const TlsContext& context);

/// Errors that OpenSSL has put into its queue: their values, their reasons.
[[nodiscard]] const std::error_category& openssl_errors();

}  // namespace saga::net
