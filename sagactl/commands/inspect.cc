// inspect: one saga on one page.
#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/history.h"
#include "sagactl/render/definition.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

ExitCode inspect(Context& context, const std::string& id) {
  auto saga = context.client.get(saga_path(id));
  if (!saga) return context.report(saga.error());
  if (context.format != Format::kTable) {
    context.print(saga->body, "");
    return ExitCode::kDone;
  }
  Inspected inspected;
  inspected.saga = std::move(saga->body);
  auto events = fetch_events(context, id);
  if (!events) return context.report(events.error());
  inspected.events = std::move(*events);
  // Only makes the page richer: attempts "of" how many, where a call went. Nothing depends on it.
  const auto workflow = context.client.get("/v1/workflows/" + path_segment(text(inspected.saga, "workflow")) + "/" +
                                           path_segment(text(inspected.saga, "version")));
  if (workflow) inspected.definition = definition_in(workflow->body);
  inspected.now = context.world.clock.now();
  inspected.program = context.program;
  context.print(inspected.saga, render_inspect(inspected, context.page));
  return ExitCode::kDone;
}

}  // namespace

void add_inspect(Registrar& registrar) {
  CLI::App* command =
      registrar.add(registrar.app, "inspect", "One page about a saga: what happened, why, what can be done");
  auto id = std::make_shared<std::string>();
  add_id(*command, *id);
  command->callback(
      [id, &chosen = registrar.chosen] { chosen = [id](Context& context) { return inspect(context, *id); }; });
}

}  // namespace saga::ctl
