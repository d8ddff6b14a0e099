// Waiting for a saga, across timeouts of single requests and restarts of the server.
#pragma once

#include <optional>
#include <string>

#include "sagactl/context.h"

namespace saga::ctl {

struct Waited {
  Json saga;          ///< As it was last seen.
  bool over = false;  ///< It has ended or is suspended; false: the time was up first.
};

/// Asks until the saga has ended or is suspended, or `timeout` has passed. While the server cannot be reached it asks
/// again: until `timeout`, or without one for some minutes, provided it was there before (`reached`).
[[nodiscard]] Answered<Waited> wait_for(Context& context, const std::string& id, std::optional<Millis> timeout,
                                        bool reached);

/// Waits, prints the outcome to stdout, and gives the contract's exit code.
ExitCode wait_and_print(Context& context, const std::string& id, std::optional<Millis> timeout, bool reached);

}  // namespace saga::ctl
