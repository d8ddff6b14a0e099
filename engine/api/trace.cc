#include "engine/api/trace.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace saga::api {
namespace {

bool is_hex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  constexpr std::size_t kLength = 55;  // 00-<32>-<16>-<2>
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, 32);
  const std::string_view span = header.substr(36, 16);
  if (!is_hex(version) || version == "ff" || !is_hex(trace) || !is_hex(span) || !is_hex(header.substr(53, 2))) {
    return std::nullopt;
  }
  // A later version may say more after a '-'; version 00 may not.
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return std::nullopt;
  if (is_zero(trace) || is_zero(span)) return std::nullopt;
  return TraceContext{std::string(trace), std::string(span)};
}

TraceContext make_trace() {
  std::array<unsigned char, 16> bytes{};
  do fill_random(bytes);
  while (std::all_of(bytes.begin(), bytes.end(), [](unsigned char b) { return b == 0; }));
  TraceContext trace;
  append_hex(trace.trace_id, bytes);
  return trace;
}

}  // namespace saga::api
