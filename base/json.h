// JSON as it enters and lives in the engine: read strictly, then shared and never changed.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/text_writer.h"

namespace saga {

using Json = nlohmann::json;

/// A JSON value that many may hold and nobody changes. Null: there is none (which is not JSON null).
using JsonRef = std::shared_ptr<const Json>;

[[nodiscard]] inline JsonRef share(Json value) { return std::make_shared<const Json>(std::move(value)); }

/// True when both hold none, or both hold equal values.
[[nodiscard]] inline bool same_json(const JsonRef& a, const JsonRef& b) { return a == b || (a && b && *a == *b); }

/// Deeper documents are refused: nlohmann's destructor and dump recurse.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Where in a text something stands; both from 1, columns in bytes.
struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};

struct JsonParseError {
  std::string message;  ///< Without position: "unexpected '}'", "key 'id' is there twice".
  TextPosition position;
};

/// Parses one document of UTF-8 text, refusing what nlohmann lets through: repeated keys, nesting over
/// `max_depth`, anything after the document. Never recurses deeper than the limit.
[[nodiscard]] tl::expected<Json, JsonParseError> parse_json(std::string_view text,
                                                            std::size_t max_depth = kMaxJsonDepth);

/// The same, its error as `kInvalid` "line 3, column 7: …".
[[nodiscard]] Result<Json> read_json(std::string_view text, std::size_t max_depth = kMaxJsonDepth);

/// Compact text; invalid UTF-8 inside strings cannot occur in a parsed value and is replaced if built by hand.
[[nodiscard]] std::string dump_json(const Json& value);
void append_json(TextWriter& out, const Json& value);

/// A JSON value and its text, written once for all who send it, or none. Copies share both; nobody changes them.
class WrittenJson {
 public:
  WrittenJson() = default;
  WrittenJson(JsonRef value) {  // NOLINT: the same value.
    if (!value) return;
    std::string text = dump_json(*value);
    both_ = std::make_shared<const Both>(Both{std::move(value), std::move(text)});
  }

  explicit operator bool() const { return both_ != nullptr; }
  [[nodiscard]] const Json& operator*() const { return *both_->value; }
  [[nodiscard]] const Json* operator->() const { return both_->value.get(); }
  [[nodiscard]] const Json* get() const { return both_ ? both_->value.get() : nullptr; }
  [[nodiscard]] JsonRef ref() const { return both_ ? both_->value : nullptr; }
  /// "null" where there is none.
  [[nodiscard]] std::string_view text() const { return both_ ? std::string_view(both_->text) : "null"; }

  friend bool operator==(const WrittenJson& a, const WrittenJson& b) {
    return a.both_ == b.both_ || (a && b && same_json(a.both_->value, b.both_->value));
  }

 private:
  struct Both {
    JsonRef value;
    std::string text;
  };

  std::shared_ptr<const Both> both_;
};

/// `text` as a quoted JSON string.
[[nodiscard]] std::string json_string(std::string_view text);
void append_json_string(TextWriter& out, std::string_view text);

}  // namespace saga
