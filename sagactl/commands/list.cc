// list: sagas by filter, page after page up to a limit.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/filter.h"
#include "sagactl/commands/watch.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kMostPerPage = 500;  // The server's limit.

struct Options {
  Filter filter;
  std::string cursor;
  std::size_t limit = 50;
  WatchOptions watch;
};

struct Listed {
  Json sagas = Json::array();
  std::string cursor;  ///< Where there are more.
};

/// Page after page up to the limit.
Answered<Listed> read_list(Context& context, const Options& options, const Query& filter) {
  Listed listed;
  listed.cursor = options.cursor;
  do {
    Query query = filter;
    query.emplace_back("limit", std::to_string(std::min(options.limit - listed.sagas.size(), kMostPerPage)));
    if (!listed.cursor.empty()) query.emplace_back("cursor", listed.cursor);
    const auto reply = context.client.get("/v1/sagas", query);
    if (!reply) return tl::unexpected<Failure>(reply.error());
    const Json& page = list(reply->body, "sagas");
    for (const Json& saga : page) listed.sagas.push_back(saga);
    listed.cursor = page.empty() ? "" : text(reply->body, "next_cursor");
  } while (!listed.cursor.empty() && listed.sagas.size() < options.limit);
  return listed;
}

/// What needs attention in all, also beyond what is shown, and how to see the rest.
void sum_up(Context& context, const Options& options, const Query& filter, std::size_t shown, bool more) {
  if (!context.world.err_is_terminal || context.format != Format::kTable) return;
  if (options.filter.needs_attention && shown > 0) {
    if (const auto stats = context.client.get("/v1/stats", filter)) {
      const std::string groups = render_attention(member(stats->body, "attention"));
      if (!groups.empty()) context.note(groups.substr(0, groups.size() - 1));
    }
  }
  if (shown == 0) context.note(options.filter.needs_attention ? "nothing needs attention" : "no such saga");
  if (more) context.note(fmt::format("the newest {} shown; there are more: --limit {}", shown, options.limit * 4));
}

/// `sagas` as the format shows them, a line each.
std::string lines_of(const Context& context, const Options& options, const Json& sagas) {
  if (sagas.empty() && !context.page.terminal) return "";
  if (context.format == Format::kTable) {
    return render_sagas(sagas, options.filter.needs_attention, context.world.clock.now(), context.page);
  }
  std::string lines;
  for (const Json& saga : sagas) {
    lines += (context.format == Format::kIds ? text(saga, "id") : dump_json(saga)) + "\n";
  }
  return lines;
}

ExitCode watch_sagas(Context& context, const Options& options, const Query& filter) {
  if (context.format == Format::kJson || context.format == Format::kYaml) {
    return context.usage("--watch shows a table, jsonl or ids");
  }
  context.page.terminal = context.page.terminal && context.format == Format::kTable;
  std::map<std::string, std::string> shown;  // When each was changed last, by id.
  bool first = true;
  return watch(context, options.watch, [&]() -> Answered<std::string> {
    auto listed = read_list(context, options, filter);
    if (!listed) return tl::unexpected<Failure>(listed.error());
    if (context.page.terminal) return lines_of(context, options, listed->sagas);
    Json changed = Json::array();
    std::map<std::string, std::string> now;
    for (auto saga = listed->sagas.rbegin(); saga != listed->sagas.rend(); ++saga) {  // The newest comes last.
      const std::string id = text(*saga, "id");
      const std::string at = text(*saga, "updated_at") + text(*saga, "status");
      const auto before = shown.find(id);
      if (before == shown.end() || before->second != at) changed.push_back(*saga);
      now[id] = at;
    }
    shown = std::move(now);
    std::string lines = lines_of(context, options, changed);
    const bool titled = context.format == Format::kTable && !changed.empty();
    if (titled && !first) lines.erase(0, lines.find('\n') + 1);
    first = first && !titled;
    return lines;
  });
}

ExitCode list_sagas(Context& context, const Options& options) {
  const auto filter = query_of(options.filter, context.world.clock.now());
  if (!filter) return context.usage(filter.error().message);

  if (options.watch.on) return watch_sagas(context, options, *filter);
  const auto listed = read_list(context, options, *filter);
  if (!listed) return context.report(listed.error());
  const auto& [sagas, cursor] = *listed;

  const Json whole{{"sagas", sagas}, {"next_cursor", cursor.empty() ? Json(nullptr) : Json(cursor)}};
  const bool nothing_to_see = sagas.empty() && context.page.terminal;
  context.print_all(whole, sagas, "id",
                    nothing_to_see
                        ? ""
                        : render_sagas(sagas, options.filter.needs_attention, context.world.clock.now(), context.page));
  sum_up(context, options, *filter, sagas.size(), !cursor.empty());
  return ExitCode::kDone;
}

}  // namespace

void add_list(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "list", "List sagas, newest first");
  auto options = std::make_shared<Options>();
  add_filter(*command, options->filter);
  command->add_option("--step", options->filter.step, "stuck at this step");
  command->add_option("--cursor", options->cursor, "go on after a page: next_cursor of -o json");
  command->add_option("--limit", options->limit, "at most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_watch(*command, options->watch);
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return list_sagas(context, *options); };
  });
}

}  // namespace saga::ctl
