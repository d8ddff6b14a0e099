#include "workflows/expressions/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace saga::workflows::expressions {
namespace {

// The locale must not decide what a letter is.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

constexpr std::array<std::string_view, 22> kKeywords = {
    "and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};

/// What people coming from other languages write, and what Lua says instead.
struct Hint {
  std::string_view written;
  std::string_view instead;
};
constexpr std::array<Hint, 8> kHints = {{{"!=", "'~=' is how Lua writes it"},
                                         {"&&", "'and' is how Lua writes it"},
                                         {"||", "'or' is how Lua writes it"},
                                         {"!", "'not' is how Lua writes it"},
                                         {"?", "choose with 'CONDITION and VALUE or OTHER'"},
                                         {";", "an expression is one value, without ';'"},
                                         {"::", "an expression has no labels"},
                                         {"...", "an expression has no '...'"}}};

constexpr std::array<std::string_view, 9> kLongSymbols = {"//", "..", "==", "~=", "<=", ">=", "<<", ">>", "::"};
constexpr std::string_view kSymbols = "+-*/%^#&~|<>=(){}[],.:";

class Scan {
 public:
  Scan(std::string_view text, std::size_t begin, Ending ending)
      : text_(text), begin_(begin), at_(begin), ending_(ending) {}

  Compiled<Scanned> run() {
    while (true) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) break;
      if (ending_ == Ending::kBrace && text_[at_] == '}' && open_.empty()) break;
      if (auto problem = next()) return tl::unexpected<ExpressionError>(std::move(*problem));
    }
    if (ending_ == Ending::kBrace && at_ == text_.size() && open_.empty()) {
      return refuse(begin_, "'${' has no '}' that ends it; a literal '${' is written '$${'");
    }
    if (!open_.empty()) return refuse(open_.back(), fmt::format("'{}' is never closed", text_[open_.back()]));
    if (at_ - begin_ > kMaxExpressionBytes) {
      return refuse(begin_, fmt::format("the expression is longer than {} KiB", kMaxExpressionBytes / 1024));
    }
    if (tokens_.empty()) return refuse(begin_, "the expression is empty");
    return Scanned{std::move(tokens_), at_};
  }

 private:
  using Problem = std::optional<ExpressionError>;

  static tl::unexpected<ExpressionError> refuse(std::size_t offset, std::string message) {
    return tl::unexpected<ExpressionError>({std::move(message), offset});
  }
  static Problem problem(std::size_t offset, std::string message) {
    return ExpressionError{std::move(message), offset};
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  void push(TokenKind kind, std::size_t from) { tokens_.push_back({kind, text_.substr(from, at_ - from), from}); }

  Problem next() {
    const char c = peek();
    if (is_letter(c)) return name();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return quoted();
    if (c == '[' && (peek(1) == '[' || peek(1) == '=')) return long_string();
    return symbol();
  }

  Problem name() {
    const std::size_t from = at_;
    while (is_letter(peek()) || is_digit(peek())) ++at_;
    const std::string_view word = text_.substr(from, at_ - from);
    const bool keyword = std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
    push(keyword ? TokenKind::kKeyword : TokenKind::kName, from);
    return std::nullopt;
  }

  /// As Lua reads numerals: everything that could belong to one is taken, and then it must be one.
  Problem number() {
    const std::size_t from = at_;
    const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
    if (hex) at_ += 2;
    while (true) {
      const char c = peek();
      const bool exponent = hex ? (c == 'p' || c == 'P') : (c == 'e' || c == 'E');
      if (exponent) {
        ++at_;
        if (peek() == '+' || peek() == '-') ++at_;
      } else if (is_hex(c) || c == '.') {
        ++at_;
      } else {
        break;
      }
    }
    while (is_letter(peek()) || is_digit(peek())) ++at_;  // "12abc": for Lua to refuse as a whole.
    push(TokenKind::kNumber, from);
    return check_integer(tokens_.back());
  }

  /// Lua silently turns a decimal integer over 64 bits into a float; here numbers stay exact or are refused.
  static Problem check_integer(const Token& token) {
    std::uint64_t value = 0;
    for (const char c : token.text) {
      if (!is_digit(c)) return std::nullopt;
      const auto digit = static_cast<std::uint64_t>(c - '0');
      constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (value > (kMost - digit) / 10) {
        return problem(token.offset, fmt::format("{} does not fit into a 64-bit integer", token.text));
      }
      value = value * 10 + digit;
    }
    return std::nullopt;
  }

  Problem quoted() {
    const std::size_t from = at_;
    const char quote = peek();
    ++at_;
    while (at_ < text_.size() && peek() != quote) {
      if (peek() == '\\') {
        if (peek(1) == 'z') {  // Skips the white space that follows, line ends too.
          at_ += 2;
          while (at_ < text_.size() && is_space(peek())) ++at_;
          continue;
        }
        ++at_;
        if (at_ == text_.size()) break;
      } else if (peek() == '\n' || peek() == '\r') {
        return problem(from, "a string does not end on its line");
      }
      ++at_;
    }
    if (at_ >= text_.size()) return problem(from, "a string is never closed");
    ++at_;
    push(TokenKind::kString, from);
    return std::nullopt;
  }

  Problem long_string() {
    const std::size_t from = at_;
    ++at_;
    std::size_t level = 0;
    while (peek() == '=') {
      ++level;
      ++at_;
    }
    if (peek() != '[') return problem(from, "'[=' begins a long string, which begins with '[=['");
    const std::string close = "]" + std::string(level, '=') + "]";
    const auto end = text_.find(close, at_ + 1);
    if (end == std::string_view::npos)
      return problem(from, fmt::format("a long string is never closed by '{}'", close));
    at_ = end + close.size();
    push(TokenKind::kString, from);
    return std::nullopt;
  }

  Problem symbol() {
    const std::size_t from = at_;
    if (starts("--"))
      return problem(from, "'--' begins a comment, which an expression cannot hold; for two minus signs write '- -'");
    for (const Hint& hint : kHints) {
      if (starts(hint.written)) return problem(from, fmt::format("unexpected '{}': {}", hint.written, hint.instead));
    }
    const bool is_long = std::any_of(kLongSymbols.begin(), kLongSymbols.end(), [this](auto s) { return starts(s); });
    if (!is_long && kSymbols.find(peek()) == std::string_view::npos) return problem(from, unexpected_character());
    at_ += is_long ? 2 : 1;
    push(TokenKind::kSymbol, from);
    return is_long ? std::nullopt : bracket(from);
  }

  [[nodiscard]] std::string unexpected_character() const {
    const auto byte = static_cast<unsigned char>(peek());
    if (byte > ' ' && byte < 0x7f) return fmt::format("unexpected '{}'", peek());
    return fmt::format("unexpected character (byte 0x{:02x}); text belongs in quotes", byte);
  }

  Problem bracket(std::size_t from) {
    const char c = text_[from];
    if (c == '(' || c == '{' || c == '[') {
      if (open_.size() == kMaxBrackets)
        return problem(from, fmt::format("brackets are nested over {} deep", kMaxBrackets));
      open_.push_back(from);
      return std::nullopt;
    }
    if (c != ')' && c != '}' && c != ']') return std::nullopt;
    if (open_.empty()) return problem(from, fmt::format("'{}' closes nothing", c));
    const char opener = text_[open_.back()];
    const char closer = opener == '(' ? ')' : opener == '{' ? '}' : ']';
    if (c != closer) return problem(from, fmt::format("'{}' is closed by '{}', expected '{}'", opener, c, closer));
    open_.pop_back();
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t begin_;
  std::size_t at_;
  Ending ending_;
  std::vector<Token> tokens_;
  std::vector<std::size_t> open_;  ///< Offsets of the brackets that are still open.
};

}  // namespace

Compiled<Scanned> scan(std::string_view text, std::size_t begin, Ending ending) {
  return Scan(text, begin, ending).run();
}

std::string shortened(std::string_view whole) {
  constexpr std::size_t kLongest = 80;
  std::string text(whole);
  if (text.size() > kLongest) {
    std::size_t cut = kLongest - 3;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;  // Not inside a character.
    text.resize(cut);
    text += "...";
  }
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

std::string shown(std::string_view source) { return fmt::format("${{ {} }}", shortened(source)); }

}  // namespace saga::workflows::expressions
