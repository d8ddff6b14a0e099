#include "workflows/expression.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/check.h"
#include "workflows/expressions/analysis.h"
#include "workflows/expressions/lexer.h"
#include "workflows/expressions/path.h"
#include "workflows/expressions/sandbox.h"

namespace saga::workflows {
namespace {

using expressions::LuaFunction;
using expressions::Path;
using expressions::Reading;
using expressions::Root;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

/// Lua knows what an expression reads as `v0`, `v1`, …; people know it as they wrote it.
std::string in_our_words(std::string message, const std::vector<Root>& parameters) {
  for (std::size_t i = parameters.size(); i-- > 0;) {
    replace_all(message, fmt::format("local 'v{}'", i), parameters[i].text);
    replace_all(message, fmt::format("'v{}'", i), fmt::format("'{}'", parameters[i].text));
  }
  return message;
}

ExpressionError syntax_error(const Sandbox::Problem& problem, const LuaFunction& function, std::size_t end) {
  const std::size_t offset = function.offset(problem.line, end);
  if (problem.message.find("C stack overflow") != std::string::npos ||
      problem.message.find("too many") != std::string::npos) {
    return {"the expression is nested too deeply or too long", offset};
  }
  if (function.is_past_end(problem.line)) return {"the expression ends where a value is expected", end};
  std::string message = in_our_words(problem.message, function.parameters);
  constexpr std::string_view kNotOver = "')' expected (to close '(' at line 1) near ";
  if (message.starts_with(kNotOver)) {
    return {fmt::format("unexpected {} after a complete expression", message.substr(kNotOver.size())), offset};
  }
  // "… (to close '{' at line 7)": lines are not what the author wrote.
  if (const auto close = message.find(" (to close "); close != std::string::npos) {
    message.erase(close, message.find(')', close + 12) - close + 1);
  }
  return {std::move(message), offset};
}

}  // namespace

struct Expression::Program {
  std::string source;
  std::optional<Path> path;  ///< Else `function`.
  std::vector<Root> parameters;
  Sandbox::FunctionId function = 0;
  std::shared_ptr<Sandbox> sandbox;

  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    if (sandbox) sandbox->release(function);
  }
};

Compiled<Expression> Expression::compile(std::string_view source, const Visibility& visible,
                                         const std::shared_ptr<Sandbox>& sandbox) {
  SAGA_CHECK(sandbox != nullptr, "a sandbox to compile with");
  auto scanned = expressions::scan(source, 0, expressions::Ending::kText);
  if (!scanned) return tl::unexpected<ExpressionError>(std::move(scanned.error()));
  auto analysed = expressions::analyse(scanned->tokens, visible);
  if (!analysed) return tl::unexpected<ExpressionError>(std::move(analysed.error()));

  auto program = std::make_shared<Program>();
  program->source = trimmed(source);
  program->path = std::move(analysed->path);
  if (!program->path) {
    auto function = sandbox->load(analysed->function.chunk);
    if (!function) {
      const std::size_t end = scanned->tokens.back().offset + scanned->tokens.back().text.size();
      return tl::unexpected<ExpressionError>(syntax_error(function.error(), analysed->function, end));
    }
    program->parameters = std::move(analysed->function.parameters);
    program->function = *function;
    program->sandbox = sandbox;
  }
  Expression expression;
  expression.program_ = std::move(program);
  return expression;
}

Result<Json> Expression::evaluate(const Scope& scope) const {
  SAGA_CHECK(program_ != nullptr, "an expression to be compiled before it is evaluated");
  const Program& program = *program_;
  if (program.path) {
    auto value = expressions::resolve(*program.path, scope);
    if (value) return std::move(*value);
    return fail(ErrorCode::kInvalid, fmt::format("{}: {}", expressions::shown(program.source), value.error()));
  }
  std::vector<Reading> arguments;
  arguments.reserve(program.parameters.size());
  for (const Root& root : program.parameters) arguments.push_back(expressions::read_root(root, scope));
  auto value = program.sandbox->call(program.function, arguments);
  if (value) return std::move(*value);
  return fail(ErrorCode::kInvalid, fmt::format("{}: {}", expressions::shown(program.source),
                                               in_our_words(std::move(value.error().message), program.parameters)));
}

const std::string& Expression::source() const {
  SAGA_CHECK(program_ != nullptr, "an expression to be compiled before it is read");
  return program_->source;
}

bool Expression::is_plain_path() const { return program_ != nullptr && program_->path.has_value(); }

}  // namespace saga::workflows
