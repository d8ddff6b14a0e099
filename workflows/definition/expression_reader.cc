#include "workflows/definition/expression_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "workflows/definition/fields.h"
#include "workflows/expressions/lexer.h"

namespace saga::workflows {
namespace {

constexpr std::string_view kOpening = "${";
constexpr std::string_view kEscapedOpening = "$${";

}  // namespace

ExpressionReader::ExpressionReader(Problems& problems) : sandbox_(make_sandbox()), problems_(problems) {}

std::optional<Template> ExpressionReader::read_template(const Node& node, std::string_view key,
                                                        const Visibility& visible) {
  if (!read_text(node, key, problems_)) return std::nullopt;
  auto compiled = Template::compile(node.text(), visible, sandbox_);
  if (compiled) return std::move(*compiled);
  report(node, compiled.error());
  return std::nullopt;
}

std::optional<ValueTemplate> ExpressionReader::read_value(const Node& node, const Visibility& visible) {
  auto compiled = ValueTemplate::compile(node.to_json(), visible, sandbox_);
  if (compiled) return std::move(*compiled);
  // The compiler stops at the first; a person wants all of them.
  const std::size_t before = problems_.count();
  report_strings(node, visible);
  if (problems_.count() == before) report(node, compiled.error().error);
  return std::nullopt;
}

std::optional<Expression> ExpressionReader::read_condition(const Node& node, std::string_view key,
                                                           const Visibility& visible) {
  constexpr std::string_view kExpected = "one expression, such as \"${ input.amount >= 1000 }\"";
  std::string_view source;
  std::size_t lead = 0;
  if (node.kind == Node::Kind::kScalar && node.scalar.is_boolean()) {
    source = node.scalar.get<bool>() ? "true" : "false";
  } else if (node.is_string()) {
    const std::string_view text = node.text();
    // A block scalar ends with a line break.
    const std::size_t size = text.find_last_not_of(" \n") + 1;
    if (!text.starts_with(kOpening)) {
      refuse_value(node, key, kExpected, problems_);
      return std::nullopt;
    }
    const auto scanned = expressions::scan(text, kOpening.size(), expressions::Ending::kBrace);
    if (!scanned) {
      report(node, scanned.error());
      return std::nullopt;
    }
    if (scanned->end + 1 != size) {
      refuse_value(node, key, kExpected, problems_);
      return std::nullopt;
    }
    lead = kOpening.size();
    source = text.substr(lead, scanned->end - lead);
  } else {
    refuse_value(node, key, kExpected, problems_);
    return std::nullopt;
  }
  auto compiled = Expression::compile(source, visible, sandbox_);
  if (compiled) return std::move(*compiled);
  report(node, compiled.error(), lead);
  return std::nullopt;
}

void ExpressionReader::report(const Node& node, const ExpressionError& error, std::size_t offset_before) {
  problems_.add(node.at(error.offset + offset_before), error.message);
}

void ExpressionReader::report_strings(const Node& node, const Visibility& visible) {
  if (node.is_string()) {
    const auto compiled = Template::compile(node.text(), visible, sandbox_);
    if (!compiled) report(node, compiled.error());
  }
  for (const Node& item : node.items) report_strings(item, visible);
  for (const Node::Entry& entry : node.entries) report_strings(entry.value, visible);
}

std::optional<std::size_t> first_refused_literal(std::string_view text, bool (*allowed)(char)) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kEscapedOpening)) {
      i += kEscapedOpening.size() - 1;
      continue;
    }
    if (text.substr(i).starts_with(kOpening)) {
      const auto scanned = expressions::scan(text, i + kOpening.size(), expressions::Ending::kBrace);
      if (!scanned) return std::nullopt;
      i = scanned->end;
      continue;
    }
    if (!allowed(text[i])) return i;
  }
  return std::nullopt;
}

}  // namespace saga::workflows
