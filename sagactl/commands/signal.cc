// signal: tells a saga what one of its steps waits for.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct Options {
  std::string id;
  std::string name;
  std::string payload;
};

ExitCode signal(Context& context, const Options& options) {
  Json body = Json::object();
  if (!options.payload.empty()) {
    auto payload = read_json_argument(context.world, "--payload", options.payload);
    if (!payload) return context.usage(payload.error().message);
    body["payload"] = std::move(*payload);
  }
  const auto reply = context.client.post(saga_path(options.id, "/signals/" + path_segment(options.name)), body);
  if (!reply) {
    const ExitCode code = context.report(reply.error());
    if (reply.error().status == 0 && reply.error().sent) {
      context.note("  it may have been delivered; the same command again is safe");
    }
    return code;
  }
  context.print(reply->body, fmt::format("{}  signal {} delivered\n", options.id, printable(options.name)), options.id);
  return ExitCode::kDone;
}

}  // namespace

void add_signal(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "signal", "Deliver a signal that a step waits for");
  auto options = std::make_shared<Options>();
  add_id(*command, options->id);
  command->add_option("NAME", options->name, "the signal's name")->required();
  command->add_option("--payload", options->payload, "what the step's output will be: JSON, @FILE, or - for stdin");
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return signal(context, *options); };
  });
}

}  // namespace saga::ctl
