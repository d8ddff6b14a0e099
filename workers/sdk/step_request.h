// The step protocol as the worker's end reads and writes it: an HTTP request becomes a StepCall, an answer becomes
// HTTP.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "workers/sdk/http_server.h"
#include "workers/sdk/step_call.h"

namespace saga::workers {

/// Checks the headers and the body. `kInvalid` says what was expected and what came.
[[nodiscard]] Result<StepCall> read_step_call(const HttpRequest& request, Millis default_timeout);

/// An empty body is null. `kInvalid` when it is not JSON.
[[nodiscard]] Result<Json> read_body(const HttpRequest& request);

[[nodiscard]] HttpAnswer to_http(const StepAnswer& answer);

/// `application/problem+json` (RFC 9457) with `code` and, where it says more than the status, `retryable`.
[[nodiscard]] HttpAnswer problem(int status, std::string_view code, std::string_view detail);

}  // namespace saga::workers
