// audit: who called for what, and what came of it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "sagactl/commands/commands.h"
#include "sagactl/render/audit.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kMostPerPage = 500;  // The server's limit.

struct Options {
  std::string actor;
  std::string verb;
  std::string saga;
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
  add("actor", options.actor);
  add("verb", options.verb);
  add("saga", options.saga);
  for (const auto& [key, given] :
       {std::pair<std::string, std::string>("since", options.since), {"until", options.until}}) {
    if (given.empty()) continue;
    auto at = read_moment("--" + key, given, now);
    if (!at) return tl::unexpected<Error>(at.error());
    query.emplace_back(key, std::move(*at));
  }
  return query;
}

ExitCode show_audit(Context& context, const Options& options) {
  const Timestamp now = context.world.clock.now();
  const auto filter = filter_of(options, now);
  if (!filter) return context.usage(filter.error().message);
  Json entries = Json::array();
  std::string cursor = options.cursor;
  do {
    Query query = *filter;
    query.emplace_back("limit", std::to_string(std::min(options.limit - entries.size(), kMostPerPage)));
    if (!cursor.empty()) query.emplace_back("cursor", cursor);
    const auto reply = context.client.get("/v1/audit", query);
    if (!reply) return context.report(reply.error());
    const Json& page = list(reply->body, "audit");
    for (const Json& entry : page) entries.push_back(entry);
    cursor = page.empty() ? "" : text(reply->body, "next_cursor");
  } while (!cursor.empty() && entries.size() < options.limit);

  const Json whole{{"audit", entries}, {"next_cursor", cursor.empty() ? Json(nullptr) : Json(cursor)}};
  const bool nothing_to_see = entries.empty() && context.page.terminal;
  context.print_all(whole, entries, "saga", nothing_to_see ? "" : render_audit(entries, now, context.page));
  if (context.format != Format::kTable) return ExitCode::kDone;
  if (entries.empty()) context.hint("nobody did such a thing");
  if (!cursor.empty())
    context.hint(fmt::format("the newest {} shown; there are more: --limit {}", entries.size(), options.limit * 4));
  return ExitCode::kDone;
}

}  // namespace

void add_audit(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "audit", "Who called for what, and what came of it, newest first");
  auto options = std::make_shared<Options>();
  command->add_option("--actor", options->actor, "a token's name, or whom the caller said to be");
  command->add_option("--verb", options->verb, "cancel, suspend, resume, retry, skip, terminate, register or purge");
  command->add_option("--saga", options->saga, "a saga's id, also of one that is purged");
  command->add_option("--since", options->since, "since: a duration back, or a time");
  command->add_option("--until", options->until, "until: a duration back, or a time");
  command->add_option("--cursor", options->cursor, "go on after a page: next_cursor of -o json");
  command->add_option("--limit", options->limit, "at most so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return show_audit(context, *options); };
  });
}

}  // namespace saga::ctl
