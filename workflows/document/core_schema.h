// What a plain YAML scalar means by the core schema of YAML 1.2: `no`, `on` and `12:30` are texts, `017` is 17.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace saga::workflows {

/// The value of an unquoted scalar. `kInvalid`: a number that JSON or 64 bits cannot hold.
[[nodiscard]] Result<Json> resolve_plain_scalar(std::string_view text);

}  // namespace saga::workflows
