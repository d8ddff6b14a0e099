#include "engine/api/target.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/api/names.h"

namespace saga::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Checked<Query> Query::parse(std::string_view text, std::span<const std::string_view> known) {
  Query query;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = percent_decode(equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
    if (!name || !value || !is_plain_text(*name) || !is_plain_text(*value)) {
      return refuse(ProblemKind::kBadRequest,
                    "the query has a malformed escape, a control character or text that is not UTF-8");
    }
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      return tl::unexpected(does_not_fit_parameter(
          *name, known.empty() ? std::string("no parameter is known here")
                               : "is not known here" + suggestion(*name, {known.begin(), known.end()})));
    }
    query.parameters_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::optional<std::string> Query::first(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : parameters_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

Checked<Millis> read_wait(const Query& query) {
  const auto text = query.first("wait");
  if (!text || *text == "0" || *text == "0s") return Millis{0};
  const auto wait = parse_duration(*text);
  if (!wait) return tl::unexpected(does_not_fit_parameter("wait", wait.error().message));
  return std::min(*wait, kMaxWait);
}

}  // namespace saga::api
