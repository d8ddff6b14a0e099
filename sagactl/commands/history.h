// Reading a saga's events.
#pragma once

#include <string>

#include "sagactl/context.h"

namespace saga::ctl {

/// The saga's events so far, in order; with `after` only those that follow the one of that number.
[[nodiscard]] Answered<Json> fetch_events(Context& context, const std::string& id, const std::string& after = "");

}  // namespace saga::ctl
