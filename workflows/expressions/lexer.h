// Cuts an expression into Lua 5.4 tokens, far enough to know where it ends and which names it reads. A `}` inside a
// string or a table constructor does not end an expression. What an expression must not hold at all (comments, `;`,
// unbalanced brackets) is refused here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/expression.h"

namespace saga::workflows::expressions {

enum class TokenKind { kName, kKeyword, kNumber, kString, kSymbol };

/// `text` points into the scanned text; `offset` counts from its start.
struct Token {
  TokenKind kind = TokenKind::kSymbol;
  std::string_view text;
  std::size_t offset = 0;
};

struct Scanned {
  std::vector<Token> tokens;
  std::size_t end = 0;  ///< Where the scan stopped: at the closing brace, or at the end of the text.
};

/// Where an expression ends: at the `}` that closes its `${`, or with the text.
enum class Ending { kBrace, kText };

inline constexpr std::size_t kMaxExpressionBytes = 16 * 1024;  ///< Longer ones are programs, not expressions.
inline constexpr std::size_t kMaxBrackets = 100;  ///< Nested; Lua's own parser gives up at 200 levels of anything.

/// Scans from `begin`. Brackets in the result are balanced.
[[nodiscard]] Compiled<Scanned> scan(std::string_view text, std::size_t begin, Ending ending);

/// For a message: on one line, and no longer than about 80 characters.
[[nodiscard]] std::string shortened(std::string_view text);

/// "${ source }", shortened.
[[nodiscard]] std::string shown(std::string_view source);

}  // namespace saga::workflows::expressions
