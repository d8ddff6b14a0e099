// Which sagas: the filters of `list`, and of the verbs with `--all`.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sagactl/client/client.h"

namespace CLI {
class App;
}

namespace saga::ctl {

struct Filter {
  std::string status;
  std::string workflow;
  bool needs_attention = false;
  std::string step;
  std::string code;
  std::vector<std::string> tags;
  std::string since;
  std::string until;

  /// Nothing is left out.
  [[nodiscard]] bool is_empty() const;
};

/// Adds the options but `--step`, which a verb may have for itself.
void add_filter(CLI::App& command, Filter& filter);

/// As the server's lists take it. `kInvalid` names the option.
[[nodiscard]] Result<Query> query_of(const Filter& filter, Timestamp now);

}  // namespace saga::ctl
