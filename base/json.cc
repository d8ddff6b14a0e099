#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
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

/// What a character is in a JSON string: itself, what has an escape, or part of a longer character.
enum class InString : std::uint8_t { kPlain, kEscaped, kNotAscii };

constexpr std::array<InString, 256> kInString = [] {
  std::array<InString, 256> kinds{};
  for (std::size_t c = 0; c < 0x20; ++c) kinds[c] = InString::kEscaped;
  for (std::size_t c = 0x80; c < kinds.size(); ++c) kinds[c] = InString::kNotAscii;
  kinds['"'] = kinds['\\'] = InString::kEscaped;
  return kinds;
}();

InString kind_of(char c) { return kInString[static_cast<unsigned char>(c)]; }
bool is_plain(char c) { return kind_of(c) == InString::kPlain; }

/// Reads documents of nothing but containers, plain ASCII strings, short integers, true, false and null, which is
/// nearly all that workers and clients send, at a tenth of what nlohmann's parser takes for them. Anything else, and
/// anything wrong, it leaves to that one.
class PlainReader {
 public:
  PlainReader(std::string_view text, std::size_t max_depth)
      : at_(text.data()), end_(text.data() + text.size()), max_depth_(max_depth) {}

  [[nodiscard]] std::optional<Json> read() {
    Json value;
    if (!read_value(value, 0)) return std::nullopt;
    skip_blanks();
    if (at_ != end_) return std::nullopt;
    return value;
  }

 private:
  bool read_value(Json& value, std::size_t depth) {
    skip_blanks();
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
        return depth < max_depth_ && read_object(value, depth + 1);
      case '[':
        return depth < max_depth_ && read_array(value, depth + 1);
      case '"':
        value = std::string();
        return read_text(value.get_ref<std::string&>());
      case 't':
        value = true;
        return take("true");
      case 'f':
        value = false;
        return take("false");
      case 'n':
        return take("null");
      default:
        return read_integer(value);
    }
  }

  bool read_object(Json& value, std::size_t depth) {
    value = Json::object();
    auto& members = value.get_ref<Json::object_t&>();
    ++at_;
    if (next_is('}')) return true;
    std::string name;
    do {
      skip_blanks();
      if (at_ == end_ || *at_ != '"' || !read_text(name) || !next_is(':')) return false;
      const auto [member, inserted] = members.emplace(std::move(name), nullptr);
      if (!inserted || !read_value(member->second, depth)) return false;
    } while (next_is(','));
    return next_is('}');
  }

  bool read_array(Json& value, std::size_t depth) {
    value = Json::array();
    auto& items = value.get_ref<Json::array_t&>();
    ++at_;
    if (next_is(']')) return true;
    do {
      if (!read_value(items.emplace_back(), depth)) return false;
    } while (next_is(','));
    return next_is(']');
  }

  bool read_text(std::string& text) {
    const char* const from = ++at_;
    while (at_ != end_ && is_plain(*at_)) ++at_;
    if (at_ == end_ || *at_ != '"') return false;
    text.assign(from, at_);
    ++at_;
    return true;
  }

  /// Without a fraction or an exponent, and of so few digits that it fits.
  bool read_integer(Json& value) {
    constexpr std::ptrdiff_t kMostDigits = 18;
    const bool negative = *at_ == '-';
    if (negative) ++at_;
    const char* const digits = at_;
    std::int64_t number = 0;
    while (is_digit() && at_ - digits < kMostDigits) number = 10 * number + (*at_++ - '0');
    const auto count = at_ - digits;
    if (count == 0 || is_digit() || (count > 1 && *digits == '0')) return false;
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
    if (negative) {
      value = -number;
    } else {
      value = static_cast<std::uint64_t>(number);
    }
    return true;
  }

  [[nodiscard]] bool is_digit() const { return at_ != end_ && *at_ >= '0' && *at_ <= '9'; }
  bool take(std::string_view word) {
    if (!std::string_view(at_, end_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  bool next_is(char c) {
    skip_blanks();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  const char* at_;
  const char* const end_;
  const std::size_t max_depth_;
};

/// nlohmann's own: slower by far, exact for numbers with a fraction and for text that may be no UTF-8.
std::string dump_by_library(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Of eight characters, where one has an escape (or, `ascii_only`, is part of a longer character): not zero.
template <bool ascii_only>
std::uint64_t find_special(std::uint64_t eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = 0x8080808080808080;
  const auto zeros = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes; };
  const std::uint64_t below_blank = (eight - kOnes * ' ') & ~eight;
  const std::uint64_t special = below_blank | zeros(eight ^ kOnes * '"') | zeros(eight ^ kOnes * '\\');
  return (ascii_only ? special | eight : special) & kTops;
}

/// Appends `text` in quotes if no character of it is special; false: nothing is appended.
template <bool ascii_only>
bool append_plain(TextWriter& out, std::string_view text) {
  constexpr std::size_t kAtOnce = sizeof(std::uint64_t);
  char* const to = out.room(text.size() + 2);
  std::size_t at = 0;
  std::uint64_t special = 0;
  for (std::uint64_t eight = 0; at + kAtOnce <= text.size(); at += kAtOnce) {
    std::memcpy(&eight, &text[at], kAtOnce);
    std::memcpy(&to[at + 1], &eight, kAtOnce);
    special |= find_special<ascii_only>(eight);
  }
  if (special != 0) return false;
  for (; at < text.size(); ++at) {
    const InString kind = kind_of(text[at]);
    if (kind == InString::kEscaped || (ascii_only && kind == InString::kNotAscii)) return false;
    to[at + 1] = text[at];
  }
  to[0] = to[at + 1] = '"';
  out.wrote(at + 2);
  return true;
}

void append_text(TextWriter& out, const std::string& text) {
  if (append_plain<true>(out, text)) return;
  if (std::any_of(text.begin(), text.end(), [](char c) { return kind_of(c) == InString::kNotAscii; })) {
    out += dump_by_library(Json(text));
  } else {
    append_json_string(out, text);
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

tl::expected<Json, JsonParseError> parse_json(std::string_view text, std::size_t max_depth) {
  if (auto plain = PlainReader(text, max_depth).read()) return std::move(*plain);
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

void append_json(TextWriter& out, const Json& value) {
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
      out += Digits(value.get<std::int64_t>());
      return;
    case Json::value_t::number_unsigned:
      out += Digits(value.get<std::uint64_t>());
      return;
    default:
      out += dump_by_library(value);
  }
}

std::string dump_json(const Json& value) {
  constexpr std::size_t kUsualSize = 128;
  TextWriter out(kUsualSize);
  append_json(out, value);
  return out.take();
}

std::string json_string(std::string_view text) {
  TextWriter out(text.size() + 2);
  append_json_string(out, text);
  return out.take();
}

void append_json_string(TextWriter& out, std::string_view text) {
  if (append_plain<false>(out, text)) return;
  const auto is_special = [](char c) { return kind_of(c) == InString::kEscaped; };
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
