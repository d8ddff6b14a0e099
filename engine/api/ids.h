// Ids that are made here: of sagas (UUIDv7, so that they sort by time) and of traces (W3C Trace Context).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace saga::api {

/// "019ab3c4-…-7…": 48 bits of `now`, the rest from the kernel's random source.
[[nodiscard]] std::string make_uuid_v7(Timestamp now);

struct TraceContext {
  std::string trace_id;     ///< 32 hex digits, never all zero.
  std::string parent_span;  ///< 16 hex digits; empty for a trace that begins here.
};

/// Reads a `traceparent` header; none for one that is not valid, which the standard wants passed over.
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view header);

[[nodiscard]] TraceContext make_trace();

}  // namespace saga::api
