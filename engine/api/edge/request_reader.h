// From a client's bytes to a request: HTTP/1.1, its limits and its time limits.
#pragma once

#include <optional>

#include "engine/api/edge/connection.h"
#include "engine/api/server.h"

namespace saga::api {

/// Neither a request nor a refusal: the client is gone, never began one or took too long.
struct Incoming {
  std::optional<Request> request;
  bool keep_alive = false;
  std::optional<Response> refusal;  ///< Why the request cannot be read.
};

/// The next request. `handler` says how large its body may be. `stopping`: looked at when the first byte has come; then
/// nothing more is read.
[[nodiscard]] Task<Incoming> read_request(Connection& connection, const ServerOptions& options, const Handler& handler,
                                          const bool& stopping);

}  // namespace saga::api
