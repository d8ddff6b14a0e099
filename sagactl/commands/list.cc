// list: sagas by filter, page after page up to a limit.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "sagactl/commands/commands.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kMostPerPage = 500;  // The server's limit.

struct Options {
  std::string status;
  std::string workflow;
  bool needs_attention = false;
  std::string step;
  std::string code;
  std::vector<std::string> tags;
  std::string since;
  std::string until;
  std::string cursor;
  std::size_t limit = 50;
};

Result<Query> filter_of(const Options& options, Timestamp now) {
  Query query;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) query.emplace_back(key, value);
  };
  add("status", options.status);
  add("workflow", options.workflow);
  if (options.needs_attention) query.emplace_back("needs_attention", "true");
  add("step", options.step);
  add("code", options.code);
  for (const std::string& tag : options.tags) add("tag", tag);
  for (const auto& [key, given] :
       {std::pair<std::string, std::string>("since", options.since), {"until", options.until}}) {
    if (given.empty()) continue;
    auto at = read_moment("--" + key, given, now);
    if (!at) return tl::unexpected<Error>(at.error());
    query.emplace_back(key, std::move(*at));
  }
  return query;
}

/// What needs attention in all, also beyond what is shown, and how to see the rest.
void sum_up(Context& context, const Options& options, const Query& filter, std::size_t shown, bool more) {
  if (!context.world.err_is_terminal || context.format != Format::kTable) return;
  if (options.needs_attention && shown > 0) {
    if (const auto stats = context.client.get("/v1/stats", filter)) {
      const std::string groups = render_attention(member(stats->body, "attention"));
      if (!groups.empty()) context.note(groups.substr(0, groups.size() - 1));
    }
  }
  if (shown == 0) context.note(options.needs_attention ? "nothing needs attention" : "no such saga");
  if (more) context.note(fmt::format("the newest {} shown; there are more: --limit {}", shown, options.limit * 4));
}

ExitCode list_sagas(Context& context, const Options& options) {
  const auto filter = filter_of(options, context.world.clock.now());
  if (!filter) return context.usage(filter.error().message);

  Json sagas = Json::array();
  std::string cursor = options.cursor;
  do {
    Query query = *filter;
    query.emplace_back("limit", std::to_string(std::min(options.limit - sagas.size(), kMostPerPage)));
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const auto reply = context.client.get("/v1/sagas", query);
    if (!reply) return context.report(reply.error());
    const Json& page = list(reply->body, "sagas");
    for (const Json& saga : page) sagas.push_back(saga);
    cursor = page.empty() ? "" : text(reply->body, "next_cursor");
  } while (!cursor.empty() && sagas.size() < options.limit);

  const Json whole{{"sagas", sagas}, {"next_cursor", cursor.empty() ? Json(nullptr) : Json(cursor)}};
  const bool nothing_to_see = sagas.empty() && context.page.terminal;
  context.print_all(
      whole, sagas, "id",
      nothing_to_see ? "" : render_sagas(sagas, options.needs_attention, context.world.clock.now(), context.page));
  sum_up(context, options, *filter, sagas.size(), !cursor.empty());
  return ExitCode::kDone;
}

}  // namespace

void add_list(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "list", "List sagas, newest first");
  auto options = std::make_shared<Options>();
  command->add_option("--status", options->status, "one or several, by commas: running,failed,…");
  command->add_option("--workflow", options->workflow, "NAME or NAME/VERSION");
  command->add_flag("--needs-attention", options->needs_attention, "only what waits for an operator");
  command->add_option("--step", options->step, "stuck at this step");
  command->add_option("--code", options->code, "stuck with this code");
  command->add_option("--tag", options->tags, "KEY=VALUE; may be repeated")->allow_extra_args(false);
  command->add_option("--since", options->since, "created since: a duration back, or a time");
  command->add_option("--until", options->until, "created until: a duration back, or a time");
  command->add_option("--cursor", options->cursor, "go on after a page: next_cursor of -o json");
  command->add_option("--limit", options->limit, "at most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return list_sagas(context, *options); };
  });
}

}  // namespace saga::ctl
