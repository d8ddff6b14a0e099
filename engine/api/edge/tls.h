// What the server shows of itself over TLS: a certificate chain and its key.
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "base/result.h"
#include "net/tls.h"

namespace saga::api {

/// TLS 1.2 and later. Thread-safe once loaded.
class TlsIdentity {
 public:
  /// PEM files. `kInvalid` names the file and what is wrong with it; a key behind a passphrase does not do.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> load(const std::string& certificate,
                                                                 const std::string& key);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  /// For one client. What is open goes on by the identity that it began with.
  [[nodiscard]] net::TlsSession session();

 private:
  struct Context;
  TlsIdentity();
  std::unique_ptr<Context> context_;
};

/// True when a handshake failed because the client speaks plain HTTP.
[[nodiscard]] bool is_plain_http(const std::error_code& handshake);

}  // namespace saga::api
