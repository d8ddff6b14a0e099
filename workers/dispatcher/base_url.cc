#include "workers/dispatcher/base_url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "workers/dispatcher/dispatcher.h"
#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

tl::unexpected<Error> refuse(std::string_view text, std::string_view why) {
  const bool secret = text.find('@') != std::string_view::npos;
  return fail(ErrorCode::kInvalid, fmt::format("expected http://host[:port][/prefix] or https://…, but {}: {}",
                                               secret ? "the URL is another" : fmt::format("it is '{}'", text), why));
}

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= 253 &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65'535) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

}  // namespace

Result<BaseUrl> parse_base_url(std::string_view text) {
  BaseUrl url;
  url.text = text;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return refuse(text, "it has no scheme");
  const std::string_view scheme = text.substr(0, scheme_end);
  url.tls = equal_ignoring_case(scheme, "https");
  if (!url.tls && !equal_ignoring_case(scheme, "http")) return refuse(text, "its scheme is neither http nor https");

  std::string_view rest = text.substr(scheme_end + 3);
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end);
  std::string_view path = rest.substr(authority_end);
  if (authority.find('@') != std::string_view::npos) return refuse(text, "credentials belong in the service's headers");
  if (path.find_first_of("?#") != std::string_view::npos) return refuse(text, "a base URL has no query or fragment");
  if (!std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f'; })) {
    return refuse(text, "its prefix holds characters that must be percent-encoded");
  }

  std::string_view port_text;
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos) return refuse(text, "the ']' of the IPv6 address is missing");
    url.host = authority.substr(1, close - 1);
    if (!is_ipv6(url.host)) return refuse(text, "what stands in brackets is no IPv6 address");
    port_text = authority.substr(close + 1);
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    if (!is_host_name(url.host)) return refuse(text, "it has no good host name");
    port_text = authority.substr(colon);
  }
  url.port = url.tls ? 443 : 80;
  url.authority = bracketed ? fmt::format("[{}]", url.host) : url.host;
  if (!port_text.empty()) {
    const auto port = port_text.front() == ':' ? read_port(port_text.substr(1)) : std::nullopt;
    if (!port) return refuse(text, "a port is a number from 1 to 65535");
    if (*port != url.port) url.authority += fmt::format(":{}", *port);
    url.port = *port;
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  url.prefix = path;
  return url;
}

Result<void> check_service_url(const std::string& url) {
  return parse_base_url(url).map([](const BaseUrl&) {});
}

}  // namespace saga::workers
