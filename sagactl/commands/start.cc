// start: makes the id here, so that repeating after a lost answer starts nothing twice.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/uuid.h"
#include "sagactl/commands/commands.h"
#include "sagactl/commands/start_many.h"
#include "sagactl/commands/waiting.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr int kTries = 5;
constexpr Millis kFirstPause{200};
constexpr Millis kLongestPause{5'000};

struct Options {
  std::string workflow;
  std::string id;
  std::string input;
  std::string inputs;
  std::string run;
  std::vector<std::string> tags;
  std::string at;
  std::string delay;
  bool wait = false;
  std::string timeout;
};

/// What one start and many have alike: the workflow, tags and the time. `kInvalid` names the option.
Result<Json> terms_of(const Options& options, const Surroundings& world) {
  Json body{{"workflow", options.workflow}};
  for (const std::string& tag : options.tags) {
    const auto equals = tag.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalid, fmt::format("--tag {}: expected KEY=VALUE", tag));
    }
    body["tags"][tag.substr(0, equals)] = tag.substr(equals + 1);
  }
  if (!options.at.empty()) {
    const auto at = parse_time(options.at);
    if (!at) return fail(ErrorCode::kInvalid, "--at: " + at.error().message);
    body["start_at"] = format_time(*at);
  }
  const auto delay = read_duration("--delay", options.delay);
  if (!delay) return tl::unexpected<Error>(delay.error());
  if (*delay) body["start_at"] = format_time(world.clock.now() + **delay);
  return body;
}

/// The body of the start. `kInvalid` names the option.
Result<Json> body_of(const Options& options, Surroundings& world) {
  auto body = terms_of(options, world);
  if (!body) return body;
  (*body)["id"] = options.id.empty() ? make_uuid_v7(world.clock.now()) : options.id;
  if (!options.input.empty()) {
    auto input = read_json_argument(world, "--input", options.input);
    if (!input) return tl::unexpected<Error>(input.error());
    (*body)["input"] = std::move(*input);
  }
  return body;
}

ExitCode start_lines(Context& context, const Options& options) {
  auto terms = terms_of(options, context.world);
  if (!terms) return context.usage(terms.error().message);
  StartTerms common;
  common.workflow = options.workflow;
  if (terms->contains("tags")) common.tags = (*terms)["tags"];
  if (terms->contains("start_at")) common.at = text(*terms, "start_at");
  common.run = options.run;
  return start_many(context, options.inputs, common);
}

/// Posts until an answer says what became of it, a few times, always with the same id.
Answered<Reply> post_start(Context& context, const Json& body) {
  Millis pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    auto reply = context.client.post("/v1/sagas", body);
    if (reply || !reply.error().may_pass() || attempt == kTries) return reply;
    context.note(fmt::format("sagactl: {}; trying again with the same id", reply.error().message));
    context.world.pause(std::clamp(reply.error().retry_after.value_or(pause), pause, kLongestPause));
    pause *= 2;
  }
}

ExitCode start(Context& context, const Options& options) {
  if (!options.inputs.empty()) return start_lines(context, options);
  const auto timeout = read_duration("--timeout", options.timeout);
  if (!timeout) return context.usage(timeout.error().message);
  const auto body = body_of(options, context.world);
  if (!body) return context.usage(body.error().message);
  const std::string id = text(*body, "id");

  auto reply = post_start(context, *body);
  if (!reply) {
    const ExitCode code = context.report(reply.error());
    if (reply.error().may_pass()) {
      const bool certain = reply.error().status == 503 || !reply.error().sent;
      context.note(fmt::format("  {}; the same command with --id {} is safe to repeat",
                               certain ? "it was not started" : "it may have been started", id));
    }
    return code;
  }
  const Json& saga = reply->body;
  const std::string status = text(saga, "status");
  const std::string what = reply->status == 200
                               ? fmt::format("{} was there already, with the same content: {}", id, status)
                               : fmt::format("{} accepted: {}", workflow_of(saga), status);
  if (options.wait) {
    context.hint(fmt::format("{} {}", id, what));
    return wait_and_print(context, id, *timeout, true);
  }
  context.print(saga, id + "\n");
  context.hint(what);
  context.hint(fmt::format("{} inspect {}", context.program, id));
  return ExitCode::kDone;
}

}  // namespace

void add_start(Registrar& registrar) {
  CLI::App* command = registrar.add(registrar.app, "start", "Start a saga; prints its id");
  auto options = std::make_shared<Options>();
  command->add_option("WORKFLOW", options->workflow, "NAME or NAME/VERSION; without a version the newest")->required();
  CLI::Option* id = command->add_option("--id", options->id, "the saga's id; without it a new UUIDv7");
  CLI::Option* input = command->add_option("--input", options->input, "its input: JSON, @FILE, or - for stdin");
  CLI::Option* inputs = command->add_option("--inputs", options->inputs,
                                            "start many: FILE.jsonl, or - for stdin, with {id?, input, tags?} a line");
  inputs->excludes(id)->excludes(input);
  command->add_option("--run", options->run, "with --inputs: another name starts the same file once more")
      ->needs(inputs);
  command->add_option("--tag", options->tags, "KEY=VALUE, to find it by; may be repeated")->allow_extra_args(false);
  CLI::Option* at = command->add_option("--at", options->at, "start then: RFC 3339, such as 2026-12-24T18:00:00Z");
  command->add_option("--delay", options->delay, "start after this long, such as 30m")->excludes(at);
  CLI::Option* wait = command->add_flag("--wait", options->wait, "until it has ended or is suspended");
  wait->excludes(inputs);
  command->add_option("--timeout", options->timeout, "wait at most this long; exit 6 if it is still going")
      ->needs(wait);
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) { return start(context, *options); };
  });
}

}  // namespace saga::ctl
