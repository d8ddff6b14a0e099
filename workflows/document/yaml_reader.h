// YAML 1.2 as a definition may use it: mappings, lists and scalars of the core schema. What makes YAML surprising is
// refused by name: anchors, aliases, merge keys, tags, repeated keys, keys that are not plain texts, tabs as
// indentation.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

/// Reads one YAML document, valid UTF-8 without a byte order mark, whose first line is line `first_line` of its file.
/// Nothing when it could not be read as a tree; with or without one, what is wrong has been added to `problems`.
[[nodiscard]] std::optional<Node> read_yaml(std::string_view text, std::size_t first_line, Problems& problems);

}  // namespace saga::workflows
