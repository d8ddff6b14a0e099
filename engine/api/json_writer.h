// Writes JSON text in the order in which people read it, without building a tree first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "base/text_writer.h"
#include "base/time.h"

namespace saga::api {

class JsonWriter {
 public:
  /// `usual_size` of the text in bytes; a longer one grows.
  explicit JsonWriter(std::size_t usual_size = 1024) : out_(usual_size) {}

  /// The text; the writer is not used again.
  [[nodiscard]] std::string take() { return out_.take(); }

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  /// A literal is ours, with nothing to escape.
  template <std::size_t size>
  JsonWriter& key(const char (&name)[size]) {
    separate();
    out_ += '"';
    out_ += std::string_view(name, size - 1);
    out_ += "\":";
    first_ = true;
    return *this;
  }
  JsonWriter& key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    first_ = true;
    return *this;
  }

  JsonWriter& text(std::string_view value) {
    separate();
    append_json_string(out_, value);
    return *this;
  }
  JsonWriter& integer(std::int64_t value) { return raw(Digits(value)); }
  JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
  JsonWriter& null() { return raw("null"); }
  JsonWriter& time(Timestamp value) {
    separate();
    out_ += '"';
    append_time(out_, value);
    out_ += '"';
    return *this;
  }
  JsonWriter& time(const std::optional<Timestamp>& value) { return value ? time(*value) : null(); }
  /// Null for an empty text.
  JsonWriter& text_or_null(std::string_view value) { return value.empty() ? null() : text(value); }
  /// Null for zero.
  JsonWriter& integer_or_null(std::int64_t value) { return value == 0 ? null() : integer(value); }
  JsonWriter& json(const Json& value) {
    separate();
    append_json(out_, value);
    return *this;
  }
  JsonWriter& json(const WrittenJson& value) { return raw(value.text()); }
  JsonWriter& json(const JsonRef& value) { return value ? json(*value) : null(); }

  /// `json_text` is one JSON value.
  JsonWriter& raw(std::string_view json_text) {
    separate();
    out_ += json_text;
    return *this;
  }

 private:
  JsonWriter& open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
  }
  JsonWriter& close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  TextWriter out_;
  bool first_ = true;
};

}  // namespace saga::api
