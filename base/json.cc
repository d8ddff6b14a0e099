#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/text.h"

namespace saga {
namespace {

/// Builds the value from nlohmann's SAX events, stopping at the first thing that is not acceptable.
class StrictBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(std::size_t max_depth) : max_depth_(max_depth) {}

  bool null() override { return place(Json(nullptr)); }
  bool boolean(bool value) override { return place(Json(value)); }
  bool number_integer(number_integer_t value) override { return place(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return place(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return place(Json(value)); }
  bool string(string_t& value) override { return place(Json(std::move(value))); }
  bool binary(binary_t&) override { return stop("binary values are not JSON"); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Json& object = *open_.back();
    const auto [at, inserted] = object.get_ptr<Json::object_t*>()->emplace(std::move(name), nullptr);
    if (!inserted) return stop(fmt::format("key '{}' is there twice", front_of(at->first)));
    slot_ = &at->second;
    return true;
  }

  bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& problem) override {
    std::string_view text = problem.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing …"
    const auto colon = text.find(": ");
    message_ = colon == std::string_view::npos ? std::string(text) : std::string(text.substr(colon + 2));
    // It quotes what was read last, which need not be whole characters.
    std::replace_if(
        message_.begin(), message_.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    (void)token;
    return false;
  }

  [[nodiscard]] std::string take_message() { return std::move(message_); }
  [[nodiscard]] Json take_value() { return std::move(root_); }

 private:
  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  bool open(Json container) {
    if (open_.size() == max_depth_) return stop(fmt::format("nested deeper than {} levels", max_depth_));
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool stop(std::string message) {
    message_ = std::move(message);
    return false;
  }

  std::size_t max_depth_;
  Json root_;
  std::vector<Json*> open_;
  Json* slot_ = nullptr;
  std::string message_;
};

/// An input iterator that counts how far the parser has read; nlohmann copies it, so the count is outside.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* read) : at_(at), read_(read) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    if (read_ != nullptr) ++*read_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* read_;
};

TextPosition position_of(std::string_view text, std::size_t offset) {
  TextPosition position;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++position.line;
      position.column = 1;
    } else {
      ++position.column;
    }
  }
  return position;
}

}  // namespace

tl::expected<Json, JsonParseError> parse_json(std::string_view text, std::size_t max_depth) {
  StrictBuilder builder(max_depth);
  std::size_t read = 0;
  const bool good = Json::sax_parse(CountingIterator(text.data(), &read),
                                    CountingIterator(text.data() + text.size(), nullptr), &builder);
  if (good) return builder.take_value();
  return tl::unexpected<JsonParseError>({builder.take_message(), position_of(text, read == 0 ? 0 : read - 1)});
}

Result<Json> read_json(std::string_view text, std::size_t max_depth) {
  auto parsed = parse_json(text, max_depth);
  if (parsed) return std::move(*parsed);
  return fail(ErrorCode::kInvalid, fmt::format("line {}, column {}: {}", parsed.error().position.line,
                                               parsed.error().position.column, parsed.error().message));
}

namespace {

/// nlohmann's own: slower by far, exact for numbers with a fraction and for text that may be no UTF-8.
std::string dump_by_library(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

template <typename Integer>
void append_integer(std::string& out, Integer value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_text(std::string& out, const std::string& text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (ascii) {
    append_json_string(out, text);
  } else {
    out += dump_by_library(Json(text));
  }
}

void append_json(std::string& out, const Json& value) {
  char before = '{';
  switch (value.type()) {
    case Json::value_t::object:
      for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
        out += std::exchange(before, ',');
        append_text(out, name);
        out += ':';
        append_json(out, member);
      }
      out += value.empty() ? "{}" : "}";
      return;
    case Json::value_t::array:
      before = '[';
      for (const Json& item : value) {
        out += std::exchange(before, ',');
        append_json(out, item);
      }
      out += value.empty() ? "[]" : "]";
      return;
    case Json::value_t::string:
      return append_text(out, value.get_ref<const std::string&>());
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return;
    case Json::value_t::null:
      out += "null";
      return;
    case Json::value_t::number_integer:
      return append_integer(out, value.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      return append_integer(out, value.get<std::uint64_t>());
    default:
      out += dump_by_library(value);
  }
}

/// What stands for `c` inside a JSON string; empty: itself.
std::string_view escape_of(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return {};
  }
}

}  // namespace

std::string dump_json(const Json& value) {
  std::string out;
  append_json(out, value);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  const auto is_special = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; };
  out += '"';
  while (!text.empty()) {
    const auto plain = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_special) - text.begin());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (const std::string_view escape = escape_of(text.front()); !escape.empty()) {
      out += escape;
    } else {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(text.front())));
    }
    text.remove_prefix(1);
  }
  out += '"';
}

}  // namespace saga
