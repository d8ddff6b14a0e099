// --watch: the same look again and again. On a terminal it is drawn over the one before, elsewhere only what is new is
// written, a line for each.
#pragma once

#include <functional>
#include <string>

#include "sagactl/context.h"

namespace CLI {
class App;
}

namespace saga::ctl {

struct WatchOptions {
  bool on = false;
  std::string interval = "2s";
};

/// Adds `--watch` and `--interval`.
void add_watch(CLI::App& command, WatchOptions& options);

/// Until Ctrl-C, which is its good end: exit 0. `look` gives what is to be shown, "" for nothing. When the first look
/// fails that is the end; later ones are told and tried again.
[[nodiscard]] ExitCode watch(Context& context, const WatchOptions& options,
                             const std::function<Answered<std::string>()>& look);

}  // namespace saga::ctl
