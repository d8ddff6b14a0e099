// Expressions `${ … }` of a definition: compiled once with the file, evaluated when a call is about to be made.
// An expression sees only its `Scope`; it can neither change it nor reach the process, the clock or a file, and it is
// stopped after 1,000,000 instructions or 4 MB. A plain path such as `input.items[0].sku` never enters Lua.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace saga::workflows {

/// What an expression may name, known when it is compiled.
struct Visibility {
  /// Steps that have ended whenever this expression runs; the index is what `Scope::step` is asked for.
  struct Step {
    std::string name;
    std::size_t index = 0;
  };
  std::span<const Step> steps;
  /// Every step of the workflow, so that an error can tell "no such step" from "has not ended by then".
  std::span<const Step> all_steps;
  /// Indices of steps that run at the same time, in other branches, so that an error can tell those as well.
  struct Range {
    std::size_t first = 0;
    std::size_t end = 0;
  };
  std::span<const Range> beside;
  std::span<const std::string> groups;  ///< The names of all parallel groups, which have no output of their own.
  bool own_call = false;                ///< `output` and `action_input`: compensations only.
  bool body = false;                    ///< `body`: `error_code` only.
};

struct StepFacts {
  std::string_view status;       ///< "completed", "failed", "skipped", …
  const Json* output = nullptr;  ///< Null: nil.
};

/// What an expression reads when it runs. Nothing is owned; all of it outlives the evaluation. Null reads as nil.
class Scope {
 public:
  virtual ~Scope() = default;
  [[nodiscard]] virtual const Json* input() const = 0;
  [[nodiscard]] virtual StepFacts step(std::size_t index) const = 0;
  /// `name`: "id", "workflow" (strings), "version" (integer), "started_at" (RFC 3339 string).
  [[nodiscard]] virtual Json saga(std::string_view name) const = 0;
  [[nodiscard]] virtual const Json* output() const { return nullptr; }
  [[nodiscard]] virtual const Json* action_input() const { return nullptr; }
  [[nodiscard]] virtual const Json* body() const { return nullptr; }
};

/// A compile error within one string; `offset` is in bytes from its start.
struct ExpressionError {
  std::string message;
  std::size_t offset = 0;
};

template <typename T>
using Compiled = tl::expected<T, ExpressionError>;

/// The Lua state the expressions of one workflow share. Built on first need. Its use is serialised by a mutex.
class Sandbox;
[[nodiscard]] std::shared_ptr<Sandbox> make_sandbox();

/// One compiled expression, without its `${ }`. Immutable, cheap to copy, usable from any thread.
class Expression {
 public:
  [[nodiscard]] static Compiled<Expression> compile(std::string_view source, const Visibility& visible,
                                                    const std::shared_ptr<Sandbox>& sandbox);

  /// The value, nil as JSON null. `kInvalid`: it failed, went past its limits, or gave what JSON cannot hold (a
  /// function, NaN, an infinity); the message quotes the expression and says what went wrong.
  [[nodiscard]] Result<Json> evaluate(const Scope& scope) const;

  [[nodiscard]] const std::string& source() const;
  [[nodiscard]] bool is_plain_path() const;  ///< True when it never enters Lua.

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

/// A string with any number of expressions in it.
class Template {
 public:
  /// True for a text without any expression. `$${` stands for `${` and is no expression.
  [[nodiscard]] static Compiled<Template> compile(std::string_view text, const Visibility& visible,
                                                  const std::shared_ptr<Sandbox>& sandbox);
  Template() = default;

  /// The value: of its own type when the whole text is one expression, else a string in which null is empty, strings
  /// stand as they are, and other values stand as JSON.
  [[nodiscard]] Result<Json> evaluate(const Scope& scope) const;

  /// As a string. In a path each value is percent-encoded (all but unreserved characters). A value that is null, an
  /// object or an array is refused in a path (`kInvalid`).
  enum class Use { kPath, kHeader };
  [[nodiscard]] Result<std::string> evaluate_text(const Scope& scope, Use use) const;

  [[nodiscard]] bool is_constant() const;  ///< No expression in it.
  [[nodiscard]] const std::string& source() const { return source_; }

 private:
  using Piece = std::variant<std::string, Expression>;
  std::string source_;
  std::vector<Piece> pieces_;
};

/// A JSON value any of whose strings may hold expressions: `input:`, `output:`.
class ValueTemplate {
 public:
  /// An error names the place inside the value by JSON Pointer, so that the caller can find the file position.
  struct CompileError {
    std::string pointer;
    ExpressionError error;
  };
  [[nodiscard]] static tl::expected<ValueTemplate, CompileError> compile(const Json& value, const Visibility& visible,
                                                                         const std::shared_ptr<Sandbox>& sandbox);
  ValueTemplate() = default;

  [[nodiscard]] Result<Json> evaluate(const Scope& scope) const;

 private:
  struct Node;
  std::shared_ptr<const Node> root_;
};

}  // namespace saga::workflows
