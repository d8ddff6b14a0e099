// Timeouts and retries, as the defaults of a file and the options of a step say them. What a step does not say is taken
// key by key from the file's `defaults`, what those do not say from the built-in values.
#pragma once

#include <string_view>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"
#include "workflows/workflow.h"

namespace saga::workflows {

struct Policies {
  Millis timeout = Step{}.timeout;
  RetryPolicy retry = Step{}.retry;
  RetryPolicy compensation_retry = Step{}.compensation_retry;
};

/// The built-in values with what `defaults` says over them.
[[nodiscard]] Policies read_defaults(const Node& defaults, Problems& problems);

/// `base` with what `node` says over it, key by key. `key` is 'retry' or 'compensation_retry'.
[[nodiscard]] RetryPolicy read_retry(const Node& node, std::string_view key, RetryPolicy base, Problems& problems);

}  // namespace saga::workflows
