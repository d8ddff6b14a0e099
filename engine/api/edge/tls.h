// What the server shows of itself over TLS: a certificate chain and its key.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

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

  struct Context;  ///< Of the source file.
  [[nodiscard]] Context& context() { return *context_; }

 private:
  TlsIdentity();
  std::unique_ptr<Context> context_;
};

}  // namespace saga::api
