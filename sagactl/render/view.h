// Reading a server's JSON without trusting its shape: what is absent, null or of another type reads as nothing, so that
// a page never fails for a field that an older or newer server does not send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace saga::ctl {

/// The member `key`, or JSON null.
[[nodiscard]] inline const Json& member(const Json& object, std::string_view key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

/// Strings as they are, null as "", all else as JSON.
[[nodiscard]] inline std::string as_text(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

[[nodiscard]] inline std::string text(const Json& object, std::string_view key) { return as_text(member(object, key)); }

[[nodiscard]] inline std::optional<std::int64_t> integer(const Json& object, std::string_view key) {
  const Json& value = member(object, key);
  if (!value.is_number()) return std::nullopt;
  return value.get<std::int64_t>();
}

[[nodiscard]] inline bool flag(const Json& object, std::string_view key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

[[nodiscard]] inline std::optional<Timestamp> time(const Json& object, std::string_view key) {
  const Json& value = member(object, key);
  if (!value.is_string()) return std::nullopt;
  const auto parsed = parse_time(value.get_ref<const std::string&>());
  return parsed ? std::optional(*parsed) : std::nullopt;
}

/// The member if it is an array, else an empty one.
[[nodiscard]] inline const Json& list(const Json& object, std::string_view key) {
  static const Json kEmpty = Json::array();
  const Json& value = member(object, key);
  return value.is_array() ? value : kEmpty;
}

}  // namespace saga::ctl
