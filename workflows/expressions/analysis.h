// Checks the names in an expression against what is visible, and turns it into either a plain path or a Lua function.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workflows/expression.h"
#include "workflows/expressions/lexer.h"
#include "workflows/expressions/path.h"

namespace saga::workflows::expressions {

/// An expression as a Lua chunk that returns a function of its roots. One token stands on each line, so that a line
/// number from Lua says which token it means.
struct LuaFunction {
  std::string chunk;
  std::vector<Root> parameters;             ///< `v0`, `v1`, … in the chunk.
  std::vector<std::size_t> offset_of_line;  ///< Into the expression; index 0 is the chunk's line 2.

  /// The offset in the expression that `line` of the chunk stands for; past the last line, the end of the expression.
  [[nodiscard]] std::size_t offset(int line, std::size_t end) const;
  [[nodiscard]] bool is_past_end(int line) const;
};

struct Analysed {
  std::optional<Path> path;  ///< The whole expression is one plain path.
  LuaFunction function;      ///< Empty then.
};

/// Refuses names that are not there, statements, functions and more than one value.
[[nodiscard]] Compiled<Analysed> analyse(const std::vector<Token>& tokens, const Visibility& visible);

/// The names that an expression may take from `string` and `math`, in alphabetical order.
[[nodiscard]] const std::vector<std::string_view>& string_functions();
[[nodiscard]] const std::vector<std::string_view>& math_members();

}  // namespace saga::workflows::expressions
