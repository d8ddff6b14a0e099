// purge: removes ended sagas for ever, after saying how many and asking.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "sagactl/commands/commands.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct Options {
  std::string older_than = "30d";
  std::string workflow;
  std::string status;
  std::string reason;
  bool dry_run = false;
  bool yes = false;
};

/// The answer to one purge, from its first call to its last: the server gives a piece at a time.
struct Outcome {
  std::int64_t sagas = 0;
  std::string before;
};

Json order_of(const Options& options) {
  Json order{{"before", options.older_than}};
  if (!options.workflow.empty()) order["workflow"] = options.workflow;
  if (!options.reason.empty()) order["reason"] = options.reason;
  for (std::string_view rest = options.status; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    order["status"].push_back(name);
  }
  return order;
}

Answered<Outcome> send(Context& context, Json order) {
  Outcome outcome;
  const bool shows = context.world.err_is_terminal && !order.value("dry_run", false);
  for (;;) {
    const auto reply = context.client.post("/v1/purge", order);
    if (!reply) return tl::unexpected(reply.error());
    outcome.sagas += integer(reply->body, "sagas").value_or(0);
    outcome.before = text(reply->body, "before");
    const std::string next = text(reply->body, "next_cursor");
    if (next.empty()) return outcome;
    order["before"] = outcome.before;  // The whole purge is about one moment.
    order["cursor"] = next;
    if (shows) context.note(fmt::format("{} purged so far", outcome.sagas));
  }
}

std::string sagas(std::int64_t count) { return fmt::format("{} saga{}", count, count == 1 ? "" : "s"); }

bool agrees(Context& context, const std::string& question) {
  context.world.err << question << " [y/N] " << std::flush;
  std::string line;
  std::getline(context.world.in, line);
  return line == "y" || line == "Y" || line == "yes";
}

ExitCode purge(Context& context, const Options& options) {
  if (const auto age = parse_duration(options.older_than); !age)
    return context.usage("--older-than: " + age.error().message);
  Json order = order_of(options);
  Json question = order;
  question["dry_run"] = true;
  const auto counted = send(context, question);
  if (!counted) return context.report(counted.error());
  const std::string what = fmt::format("{} that ended before {}", sagas(counted->sagas), counted->before);
  if (options.dry_run || counted->sagas == 0) {
    context.print(Json{{"sagas", counted->sagas}, {"before", counted->before}, {"dry_run", true}},
                  counted->sagas == 0 ? fmt::format("nothing to purge: no saga ended before {}\n", counted->before)
                                      : fmt::format("{} would be purged\n", what));
    return ExitCode::kDone;
  }
  if (!options.yes) {
    if (!context.world.in_is_terminal || !context.world.err_is_terminal)
      return context.usage("purge removes for ever: say --yes where nobody can be asked, or --dry-run to count");
    if (!agrees(context, fmt::format("Remove {} for ever?", what))) {
      context.note("sagactl: nothing was purged");
      return ExitCode::kEndedOtherwise;
    }
  }
  order["before"] = counted->before;  // What was counted, not what has become old enough since.
  const auto purged = send(context, order);
  if (!purged) {
    const ExitCode code = context.report(purged.error());
    context.note("  some may be purged already; the same command goes on");
    return code;
  }
  context.print(Json{{"sagas", purged->sagas}, {"before", purged->before}, {"dry_run", false}},
                fmt::format("{} purged\n", sagas(purged->sagas)));
  return ExitCode::kDone;
}

}  // namespace

void add_purge(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "purge", "Remove ended sagas that need no attention, for ever");
  auto options = std::make_shared<Options>();
  command->add_option("--older-than", options->older_than, "ended longer ago than this")->capture_default_str();
  command->add_option("--workflow", options->workflow, "NAME or NAME/VERSION");
  command->add_option("--status", options->status, "one or several, by commas: completed, compensated, terminated");
  command->add_option("--reason", options->reason, "why; it is recorded");
  command->add_flag("--dry-run", options->dry_run, "only say how many");
  command->add_flag("--yes", options->yes, "do not ask");
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return purge(context, *options); };
  });
}

}  // namespace saga::ctl
