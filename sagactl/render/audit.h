// The audit as people see it.
#pragma once

#include <string>

#include "base/json.h"
#include "base/time.h"
#include "sagactl/render/text.h"

namespace saga::ctl {

/// `entries` as GET /v1/audit has them.
[[nodiscard]] std::string render_audit(const Json& entries, Timestamp now, const Page& page);

}  // namespace saga::ctl
