// The steps that call nobody: waits, signals, child sagas, and the mapping of a parallel group.
#pragma once

#include <string_view>

#include "workflows/definition/expression_reader.h"
#include "workflows/document/node.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// What every kind of step may say, besides what makes it that kind. A call where there is nothing of another kind.
[[nodiscard]] StepKind kind_of(const Node& node);

/// Says of each key that has no place in a step of this kind why it has none. Not for calls.
void check_kind_keys(const Node& node, StepKind kind, Problems& problems);
/// The same of the mapping that has `parallel`.
void check_group_keys(const Node& node, Problems& problems);

/// Reads what makes `step` a wait, a signal or a child saga.
void read_kind(const Node& node, Step& step, const Visibility& visible, ExpressionReader& expressions,
               Problems& problems);

}  // namespace saga::workflows
