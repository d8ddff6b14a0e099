// service list, stats, health: about the server rather than a saga.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/watch.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

ExitCode list_services(Context& context) {
  const auto reply = context.client.get("/v1/services");
  if (!reply) return context.report(reply.error());
  const Json& services = list(reply->body, "services");
  context.print_all(reply->body, services, "name",
                    render_services(reply->body, context.world.clock.now(), context.page));
  return ExitCode::kDone;
}

/// "2026-11-23T03:21:20.000Z  order-saga running 3, failed 2  needs attention 2": one look as a line.
std::string line_of(const Json& stats, Timestamp now) {
  std::string line;
  std::string workflow;
  std::int64_t attention = 0;
  for (const Json& row : list(stats, "counts")) {
    const bool same = text(row, "workflow") == workflow && !line.empty();
    workflow = text(row, "workflow");
    line += (same ? ", " : "\t" + workflow + " ") + text(row, "status") + " " + text(row, "count");
    attention += integer(row, "needing_attention").value_or(0);
  }
  return printable(format_time(now)) + line + fmt::format("\tneeds attention {}\n", attention);
}

ExitCode watch_stats(Context& context, const WatchOptions& options) {
  if (context.format != Format::kTable && context.format != Format::kJsonl) {
    return context.usage("--watch shows a table or jsonl");
  }
  context.page.terminal = context.page.terminal && context.format == Format::kTable;
  return watch(context, options, [&context]() -> Answered<std::string> {
    const auto reply = context.client.get("/v1/stats");
    if (!reply) return tl::unexpected<Failure>(reply.error());
    if (context.format == Format::kJsonl) return dump_json(reply->body) + "\n";
    return context.page.terminal ? render_stats(reply->body, context.page)
                                 : line_of(reply->body, context.world.clock.now());
  });
}

ExitCode stats(Context& context, const WatchOptions& options) {
  if (options.on) return watch_stats(context, options);
  const auto reply = context.client.get("/v1/stats");
  if (!reply) return context.report(reply.error());
  context.print(reply->body, render_stats(reply->body, context.page));
  return ExitCode::kDone;
}

ExitCode health(Context& context) {
  Json answers[2];
  ExitCode code = ExitCode::kDone;
  for (const std::size_t i : {0U, 1U}) {
    const auto reply = context.client.get(i == 0 ? "/health/live" : "/health/ready");
    if (reply) {
      answers[i] = reply->body.is_object() ? reply->body : Json::object();
      answers[i]["http_status"] = reply->status;
      continue;
    }
    const Failure& failure = reply.error();
    if (failure.status == 0 || !failure.problem.is_object()) return context.report(failure);
    answers[i] = failure.problem;
    answers[i]["http_status"] = failure.status;
    code = ExitCode::kUnreachable;
  }
  context.print({{"live", answers[0]}, {"ready", answers[1]}}, render_health(answers[0], answers[1], context.page));
  return code;
}

}  // namespace

void add_server(Registrar& registrar) {
  CLI::App* service = registrar.add(registrar.app, "service", "The services that workflows call");
  service->require_subcommand(1);
  CLI::App* services = registrar.add(*service, "list", "Instances, their health and breakers");
  services->callback([&chosen = registrar.chosen] { chosen = list_services; });

  CLI::App* counts =
      registrar.add(registrar.app, "stats", "Counts by workflow and status, what needs attention, queues");
  auto options = std::make_shared<WatchOptions>();
  add_watch(*counts, *options);
  counts->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return stats(context, *options); };
  });

  CLI::App* state = registrar.add(registrar.app, "health", "Whether the server is live and ready; exit 5 if not");
  state->callback([&chosen = registrar.chosen] { chosen = health; });
}

}  // namespace saga::ctl
