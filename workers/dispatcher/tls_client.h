// How workers are spoken to over TLS.
#pragma once

#include <memory>
#include <string>

#include "net/tls.h"

namespace saga::workers {

/// What all TLS connections share: the certificate authorities to trust. They are those of the system (or of the file
/// that the environment's SSL_CERT_FILE names) and are loaded for the first connection, because that takes tens of
/// milliseconds and some megabytes which a process without https should not pay.
class TlsClient {
 public:
  TlsClient();
  ~TlsClient();

  /// A session that accepts only a worker with a valid certificate for `host`. Null: there can be none for such a host.
  [[nodiscard]] net::TlsSession session(const std::string& host);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace saga::workers
