#include "workers/sdk/routes.h"

#include "base/check.h"

namespace saga::workers {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  for (std::size_t begin = 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    segments.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      decoded += text[i];
    } else {
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

PathPattern::PathPattern(std::string_view pattern) : text_(pattern), segments_(split(pattern)) {
  SAGA_CHECK(pattern.starts_with('/'), "a path pattern that begins with '/'");
}

std::optional<std::map<std::string, std::string>> PathPattern::match(std::string_view target) const {
  const std::string_view path = target.substr(0, target.find('?'));
  if (!path.starts_with('/')) return std::nullopt;
  const auto segments = split(path);
  if (segments.size() != segments_.size()) return std::nullopt;
  std::map<std::string, std::string> parameters;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    std::string value = percent_decode(segments[i]);
    if (segments_[i].starts_with(':')) {
      if (value.empty()) return std::nullopt;
      parameters[segments_[i].substr(1)] = std::move(value);
    } else if (segments_[i] != value) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace saga::workers
