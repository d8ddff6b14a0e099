// The shape of a definition as JSON Schema draft 7, for editors: what keys there are and what stands under them. What
// needs more than the shape to be judged (names that have to differ, expressions) only the loader sees; whatever the
// loader takes, the schema takes.
#pragma once

#include <string_view>

namespace saga::workflows {

/// A JSON document.
[[nodiscard]] std::string_view definition_schema();

}  // namespace saga::workflows
