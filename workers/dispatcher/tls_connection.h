// Connections over TLS.
#pragma once

#include <memory>
#include <string>

#include "workers/dispatcher/connection.h"

namespace saga::workers {

/// What all TLS connections share: the certificate authorities to trust. They are those of the system (or of the file
/// that the environment's SSL_CERT_FILE names) and are loaded for the first connection, because that takes tens of
/// milliseconds and some megabytes which a process without https should not pay.
class TlsClient {
 public:
  explicit TlsClient(EventLoop& loop);
  ~TlsClient();

  /// A connection that accepts only a worker with a valid certificate for `host`.
  [[nodiscard]] std::unique_ptr<Connection> make_connection(const std::string& host);

 private:
  struct Context;
  EventLoop& loop_;
  std::unique_ptr<Context> context_;
};

}  // namespace saga::workers
