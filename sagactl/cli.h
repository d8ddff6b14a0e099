// The command line: from arguments to one command, run once.
#pragma once

#include <string>
#include <vector>

#include "sagactl/context.h"

namespace saga::ctl {

/// `arguments` without the program's name. Never throws; what to exit with.
[[nodiscard]] int run(const std::vector<std::string>& arguments, Surroundings& world);

}  // namespace saga::ctl
