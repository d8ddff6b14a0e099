// The base URL of a worker, taken apart once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace saga::workers {

struct BaseUrl {
  std::string text;  ///< As it was given, for messages.
  bool tls = false;
  std::string host;  ///< Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
  std::string prefix;     ///< Goes before every path: empty, or "/api" without a slash at its end.
  std::string authority;  ///< What the `Host` header says: the port only where it is not the scheme's own.
};

/// Reads "http://host[:port][/prefix]" or https. `kInvalid` says what was expected and what came; credentials, queries
/// and fragments are refused, and a URL with credentials is not repeated in the message.
[[nodiscard]] Result<BaseUrl> parse_base_url(std::string_view text);

}  // namespace saga::workers
