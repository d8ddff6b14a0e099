// Reads a request's JSON body strictly: unknown keys and wrong types are collected, each with its JSON Pointer, so that
// a client mends them in one go.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "engine/api/problem.h"

namespace saga::api {

/// "a string", "null": what came in place of what was expected.
[[nodiscard]] std::string type_of(const Json& value);

/// The body as JSON; 400 says where it is not.
[[nodiscard]] Checked<Json> parse_body(std::string_view body);

/// The members of one object. A member that is absent or null reads as none; `check` gives what was wrong in all.
class BodyReader {
 public:
  /// `known`: every key that may be there. `base`: where the object stands in the whole body.
  BodyReader(const Json& body, std::span<const std::string_view> known, std::string base = "");

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<Timestamp> time(std::string_view key);
  /// An object of strings: at most 16, keys of 1 to 64 characters, values of at most 256.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> tags(std::string_view key);
  /// The member as it stands, JSON null included; none when it is absent.
  [[nodiscard]] const Json* any(std::string_view key) const;

  void require(std::string_view key, bool present);
  void complain(std::string_view key, std::string detail);

  /// An error with all that was wrong.
  [[nodiscard]] Checked<void> check() &&;

 private:
  [[nodiscard]] const Json* find(std::string_view key) const;

  const Json& body_;
  const std::string base_;
  std::vector<FieldError> errors_;
};

/// `token` as one step of a JSON Pointer, its '/' in front.
[[nodiscard]] std::string pointer_step(std::string_view token);

}  // namespace saga::api
