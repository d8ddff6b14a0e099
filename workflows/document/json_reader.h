// JSON as strictly as everywhere in the engine (base/json.h), with the position of every value and key.
#pragma once

#include <optional>
#include <string_view>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

/// Reads one JSON document. Nothing when it is not JSON; the problem has been added then.
[[nodiscard]] std::optional<Node> read_json_tree(std::string_view text, Problems& problems);

}  // namespace saga::workflows
