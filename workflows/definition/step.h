// One step of a definition, a parallel group excepted.
#pragma once

#include <string>

#include "workflows/definition/expression_reader.h"
#include "workflows/definition/policies.h"
#include "workflows/document/node.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// The step's name as its expressions' neighbours know it; empty where there is none.
[[nodiscard]] std::string step_name(const Node& node);

/// Reads a step whose expressions see `visible`. What does not fit is left at its default and added to `problems`.
[[nodiscard]] Step read_step(const Node& node, const Visibility& visible, const Policies& defaults,
                             ExpressionReader& expressions, Problems& problems);

}  // namespace saga::workflows
