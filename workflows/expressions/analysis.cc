#include "workflows/expressions/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "workflows/definition/suggest.h"

namespace saga::workflows::expressions {
namespace {

constexpr std::size_t kMaxRoots = 150;  // They are parameters of a Lua function, which has at most 200 locals.

/// "; did you mean 'x'?" when one of `names` is near, else "; " and what there is.
std::string suggestion(std::string_view written, const std::vector<std::string_view>& names,
                       std::string_view there_are) {
  if (const auto near = nearest(written, names); !near.empty()) return fmt::format("; did you mean '{}'?", near);
  if (names.empty()) return "";
  return fmt::format("; {} {}", there_are, list_of(names));
}

int count_lines(std::string_view text) {
  int lines = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n' && text[i] != '\r') continue;
    ++lines;
    const bool pair = i + 1 < text.size() && text[i + 1] != text[i] && (text[i + 1] == '\n' || text[i + 1] == '\r');
    if (pair) ++i;
  }
  return lines;
}

class Analysis {
 public:
  Analysis(const std::vector<Token>& tokens, const Visibility& visible) : tokens_(tokens), visible_(visible) {}

  Compiled<Analysed> run() {
    while (at_ < tokens_.size()) {
      if (auto problem = step()) return tl::unexpected<ExpressionError>(std::move(*problem));
      if (path_ && at_ == tokens_.size()) return Analysed{std::move(path_), {}};
    }
    std::string parameters;
    for (std::size_t i = 0; i < function_.parameters.size(); ++i)
      parameters += fmt::format("{}v{}", i == 0 ? "" : ",", i);
    function_.chunk = fmt::format("return function({}) return({}\n) end", parameters, body_);
    return Analysed{std::nullopt, std::move(function_)};
  }

 private:
  using Problem = std::optional<ExpressionError>;
  static Problem problem(const Token& token, std::string message) {
    return ExpressionError{std::move(message), token.offset};
  }

  [[nodiscard]] bool is(std::size_t index, std::string_view symbol) const {
    return index < tokens_.size() && tokens_[index].kind == TokenKind::kSymbol && tokens_[index].text == symbol;
  }
  [[nodiscard]] bool is_word(std::size_t index) const {
    return index < tokens_.size() &&
           (tokens_[index].kind == TokenKind::kName || tokens_[index].kind == TokenKind::kKeyword);
  }

  /// Puts `text` on a line of its own.
  void emit(std::string_view text, std::size_t offset) {
    body_ += '\n';
    body_ += text;
    for (int i = count_lines(text); i >= 0; --i) function_.offset_of_line.push_back(offset);
  }
  void emit_token() {
    emit(tokens_[at_].text, tokens_[at_].offset);
    ++at_;
  }

  Problem step() {
    const Token& token = tokens_[at_];
    switch (token.kind) {
      case TokenKind::kName:
        return name();
      case TokenKind::kKeyword:
        return keyword();
      case TokenKind::kSymbol:
        return symbol();
      case TokenKind::kNumber:
      case TokenKind::kString:
        emit_token();
        return std::nullopt;
    }
    return std::nullopt;
  }

  Problem keyword() {
    const Token& token = tokens_[at_];
    static constexpr std::string_view kAllowed[] = {"and", "or", "not", "nil", "true", "false"};
    if (std::find(std::begin(kAllowed), std::end(kAllowed), token.text) != std::end(kAllowed)) {
      emit_token();
      return std::nullopt;
    }
    if (token.text == "function") return problem(token, "an expression cannot hold a function");
    if (token.text == "if" || token.text == "then" || token.text == "else") {
      return problem(token, fmt::format("unexpected '{}': choose with 'CONDITION and VALUE or OTHER'", token.text));
    }
    return problem(token, fmt::format("unexpected '{}': an expression is one value, without statements", token.text));
  }

  Problem symbol() {
    const Token& token = tokens_[at_];
    if (token.text == "." && at_ + 1 < tokens_.size() && tokens_[at_ + 1].kind == TokenKind::kKeyword) {
      // Lua would want input["end"]; a name in JSON is not to blame for being one of Lua's words.
      emit(fmt::format("[\"{}\"]", tokens_[at_ + 1].text), token.offset);
      at_ += 2;
      return std::nullopt;
    }
    const char c = token.text.size() == 1 ? token.text[0] : '\0';
    if (c == '(' || c == '{' || c == '[') open_.push_back(c);
    if (c == ')' || c == '}' || c == ']') open_.pop_back();
    if (c == ',' && open_.empty()) return problem(token, "an expression is one value, but a ',' follows it");
    if (c == '=' && (open_.empty() || open_.back() != '{'))
      return problem(token, "unexpected '=': to compare, write '=='");
    emit_token();
    return std::nullopt;
  }

  /// A key of a table constructor: `{ name = …`.
  [[nodiscard]] bool is_table_key() const {
    return !open_.empty() && open_.back() == '{' && is(at_ + 1, "=") && (is(at_ - 1, "{") || is(at_ - 1, ","));
  }

  Problem name() {
    const Token& token = tokens_[at_];
    if (is(at_ - 1, ".") || is_table_key()) {
      emit_token();
      return std::nullopt;
    }
    if (is(at_ - 1, ":")) {
      const auto& methods = string_functions();
      if (std::find(methods.begin(), methods.end(), token.text) == methods.end()) {
        return problem(
            token, fmt::format("there is no method '{}'{}", token.text, suggestion(token.text, methods, "there are")));
      }
      emit_token();
      return std::nullopt;
    }
    if (token.text == "tostring" || token.text == "tonumber") {
      emit_token();
      return std::nullopt;
    }
    if (token.text == "string") return library(string_functions());
    if (token.text == "math") return library(math_members());
    return root();
  }

  Problem library(const std::vector<std::string_view>& members) {
    const Token& library = tokens_[at_];
    if (!is(at_ + 1, ".") || !is_word(at_ + 2)) {
      return problem(library, fmt::format("'{}' is followed by one of its functions, such as {}.{}", library.text,
                                          library.text, members.front()));
    }
    const Token& member = tokens_[at_ + 2];
    if (std::find(members.begin(), members.end(), member.text) == members.end()) {
      return problem(member, fmt::format("'{}' has no '{}'{}", library.text, member.text,
                                         suggestion(member.text, members, "there are")));
    }
    for (int i = 0; i < 3; ++i) emit_token();
    return std::nullopt;
  }

  /// `input` and the like, with the keys that follow when they make the whole expression a plain path.
  Problem root() {
    const std::size_t first = at_;
    Root root;
    if (auto problem = read_root_name(root)) return problem;
    const std::size_t after_root = at_;
    if (first == 0) {
      Path path{root, keys()};
      if (at_ == tokens_.size()) {
        path_ = std::move(path);
        return std::nullopt;
      }
      at_ = after_root;
    }
    auto& parameters = function_.parameters;
    auto known = std::find_if(parameters.begin(), parameters.end(), [&](const Root& r) { return r.same_as(root); });
    if (known == parameters.end()) {
      if (parameters.size() == kMaxRoots) {
        return problem(tokens_[first], fmt::format("an expression reads at most {} different steps", kMaxRoots));
      }
      known = parameters.insert(parameters.end(), std::move(root));
    }
    emit(fmt::format("v{}", known - parameters.begin()), tokens_[first].offset);
    return std::nullopt;
  }

  Problem read_root_name(Root& root) {
    const Token& token = tokens_[at_];
    root.text = token.text;
    if (token.text == "steps") return read_step(root);
    if (token.text == "saga") return read_saga(root);
    if (token.text == "input") {
      root.kind = Root::Kind::kInput;
    } else if (token.text == "output" || token.text == "action_input") {
      if (!visible_.own_call) return problem(token, fmt::format("'{}' is there in a compensation only", token.text));
      root.kind = token.text == "output" ? Root::Kind::kOutput : Root::Kind::kActionInput;
    } else if (token.text == "body") {
      if (!visible_.body) return problem(token, "'body' is there in error_code only");
      root.kind = Root::Kind::kBody;
    } else {
      return unknown_name(token);
    }
    ++at_;
    return std::nullopt;
  }

  Problem unknown_name(const Token& token) const {
    if (token.text == "null") return problem(token, "there is no 'null'; JSON's null is 'nil' here");
    std::vector<std::string_view> names = {"input", "steps", "saga"};
    if (visible_.own_call) names.insert(names.end(), {"output", "action_input"});
    if (visible_.body) names.emplace_back("body");
    names.insert(names.end(), {"string", "math", "tostring", "tonumber"});
    const auto is_step = std::any_of(visible_.all_steps.begin(), visible_.all_steps.end(),
                                     [&](const Visibility::Step& step) { return step.name == token.text; });
    if (is_step) return problem(token, fmt::format("there is no '{0}'; did you mean 'steps.{0}.output'?", token.text));
    return problem(token, fmt::format("there is no '{}'{}", token.text, suggestion(token.text, names, "there are")));
  }

  /// The constant key that stands at `at_`, as `.name`, `["name"]` or `[0]`; moves past it.
  std::optional<PathKey> key() {
    if (is(at_, ".") && is_word(at_ + 1)) {
      at_ += 2;
      return PathKey(std::string(tokens_[at_ - 1].text));
    }
    if (!is(at_, "[") || !is(at_ + 2, "]")) return std::nullopt;
    const Token& inner = tokens_[at_ + 1];
    if (inner.kind == TokenKind::kString) {
      const bool literal = inner.text[0] != '[' && inner.text.find('\\') == std::string_view::npos;
      if (!literal) return std::nullopt;
      at_ += 3;
      return PathKey(std::string(inner.text.substr(1, inner.text.size() - 2)));
    }
    if (inner.kind != TokenKind::kNumber) return std::nullopt;
    std::int64_t index = 0;
    const char* end = inner.text.data() + inner.text.size();
    const auto [stopped, error] = std::from_chars(inner.text.data(), end, index);
    if (error != std::errc() || stopped != end) return std::nullopt;  // Hexadecimal, a fraction: Lua's to read.
    at_ += 3;
    return PathKey(index);
  }

  std::vector<PathKey> keys() {
    std::vector<PathKey> keys;
    while (auto next = key()) keys.push_back(std::move(*next));
    return keys;
  }

  Problem read_step(Root& root) {
    const Token& steps = tokens_[at_];
    ++at_;
    const std::size_t name_at = at_ + 1;
    const auto step_key = key();
    const auto* name = step_key ? std::get_if<std::string>(&*step_key) : nullptr;
    if (name == nullptr) return problem(steps, "'steps' is followed by the name of a step: steps.NAME.output");
    const auto named = [name](const Visibility::Step& step) { return step.name == *name; };
    const auto found = std::find_if(visible_.steps.begin(), visible_.steps.end(), named);
    if (found == visible_.steps.end()) return unknown_step(tokens_[name_at], *name);
    const std::size_t field_at = at_ + 1;
    const auto field_key = key();
    const auto* field = field_key ? std::get_if<std::string>(&*field_key) : nullptr;
    if (field == nullptr) {
      return problem(
          steps,
          fmt::format("'steps.{0}' is followed by what is read of it: steps.{0}.output or steps.{0}.status", *name));
    }
    if (*field != "output" && *field != "status") {
      return problem(tokens_[field_at],
                     fmt::format("a step has 'output' and 'status', but no '{0}'; did you mean 'steps.{1}.output.{0}'?",
                                 *field, *name));
    }
    root.kind = *field == "output" ? Root::Kind::kStepOutput : Root::Kind::kStepStatus;
    root.step = found->index;
    root.text = fmt::format("steps.{}.{}", *name, *field);
    return std::nullopt;
  }

  Problem unknown_step(const Token& token, const std::string& name) const {
    std::vector<std::string_view> names;
    for (const Visibility::Step& step : visible_.all_steps) {
      if (step.name != name) continue;
      const auto holds = [&step](const Visibility::Range& range) {
        return range.first <= step.index && step.index < range.end;
      };
      if (std::any_of(visible_.beside.begin(), visible_.beside.end(), holds)) {
        return problem(token,
                       fmt::format("step '{}' runs at the same time, in another branch: it can be read after the "
                                   "group",
                                   name));
      }
      return problem(token, fmt::format("step '{}' has not ended by the time this is read", name));
    }
    if (std::find(visible_.groups.begin(), visible_.groups.end(), name) != visible_.groups.end()) {
      return problem(token, fmt::format("'{}' is a parallel group, which has no output of its own: read that of its "
                                        "steps",
                                        name));
    }
    for (const Visibility::Step& step : visible_.steps) names.emplace_back(step.name);
    return problem(token, fmt::format("there is no step '{}'{}", name,
                                      suggestion(name, names, "steps that have ended by then are")));
  }

  Problem read_saga(Root& root) {
    static const std::vector<std::string_view> kFields = {"id", "workflow", "version", "started_at"};
    const Token& saga = tokens_[at_];
    ++at_;
    const std::size_t field_at = at_ + 1;
    const auto field_key = key();
    const auto* field = field_key ? std::get_if<std::string>(&*field_key) : nullptr;
    if (field == nullptr)
      return problem(saga, fmt::format("'saga' is followed by one of {}", fmt::join(kFields, ", ")));
    if (std::find(kFields.begin(), kFields.end(), *field) == kFields.end()) {
      return problem(tokens_[field_at],
                     fmt::format("'saga' has no '{}'{}", *field, suggestion(*field, kFields, "there are")));
    }
    root.kind = Root::Kind::kSaga;
    root.field = *field;
    root.text = "saga." + *field;
    return std::nullopt;
  }

  const std::vector<Token>& tokens_;
  const Visibility& visible_;
  std::size_t at_ = 0;
  std::vector<char> open_;
  std::string body_;
  LuaFunction function_;
  std::optional<Path> path_;
};

}  // namespace

std::size_t LuaFunction::offset(int line, std::size_t end) const {
  if (line < 2) return 0;
  return is_past_end(line) ? end : offset_of_line[static_cast<std::size_t>(line) - 2];
}

bool LuaFunction::is_past_end(int line) const {
  return line >= 2 && static_cast<std::size_t>(line) - 2 >= offset_of_line.size();
}

Compiled<Analysed> analyse(const std::vector<Token>& tokens, const Visibility& visible) {
  return Analysis(tokens, visible).run();
}

const std::vector<std::string_view>& string_functions() {
  static const std::vector<std::string_view> kNames = {"format", "len", "lower", "sub", "upper"};
  return kNames;
}

const std::vector<std::string_view>& math_members() {
  static const std::vector<std::string_view> kNames = {"abs", "acos",       "asin", "atan", "ceil", "cos", "deg",
                                                       "exp", "floor",      "fmod", "huge", "log",  "max", "maxinteger",
                                                       "min", "mininteger", "modf", "pi",   "rad",  "sin", "sqrt",
                                                       "tan", "tointeger",  "type", "ult"};
  return kNames;
}

}  // namespace saga::workflows::expressions
