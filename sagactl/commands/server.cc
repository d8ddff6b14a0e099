// service list, stats, health: about the server rather than a saga.
#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
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

ExitCode stats(Context& context) {
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
  counts->callback([&chosen = registrar.chosen] { chosen = stats; });

  CLI::App* state = registrar.add(registrar.app, "health", "Whether the server is live and ready; exit 5 if not");
  state->callback([&chosen = registrar.chosen] { chosen = health; });
}

}  // namespace saga::ctl
