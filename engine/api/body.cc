#include "engine/api/body.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/api/names.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxTags = 16;
constexpr std::size_t kMaxTagKey = 64;
constexpr std::size_t kMaxTagValue = 256;

}  // namespace

std::string type_of(const Json& value) {
  return value.is_number() ? "a number"
         : value.is_null()
             ? "null"
             : fmt::format("{} {}", value.is_array() || value.is_object() ? "an" : "a", value.type_name());
}

std::string pointer_step(std::string_view token) {
  std::string step = "/";
  for (const char c : token) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

Checked<Json> parse_body(std::string_view body) {
  if (body.empty()) return refuse(ProblemKind::kNotJson, "expected a JSON object as the body, but it is empty");
  auto parsed = read_json(body);
  if (!parsed) return refuse(ProblemKind::kNotJson, "the body is not JSON: " + parsed.error().message);
  return std::move(*parsed);
}

BodyReader::BodyReader(const Json& body, std::span<const std::string_view> known, std::string base)
    : body_(body), base_(std::move(base)) {
  if (!body.is_object()) {
    complain("", fmt::format("expected a JSON object, but it is {}", type_of(body)));
    return;
  }
  for (const auto& item : body.items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      complain(item.key(), fmt::format("unknown key {}{}", quote(item.key()),
                                       suggestion(item.key(), {known.begin(), known.end()})));
    }
  }
}

const Json* BodyReader::any(std::string_view key) const {
  if (!body_.is_object()) return nullptr;
  const auto at = body_.find(key);
  return at == body_.end() ? nullptr : &*at;
}

const Json* BodyReader::find(std::string_view key) const {
  const Json* value = any(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::optional<std::string> BodyReader::text(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    complain(key, fmt::format("expected a string, but it is {}", type_of(*value)));
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<Timestamp> BodyReader::time(std::string_view key) {
  const auto written = text(key);
  if (!written) return std::nullopt;
  const auto parsed = parse_time(*written);
  if (!parsed) {
    complain(key, parsed.error().message);
    return std::nullopt;
  }
  return *parsed;
}

std::vector<std::pair<std::string, std::string>> BodyReader::tags(std::string_view key) {
  std::vector<std::pair<std::string, std::string>> tags;
  const Json* value = find(key);
  if (value == nullptr) return tags;
  if (!value->is_object()) {
    complain(key, fmt::format("expected an object of strings, but it is {}", type_of(*value)));
    return tags;
  }
  if (value->size() > kMaxTags)
    complain(key, fmt::format("expected at most {} tags, but there are {}", kMaxTags, value->size()));
  for (const auto& item : value->items()) {
    const std::string where = std::string(key) + pointer_step(item.key());
    const auto complain_there = [&](std::string detail) {
      FieldError error;
      error.detail = std::move(detail);
      error.pointer = base_ + "/" + where;
      errors_.push_back(std::move(error));
    };
    if (item.key().empty() || count_characters(item.key()) > kMaxTagKey || !is_plain_text(item.key())) {
      complain_there(fmt::format("expected a tag's key of 1 to {} characters without control characters", kMaxTagKey));
    } else if (!item.value().is_string()) {
      complain_there(fmt::format("expected a string, but it is {}", type_of(item.value())));
    } else if (const auto& text = item.value().get_ref<const std::string&>();
               count_characters(text) > kMaxTagValue || !is_plain_text(text)) {
      complain_there(
          fmt::format("expected a tag's value of at most {} characters without control characters", kMaxTagValue));
    } else {
      tags.emplace_back(item.key(), text);
    }
  }
  return tags;
}

void BodyReader::require(std::string_view key, bool present) {
  // What is there but does not fit has been complained about already.
  if (!present && find(key) == nullptr && body_.is_object()) complain(key, fmt::format("'{}' is missing", key));
}

void BodyReader::complain(std::string_view key, std::string detail) {
  FieldError error;
  error.detail = std::move(detail);
  error.pointer = key.empty() ? base_ : base_ + pointer_step(key);
  errors_.push_back(std::move(error));
}

Checked<void> BodyReader::check() && {
  if (errors_.empty()) return {};
  return tl::unexpected(does_not_fit(std::move(errors_)));
}

}  // namespace saga::api
