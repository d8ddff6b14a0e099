#include "engine/api/ids.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/bytes.h"

namespace saga::api {
namespace {

bool is_hex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::string make_uuid_v7(Timestamp now) {
  std::array<unsigned char, 16> bytes{};
  fill_random(std::span(bytes).subspan(6));
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(now.ms >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x70);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    append_hex(text, std::span(bytes).subspan(i, 1));
  }
  return text;
}

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
