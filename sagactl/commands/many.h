// An operator's verb on many sagas: which they are, whether somebody agrees, and how it went.
#pragma once

#include <string>
#include <vector>

#include "sagactl/commands/filter.h"
#include "sagactl/context.h"

namespace saga::ctl {

struct ManyOptions {
  std::vector<std::string> ids;  ///< From the command line; "-" alone: from stdin.
  bool all = false;              ///< What `filter` lists.
  Filter filter;
  bool dry_run = false;
  bool yes = false;
  double rate = 0;

  [[nodiscard]] bool from_stdin() const { return ids.size() == 1 && ids.front() == "-"; }
  [[nodiscard]] bool are_many() const { return all || from_stdin() || ids.size() > 1; }
};

/// `body`: what every call sends.
[[nodiscard]] ExitCode call_on_many(Context& context, const std::string& verb, const Json& body,
                                    const ManyOptions& options);

/// What a saga's id looks like; empty when it is one, else what is wrong.
[[nodiscard]] std::string complaint_about_id(const std::string& given);

}  // namespace saga::ctl
