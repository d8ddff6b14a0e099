// Compiles the expressions of one document, each against what it may see where it stands, and shows a mistake in one
// where it is in the file.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"
#include "workflows/expression.h"

namespace saga::workflows {

class ExpressionReader {
 public:
  /// `problems` outlives the reader.
  explicit ExpressionReader(Problems& problems);

  /// Empty where the text does not compile.
  [[nodiscard]] std::optional<Template> read_template(const Node& node, std::string_view key,
                                                      const Visibility& visible);
  [[nodiscard]] std::optional<ValueTemplate> read_value(const Node& node, const Visibility& visible);
  /// One expression, or plain true or false.
  [[nodiscard]] std::optional<Expression> read_condition(const Node& node, std::string_view key,
                                                         const Visibility& visible);

 private:
  void report(const Node& node, const ExpressionError& error, std::size_t offset_before = 0);
  void report_strings(const Node& node, const Visibility& visible);

  std::shared_ptr<Sandbox> sandbox_;
  Problems& problems_;
};

/// The first byte of `text` outside its expressions that `allowed` refuses. `text` compiles as a template.
[[nodiscard]] std::optional<std::size_t> first_refused_literal(std::string_view text, bool (*allowed)(char));

}  // namespace saga::workflows
