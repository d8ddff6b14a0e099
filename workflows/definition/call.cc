#include "workflows/definition/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "workflows/definition/fields.h"

namespace saga::workflows {
namespace {

constexpr std::array<std::string_view, 5> kCallKeys{"method", "path", "headers", "input", "accept"};
constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};

/// What the engine or HTTP itself says with every call.
constexpr std::array<std::string_view, 7> kOwnHeaders{
    "idempotency-key", "traceparent", "content-length", "content-type", "host", "connection", "transfer-encoding"};
constexpr std::string_view kOwnHeaderPrefix = "saga-";

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_token_character(char c) {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// What RFC 3986 lets stand in a path and a query.
bool is_path_character(char c) {
  return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=:@/?%").find(c) != std::string_view::npos;
}

bool is_header_character(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string describe_character(char c) {
  if (c == ' ') return "a space";
  const auto byte = static_cast<unsigned>(static_cast<unsigned char>(c));
  return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", c) : fmt::format("byte 0x{:02x}", byte);
}

Template read_path(const Node& node, std::string_view key, const Visibility& visible, ExpressionReader& expressions,
                   Problems& problems) {
  auto path = expressions.read_template(node, key, visible);
  if (!path) return {};
  if (!node.text().starts_with('/')) {
    refuse_value(node, key, "a path that begins with '/'", problems);
  } else if (const auto refused = first_refused_literal(node.text(), is_path_character)) {
    problems.add(node.at(*refused), fmt::format("{} cannot stand in a path: write it percent-encoded, such as %20",
                                                describe_character(node.text()[*refused])));
  }
  return std::move(*path);
}

void check_header_name(const Node::Entry& header, std::set<std::string>& seen, Problems& problems) {
  const std::string name = lower(header.key);
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) {
    problems.add(
        header.position,
        fmt::format("{} is no header name: expected letters, digits and '-', such as X-Currency", quote(header.key)));
  } else if (name.starts_with(kOwnHeaderPrefix) ||
             std::find(kOwnHeaders.begin(), kOwnHeaders.end(), name) != kOwnHeaders.end()) {
    problems.add(header.position,
                 fmt::format("header {} is set by the engine: a definition cannot set it", quote(header.key)));
  } else if (!seen.insert(name).second) {
    problems.add(header.position, fmt::format("header {} is there twice: case makes no difference", quote(header.key)));
  }
}

std::vector<std::pair<std::string, Template>> read_headers(const Node& node, const Visibility& visible,
                                                           ExpressionReader& expressions, Problems& problems) {
  std::vector<std::pair<std::string, Template>> headers;
  if (!require_map(node, "headers", "a mapping of names and texts, such as { X-Currency: EUR }", problems))
    return headers;
  std::set<std::string> seen;
  for (const Node::Entry& header : node.entries) {
    check_header_name(header, seen, problems);
    auto value = expressions.read_template(header.value, header.key, visible);
    if (!value) continue;
    if (const auto refused = first_refused_literal(header.value.text(), is_header_character)) {
      problems.add(header.value.at(*refused),
                   fmt::format("{} cannot stand in a header", describe_character(header.value.text()[*refused])));
    }
    headers.emplace_back(header.key, std::move(*value));
  }
  return headers;
}

std::vector<int> read_accept(const Node& node, Problems& problems) {
  std::vector<int> statuses;
  if (!node.is_list()) {
    refuse_value(node, "accept", "a list of statuses, such as [404]", problems);
    return statuses;
  }
  for (const Node& item : node.items) {
    if (const auto status = read_whole(item, "accept", 100, 599, problems))
      statuses.push_back(static_cast<int>(*status));
  }
  return statuses;
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  return problem == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

/// "host", "host:port", "[::1]:port".
bool is_authority(std::string_view text) {
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos || bracket < 3) return false;
    const std::string_view address = text.substr(1, bracket - 1);
    if (address.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    if (bracket + 1 == text.size()) return true;
    return text[bracket + 1] == ':' && is_port(text.substr(bracket + 2));
  }
  const std::string_view host = text.substr(0, host_end);
  const bool good = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
  return good && (host_end == std::string_view::npos || is_port(text.substr(host_end + 1)));
}

}  // namespace

Call read_call(const Node& node, std::string_view key, const Visibility& visible, ExpressionReader& expressions,
               Problems& problems) {
  Call call;
  if (node.is_string()) {
    call.path = read_path(node, key, visible, expressions, problems);
    return call;
  }
  if (!require_map(node, key, "a path such as /reservations, or { method, path, headers, input, accept }", problems))
    return call;
  check_keys(node, fmt::format("'{}'", key), kCallKeys, problems);
  if (const Node* method = node.find("method")) {
    if (const auto choice = read_choice(*method, "method", kMethods, problems)) call.method = kMethods[*choice];
  }
  if (const Node* path = node.find("path")) {
    call.path = read_path(*path, "path", visible, expressions, problems);
  } else {
    problems.add(node.position, fmt::format("'{}' has no 'path'", key));
  }
  if (const Node* headers = node.find("headers")) call.headers = read_headers(*headers, visible, expressions, problems);
  if (const Node* input = node.find("input")) call.input = expressions.read_value(*input, visible);
  if (const Node* accept = node.find("accept")) call.accept = read_accept(*accept, problems);
  return call;
}

std::optional<std::string> read_url(const Node& node, Problems& problems) {
  auto url = read_text(node, "url", problems);
  if (!url) return std::nullopt;
  std::string_view rest = *url;
  const std::size_t scheme = rest.starts_with("http://") ? 7 : rest.starts_with("https://") ? 8 : 0;
  rest.remove_prefix(scheme);
  const std::size_t authority_end = std::min(rest.find('/'), rest.size());
  const std::string_view prefix = rest.substr(authority_end);
  const bool good_prefix = prefix.find_first_of("?#") == std::string_view::npos &&
                           std::all_of(prefix.begin(), prefix.end(), is_path_character);
  if (scheme != 0 && is_authority(rest.substr(0, authority_end)) && good_prefix) return url;
  refuse_value(node, "url", "a base URL such as http://127.0.0.1:8081", problems);
  return std::nullopt;
}

}  // namespace saga::workflows
