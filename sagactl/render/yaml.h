// JSON as YAML (`-o yaml`). Whatever reads YAML 1.1 or 1.2 reads the same value back: a string that could be taken for
// anything else is quoted.
#pragma once

#include <string>

#include "base/json.h"

namespace saga::ctl {

/// A block document, ending in a newline.
[[nodiscard]] std::string to_yaml(const Json& value);

}  // namespace saga::ctl
