// A call as the bytes of an HTTP/1.1 request.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "workers/dispatcher/base_url.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::workers {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The whole request. A header of the call stands in place of the service's of the same name, and either in place of
/// ours; what frames the message (`Host` apart: `Connection`, `Content-Length`, `Transfer-Encoding`, …) is ours alone.
/// Whatever a name, value or path holds, it stays one request: characters that would end a line or a word are taken
/// out, replaced by a space, or percent-encoded.
[[nodiscard]] std::string request_text(const WorkerCall& call, const BaseUrl& base, const Headers& service_headers);

}  // namespace saga::workers
