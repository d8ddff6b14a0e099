// start --inputs: what a file says, line by line.
#pragma once

#include <string>

#include "sagactl/bulk/start_lines.h"
#include "sagactl/context.h"

namespace saga::ctl {

/// `file`: a path, or - for stdin. A file is read through first, so that nothing of one with a mistake is sent.
[[nodiscard]] ExitCode start_many(Context& context, const std::string& file, const StartTerms& terms);

}  // namespace saga::ctl
