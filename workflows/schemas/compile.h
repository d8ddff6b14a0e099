// From a JSON Schema to rules. Nothing recurses: a schema of any depth, or a chain of `$ref` of any length, is read
// with a list of what is still to be read.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "workflows/schemas/rules.h"

namespace saga::workflows::schemas {

/// How many schemas may hold for one value at once, by way of `$ref`, `allOf` and the like: the depth of the stack when
/// a value is checked. A `$ref` that leads back to itself without going into the value would have no end.
inline constexpr std::size_t kMaxChain = 32;

/// `kInvalid`: the place in the schema, what was expected there, and what came.
[[nodiscard]] Result<Tree> compile_schema(const Json& schema);

}  // namespace saga::workflows::schemas
