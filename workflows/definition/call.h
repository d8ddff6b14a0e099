// A call of a definition, an `action` or a `compensation`, and where it goes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "workflows/definition/expression_reader.h"
#include "workflows/document/node.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// Reads `{ method, path, headers, input, accept }`, or a path, which stands for POST to it. What does not fit is left
/// out of the result and added to `problems`.
[[nodiscard]] Call read_call(const Node& node, std::string_view key, const Visibility& visible,
                             ExpressionReader& expressions, Problems& problems);

/// Reads a step's `url`: "http://host:port", where the dispatcher takes it.
[[nodiscard]] std::optional<std::string> read_url(const Node& node, Problems& problems);

}  // namespace saga::workflows
