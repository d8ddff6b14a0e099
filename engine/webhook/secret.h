// What a webhook is signed with (Standard Webhooks): the receiver knows by it that a message is ours and whole.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace saga::webhook {

class Secret {
 public:
  /// From the text of a file: "whsec_" and base64, or any other text as it is, but for blanks around it. `kInvalid`
  /// says what is wrong and never quotes the secret.
  [[nodiscard]] static Result<Secret> read(std::string_view text);
  [[nodiscard]] static Result<Secret> read_file(const std::string& path);

  /// The header `webhook-signature`: "v1," and the HMAC-SHA256 of "ID.TIMESTAMP.BODY" in base64.
  [[nodiscard]] std::string sign(std::string_view id, std::string_view timestamp, std::string_view body) const;

 private:
  explicit Secret(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace saga::webhook
