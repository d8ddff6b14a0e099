// What an operator can do to a saga: cancel, retry, skip, suspend, resume, terminate.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/many.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct Options {
  ManyOptions which;
  std::string reason;
  std::string step;
  std::string output;
};

/// What every call of the verb sends. `kInvalid` names the option.
Result<Json> body_of(const Options& options, Surroundings& world) {
  Json body = Json::object();
  if (!options.reason.empty()) body["reason"] = options.reason;
  if (!options.step.empty()) body["step"] = options.step;
  if (!options.output.empty()) {
    auto output = read_json_argument(world, "--output", options.output);
    if (!output) return tl::unexpected<Error>(output.error());
    body["output"] = std::move(*output);
  }
  return body;
}

ExitCode call_on_one(Context& context, const std::string& verb, const std::string& id, const Json& body) {
  const auto reply = context.client.post(saga_path(id, "/" + verb), body);
  if (!reply) {
    const ExitCode code = context.report(reply.error());
    if (reply.error().status == 0 && reply.error().sent) {
      context.note(fmt::format("  it may have been done: {} inspect {}", context.program, id));
    }
    return code;
  }
  const Json& saga = reply->body;
  const std::string status = text(saga, "status");
  context.print(saga, fmt::format("{}  {}\n", id, Paint(context.page.colour).status(status, status)));
  return ExitCode::kDone;
}

ExitCode call_verb(Context& context, const std::string& verb, const Options& options, bool step_is_filter) {
  ManyOptions which = options.which;
  Options said = options;
  if (which.all) which.filter.step = options.step;
  if (step_is_filter) said.step.clear();
  if (which.all != which.ids.empty()) {
    return context.usage(which.all ? "expected either ids or --all, but there are both"
                                   : "expected a saga's id, - for ids on stdin, or --all");
  }
  if (!which.all && (!which.filter.is_empty() || (step_is_filter && !options.step.empty()))) {
    return context.usage("a filter such as --status is for --all; which sagas else, their ids say");
  }
  if (!which.are_many() && (which.dry_run || which.rate > 0)) {
    return context.usage("--dry-run and --rate are for many: --all, or - for ids on stdin");
  }
  if (which.from_stdin() && options.output == "-") {
    return context.usage("stdin can give either the ids or --output, but not both");
  }
  const auto body = body_of(said, context.world);
  if (!body) return context.usage(body.error().message);
  if (which.are_many()) return call_on_many(context, verb, *body, which);
  return call_on_one(context, verb, which.ids.front(), *body);
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
    ManyOptions& which = options->which;
    command->add_option("ID", which.ids, "the saga's id; - for ids on stdin, one a line")
        ->check([](const std::string& given) { return given == "-" ? std::string() : complaint_about_id(given); });
    const std::string name = verb.name;
    CLI::Option* reason = command->add_option("--reason", options->reason, "why; it is recorded");
    if (verb.needs_reason) reason->required();
    const bool takes_step = name == "retry" || name == "skip";
    CLI::Option* step = command->add_option("--step", options->step,
                                            name == "skip"    ? "the stuck step; with --all those stuck there"
                                            : name == "retry" ? "only this step; with --all those stuck there"
                                                              : "with --all: stuck at this step");
    if (name == "skip") {
      step->required();
      command->add_option("--output", options->output, "an action did happen, and this came out: JSON, @FILE, or -");
    }
    command->add_flag("--all", which.all, "all that the filters below leave, of those that the verb is for");
    add_filter(*command, which.filter);
    command->add_flag("--dry-run", which.dry_run, "only show which sagas it would be");
    command->add_flag("-y,--yes", which.yes, "do not ask first");
    command->add_option("--rate", which.rate, "at most so many a second")->check(CLI::PositiveNumber);
    command->callback([options, name, takes_step, &chosen = registrar.chosen] {
      chosen = [options, name, takes_step](Context& context) {
        return call_verb(context, name, *options, !takes_step);
      };
    });
  }
}

}  // namespace saga::ctl
