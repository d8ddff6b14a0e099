// What an operator can do to a saga: cancel, retry, skip, suspend, resume, terminate.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct Options {
  std::string id;
  std::string reason;
  std::string step;
  std::string output;
};

ExitCode call_verb(Context& context, const std::string& verb, const Options& options) {
  Json body = Json::object();
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (!options.step.empty()) body["step"] = options.step;
  if (!options.output.empty()) {
    auto output = read_json_argument(context.world, "--output", options.output);
    if (!output) return context.usage(output.error().message);
    body["output"] = std::move(*output);
  }
  const auto reply = context.client.post(saga_path(options.id, "/" + verb), body);
  if (!reply) {
    const ExitCode code = context.report(reply.error());
    if (reply.error().status == 0 && reply.error().sent) {
      context.note(fmt::format("  it may have been done: {} inspect {}", context.program, options.id));
    }
    return code;
  }
  const Json& saga = reply->body;
  const std::string status = text(saga, "status");
  context.print(saga, fmt::format("{}  {}\n", options.id, Paint(context.page.colour).status(status, status)));
  return ExitCode::kDone;
}

struct Verb {
  const char* name;
  const char* description;
  bool needs_reason;
};

constexpr Verb kVerbs[] = {
    {"cancel", "Stop a saga and undo what is done", true},
    {"retry", "Call what is stuck again now, with fresh attempts", false},
    {"skip", "Settle a stuck call by hand", true},
    {"suspend", "Stop a saga after the calls in flight, until resumed", false},
    {"resume", "Let a suspended saga go on", false},
    {"terminate", "End a saga as it stands", true},
};

}  // namespace

void add_verbs(Registrar& registrar) {
  for (const Verb& verb : kVerbs) {
    CLI::App* command = registrar.add(registrar.app, verb.name, verb.description);
    auto options = std::make_shared<Options>();
    add_id(*command, options->id);
    const std::string name = verb.name;
    CLI::Option* reason = command->add_option("--reason", options->reason, "why; it is recorded");
    if (verb.needs_reason) reason->required();
    if (name == "retry") command->add_option("--step", options->step, "only this step");
    if (name == "skip") {
      command->add_option("--step", options->step, "the stuck step")->required();
      command->add_option("--output", options->output, "an action did happen, and this came out: JSON, @FILE, or -");
    }
    command->callback([options, name, &chosen = registrar.chosen] {
      chosen = [options, name](Context& context) { return call_verb(context, name, *options); };
    });
  }
}

}  // namespace saga::ctl
