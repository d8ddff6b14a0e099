// A saga as the API tells it: its events read, its shown state compared with them (I7), and both as a page to read.
#pragma once

#include <string>
#include <vector>

#include "tests/torture/checker.h"

namespace saga::torture {

/// What `GET` says otherwise than the log does, one sentence each; and where the log contradicts itself: numbers that
/// do not follow each other, time that runs backwards, anything that follows the end.
[[nodiscard]] std::vector<std::string> lies_of_the_view(const workflows::Workflow& workflow, const Json& shown,
                                                        const std::vector<LoggedEvent>& events);

}  // namespace saga::torture
