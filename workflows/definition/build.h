// Builds a workflow from a document: everything a definition must be is checked here or below, and nowhere later.
#pragma once

#include "workflows/document/documents.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

/// Null when anything is wrong with the document; `problems` says what.
[[nodiscard]] WorkflowRef build_workflow(const Document& document, Problems& problems);

}  // namespace saga::workflows
