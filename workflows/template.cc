// Texts and JSON values with expressions in them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "workflows/expression.h"
#include "workflows/expressions/lexer.h"
#include "workflows/expressions/values.h"

namespace saga::workflows {
namespace {

constexpr std::size_t kMaxBytes = expressions::kMaxValueBytes;

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

/// A value inside a text.
std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (const auto* text = value.get_ptr<const std::string*>()) return *text;
  return dump_json(value);
}

/// A value "." or ".." that is a whole segment would lead elsewhere, and percent-encoding does not change that.
bool has_dot_segment(std::string_view path) {
  path = path.substr(0, path.find_first_of("?#"));
  while (true) {
    const auto slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

tl::unexpected<Error> too_large() {
  return fail(ErrorCode::kInvalid, "the values of the expressions together are larger than 4 MB");
}

}  // namespace

Compiled<Template> Template::compile(std::string_view text, const Visibility& visible,
                                     const std::shared_ptr<Sandbox>& sandbox) {
  Template result;
  result.source_ = text;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) result.pieces_.emplace_back(std::exchange(literal, {}));
  };
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("$${")) {
      literal += "${";
      at += 3;
      continue;
    }
    if (!text.substr(at).starts_with("${")) {
      literal += text[at++];
      continue;
    }
    const std::size_t begin = at + 2;
    auto scanned = expressions::scan(text, begin, expressions::Ending::kBrace);
    if (!scanned) {
      // What is never closed is the `${` itself.
      if (scanned.error().offset == begin) scanned.error().offset = at;
      return tl::unexpected<ExpressionError>(std::move(scanned.error()));
    }
    auto expression = Expression::compile(text.substr(begin, scanned->end - begin), visible, sandbox);
    if (!expression) {
      expression.error().offset += begin;
      return tl::unexpected<ExpressionError>(std::move(expression.error()));
    }
    end_literal();
    result.pieces_.emplace_back(std::move(*expression));
    at = scanned->end + 1;
  }
  end_literal();
  return result;
}

bool Template::is_constant() const {
  return std::none_of(pieces_.begin(), pieces_.end(),
                      [](const Piece& p) { return std::holds_alternative<Expression>(p); });
}

Result<Json> Template::evaluate(const Scope& scope) const {
  if (pieces_.size() == 1 && std::holds_alternative<Expression>(pieces_[0])) {
    return std::get<Expression>(pieces_[0]).evaluate(scope);
  }
  std::string text;
  for (const Piece& piece : pieces_) {
    if (const auto* literal = std::get_if<std::string>(&piece)) {
      text += *literal;
      continue;
    }
    auto value = std::get<Expression>(piece).evaluate(scope);
    if (!value) return value;
    text += text_of(*value);
    if (text.size() > kMaxBytes) return too_large();
  }
  return Json(std::move(text));
}

Result<std::string> Template::evaluate_text(const Scope& scope, Use use) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    if (const auto* literal = std::get_if<std::string>(&piece)) {
      text += *literal;
      continue;
    }
    const auto& expression = std::get<Expression>(piece);
    auto value = expression.evaluate(scope);
    if (!value) return tl::unexpected<Error>(std::move(value.error()));
    if (use == Use::kPath && (value->is_null() || value->is_structured())) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}: a path takes a string, a number or a boolean, but this is {}",
                              expressions::shown(expression.source()), value->is_null() ? "nil" : value->type_name()));
    }
    text += use == Use::kPath ? percent_encoded(text_of(*value)) : text_of(*value);
    if (text.size() > kMaxBytes) return too_large();
  }
  if (use == Use::kPath && !is_constant() && has_dot_segment(text)) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' gives the path '{}', in which '.' or '..' would lead elsewhere",
                                                 expressions::shortened(source_), expressions::shortened(text)));
  }
  if (use == Use::kHeader && std::any_of(text.begin(), text.end(), is_control)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' gives a header value with a line end or another control character",
                            expressions::shortened(source_)));
  }
  return text;
}

/// A value without any expression below it is one constant, copied whole.
struct ValueTemplate::Node {
  using Elements = std::vector<std::shared_ptr<const Node>>;
  using Members = std::vector<std::pair<std::string, std::shared_ptr<const Node>>>;
  std::variant<Json, Template, Elements, Members> content;

  static tl::expected<std::shared_ptr<const Node>, CompileError> compile(const Json& value, const Visibility& visible,
                                                                         const std::shared_ptr<Sandbox>& sandbox,
                                                                         std::size_t room);
  Result<Json> evaluate(const Scope& scope, std::size_t depth, std::size_t& spent) const;
};

namespace {

std::string pointer_token(std::string_view key) {
  std::string token = "/";
  for (const char c : key) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

}  // namespace

tl::expected<std::shared_ptr<const ValueTemplate::Node>, ValueTemplate::CompileError> ValueTemplate::Node::compile(
    const Json& value, const Visibility& visible, const std::shared_ptr<Sandbox>& sandbox, std::size_t room) {
  if (value.is_structured() && room == 0) {
    return tl::unexpected<CompileError>({"", {fmt::format("nested deeper than {} levels", kMaxJsonDepth), 0}});
  }
  const auto constant = [](const Node& node) { return std::holds_alternative<Json>(node.content); };
  if (const auto* text = value.get_ptr<const std::string*>()) {
    auto compiled = Template::compile(*text, visible, sandbox);
    if (!compiled) return tl::unexpected<CompileError>({"", std::move(compiled.error())});
    if (!compiled->is_constant()) return std::make_shared<const Node>(Node{std::move(*compiled)});
    struct Nothing final : Scope {
      [[nodiscard]] const Json* input() const override { return nullptr; }
      [[nodiscard]] StepFacts step(std::size_t) const override { return {}; }
      [[nodiscard]] Json saga(std::string_view) const override { return {}; }
    };
    return std::make_shared<const Node>(Node{*compiled->evaluate(Nothing{})});
  }
  if (const auto* array = value.get_ptr<const Json::array_t*>()) {
    Elements elements;
    Json whole = Json::array();
    bool all_constant = true;
    for (std::size_t i = 0; i < array->size(); ++i) {
      auto element = compile((*array)[i], visible, sandbox, room - 1);
      if (!element) {
        element.error().pointer.insert(0, fmt::format("/{}", i));
        return element;
      }
      all_constant = all_constant && constant(**element);
      if (all_constant) whole.push_back(std::get<Json>((*element)->content));
      elements.push_back(std::move(*element));
    }
    if (all_constant) return std::make_shared<const Node>(Node{std::move(whole)});
    return std::make_shared<const Node>(Node{std::move(elements)});
  }
  if (const auto* object = value.get_ptr<const Json::object_t*>()) {
    Members members;
    Json whole = Json::object();
    bool all_constant = true;
    for (const auto& [key, content] : *object) {
      auto member = compile(content, visible, sandbox, room - 1);
      if (!member) {
        member.error().pointer.insert(0, pointer_token(key));
        return member;
      }
      all_constant = all_constant && constant(**member);
      if (all_constant) whole.emplace(key, std::get<Json>((*member)->content));
      members.emplace_back(key, std::move(*member));
    }
    if (all_constant) return std::make_shared<const Node>(Node{std::move(whole)});
    return std::make_shared<const Node>(Node{std::move(members)});
  }
  return std::make_shared<const Node>(Node{value});
}

Result<Json> ValueTemplate::Node::evaluate(const Scope& scope, std::size_t depth, std::size_t& spent) const {
  if (const auto* constant = std::get_if<Json>(&content)) return *constant;
  if (const auto* text = std::get_if<Template>(&content)) {
    auto value = text->evaluate(scope);
    if (!value) return value;
    if (depth + expressions::depth_of(*value, kMaxJsonDepth) > kMaxJsonDepth) {
      return fail(ErrorCode::kInvalid, fmt::format("'{}' makes a value nested deeper than {} levels",
                                                   expressions::shortened(text->source()), kMaxJsonDepth));
    }
    spent += expressions::approximate_size(*value, kMaxBytes);
    if (spent > kMaxBytes) return too_large();
    return value;
  }
  if (const auto* elements = std::get_if<Elements>(&content)) {
    Json array = Json::array();
    for (const auto& element : *elements) {
      auto value = element->evaluate(scope, depth + 1, spent);
      if (!value) return value;
      array.push_back(std::move(*value));
    }
    return array;
  }
  Json object = Json::object();
  auto& members = *object.get_ptr<Json::object_t*>();
  for (const auto& [key, node] : std::get<Members>(content)) {  // In the order of the keys: each goes to the end.
    auto value = node->evaluate(scope, depth + 1, spent);
    if (!value) return value;
    members.emplace_hint(members.end(), key, std::move(*value));
  }
  return object;
}

tl::expected<ValueTemplate, ValueTemplate::CompileError> ValueTemplate::compile(
    const Json& value, const Visibility& visible, const std::shared_ptr<Sandbox>& sandbox) {
  auto root = Node::compile(value, visible, sandbox, kMaxJsonDepth);
  if (!root) return tl::unexpected<CompileError>(std::move(root.error()));
  ValueTemplate result;
  result.root_ = std::move(*root);
  return result;
}

Result<Json> ValueTemplate::evaluate(const Scope& scope) const {
  std::size_t spent = 0;
  return root_ ? root_->evaluate(scope, 0, spent) : Json(nullptr);
}

}  // namespace saga::workflows
