#include "sagactl/commands/filter.h"

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"

namespace saga::ctl {

bool Filter::is_empty() const {
  return status.empty() && workflow.empty() && !needs_attention && step.empty() && code.empty() && tags.empty() &&
         since.empty() && until.empty();
}

void add_filter(CLI::App& command, Filter& filter) {
  command.add_option("--status", filter.status, "one or several, by commas: running,failed,…");
  command.add_option("--workflow", filter.workflow, "NAME or NAME/VERSION");
  command.add_flag("--needs-attention", filter.needs_attention, "only what waits for an operator");
  command.add_option("--code", filter.code, "stuck with this code");
  command.add_option("--tag", filter.tags, "KEY=VALUE; may be repeated")->allow_extra_args(false);
  command.add_option("--since", filter.since, "created since: a duration back, or a time");
  command.add_option("--until", filter.until, "created until: a duration back, or a time");
}

Result<Query> query_of(const Filter& filter, Timestamp now) {
  Query query;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) query.emplace_back(key, value);
  };
  add("status", filter.status);
  add("workflow", filter.workflow);
  if (filter.needs_attention) query.emplace_back("needs_attention", "true");
  add("step", filter.step);
  add("code", filter.code);
  for (const std::string& tag : filter.tags) add("tag", tag);
  for (const auto& [key, given] :
       {std::pair<std::string, std::string>("since", filter.since), {"until", filter.until}}) {
    if (given.empty()) continue;
    auto at = read_moment("--" + key, given, now);
    if (!at) return tl::unexpected<Error>(at.error());
    query.emplace_back(key, std::move(*at));
  }
  return query;
}

}  // namespace saga::ctl
