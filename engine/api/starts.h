// One start as a client writes it, read and checked: the body of a single one, or an item of many.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/api/context.h"
#include "engine/api/trace.h"

namespace saga::api {

/// What the starts of one request have in common.
struct StartOrigin {
  Timestamp now;
  const std::string* idempotency_key = nullptr;  ///< The id where the text names none; null: a new one.
  std::optional<TraceContext> trace;             ///< None: each begins one of its own.
  std::string actor;
  bool verified = false;  ///< The actor is.
};

/// From the request's headers.
[[nodiscard]] StartOrigin start_origin(const Context& context, const Exchange& exchange);

/// `written` is emptied of its input, which is moved on. `base`: where it stands in the body, in front of every
/// pointer. An unknown workflow is `kNotFound`, all else that does not fit 422.
[[nodiscard]] Checked<runtime::StartRequest> read_start(const Context& context, const StartOrigin& origin,
                                                        Json& written, const std::string& base);

}  // namespace saga::api
