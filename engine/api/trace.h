// Of traces (W3C Trace Context): which one a request continues, and new ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace saga::api {

struct TraceContext {
  std::string trace_id;     ///< 32 hex digits, never all zero.
  std::string parent_span;  ///< 16 hex digits; empty for a trace that begins here.
};

/// Reads a `traceparent` header; none for one that is not valid, which the standard wants passed over.
[[nodiscard]] std::optional<TraceContext> parse_traceparent(std::string_view header);

[[nodiscard]] TraceContext make_trace();

}  // namespace saga::api
