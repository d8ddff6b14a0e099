// A text with expressions, and JSON for them to read (after a line "---"). Whatever they are, they end; what comes out
// is JSON that reads back equal, the same each time, and nothing they read is changed. A plain path, which never enters
// Lua, gives what Lua gives for it.
#include <optional>

#include "tests/fuzz/fuzzing.h"
#include "workflows/expression.h"

namespace saga::fuzz {
namespace {

using workflows::Expression;
using workflows::Scope;
using workflows::Template;
using workflows::ValueTemplate;
using workflows::Visibility;

/// Reads one value wherever it looks.
class EverywhereScope final : public Scope {
 public:
  explicit EverywhereScope(Json value) : value_(std::move(value)) {}

  [[nodiscard]] const Json* input() const override { return &value_; }
  [[nodiscard]] workflows::StepFacts step(std::size_t index) const override {
    return index == 0 ? workflows::StepFacts{"completed", &value_} : workflows::StepFacts{"skipped", nullptr};
  }
  [[nodiscard]] Json saga(std::string_view name) const override {
    if (name == "version") return 3;
    return name == "started_at" ? "2026-11-23T04:54:47.123Z" : "order-42";
  }
  [[nodiscard]] const Json* output() const override { return &value_; }
  [[nodiscard]] const Json* action_input() const override { return &value_; }
  [[nodiscard]] const Json* body() const override { return &value_; }

 private:
  Json value_;
};

void check_error(const workflows::ExpressionError& error, std::string_view text) {
  expect_message(error.message);
  expect(error.message.find('\n') == std::string::npos, "an error is one line", error.message);
  expect(error.offset <= text.size(), "an error stands in the text", error.message);
}

bool same(const Result<Json>& a, const Result<Json>& b) {
  return a && b ? *a == *b : !a && !b && a.error() == b.error();
}

void check_value(const Result<Json>& value) {
  if (!value) {
    expect(value.error().code == ErrorCode::kInvalid, "an evaluation that fails is kInvalid", value.error().message);
    expect_message(value.error().message);
    expect(value.error().message.size() < 4'000, "a message is bounded");
    return;
  }
  const std::string text = dump_json(*value);
  const auto back = parse_json(text);
  expect(back && *back == *value, "a value reads back equal", text);
}

/// The same by another way: in parentheses it goes through Lua.
void check_against_lua(const Expression& plain, const Result<Json>& value, const Visibility& visible,
                       const Scope& scope) {
  const auto through_lua = Expression::compile("(" + plain.source() + ")", visible, workflows::make_sandbox());
  if (!through_lua || through_lua->is_plain_path()) return;  // Longer than an expression may be.
  const auto other = through_lua->evaluate(scope);
  expect(value.has_value() == other.has_value() && (!value || *value == *other), "Lua reads a path as it is read here",
         plain.source());
}

void check_expression(std::string_view text, const Visibility& visible, const Scope& scope) {
  const auto expression = Expression::compile(text, visible, workflows::make_sandbox());
  if (!expression) return check_error(expression.error(), text);
  const auto value = expression->evaluate(scope);
  check_value(value);
  expect(same(value, expression->evaluate(scope)), "an expression gives the same each time", text);
  if (expression->is_plain_path()) check_against_lua(*expression, value, visible, scope);
}

void check_texts(const Template& made, const Scope& scope) {
  const auto path = made.evaluate_text(scope, Template::Use::kPath);
  if (!path) {
    expect_message(path.error().message);
  } else if (!made.is_constant()) {
    const std::string_view walked = std::string_view(*path).substr(0, path->find_first_of("?#"));
    expect(walked.find("/../") == std::string::npos && !walked.ends_with("/.."), "a path leads nowhere else", *path);
  }
  const auto header = made.evaluate_text(scope, Template::Use::kHeader);
  if (!header) {
    expect_message(header.error().message);
  } else if (!made.is_constant()) {
    expect(header->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a header is one line", *header);
  }
}

void check(Input input) {
  const std::string_view text = input.up_to("\n---\n");
  if (!workers::is_utf8(text)) return;  // Who reads a definition has refused it.
  auto read = parse_json(input.rest());
  const Json value = read ? std::move(*read) : Json(nullptr);
  const EverywhereScope scope(value);
  const std::vector<Visibility::Step> steps{{"reserve", 0}, {"charge", 1}, {"ship", 2}};
  const std::vector<std::string> groups{"both"};
  const std::vector<Visibility::Range> beside{{2, 3}};
  Visibility visible;
  visible.all_steps = steps;
  visible.steps = std::span(steps).first(2);
  visible.beside = beside;
  visible.groups = groups;
  visible.own_call = visible.body = true;

  check_expression(text, visible, scope);
  const auto made = Template::compile(text, visible, workflows::make_sandbox());
  if (made) {
    const auto first = made->evaluate(scope);
    check_value(first);
    expect(same(first, made->evaluate(scope)), "a template gives the same each time", text);
    check_texts(*made, scope);
  } else {
    check_error(made.error(), text);
  }
  const Json tree{{"a", text}, {"b", {text, 1, {{"c", text}}}}};
  const auto whole = ValueTemplate::compile(tree, visible, workflows::make_sandbox());
  expect(whole.has_value() == made.has_value(), "a text compiles wherever it stands", text);
  if (whole) check_value(whole->evaluate(scope));
  expect(*scope.input() == value, "what is read is not changed");
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({data, size});
  return 0;
}
