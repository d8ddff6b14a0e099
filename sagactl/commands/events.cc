// events: what happened to a saga, one line each; `--follow` goes on as it happens.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/history.h"
#include "sagactl/render/lists.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr Millis kFirstPause{500};
constexpr Millis kLongestPause{5'000};
constexpr Millis kUnreachableFor{300'000};  // A restart is over by then.

/// Nothing follows such an event by itself.
bool is_ending(const Json& event) {
  const std::string type = text(event, "type");
  return type == "saga_completed" || type == "saga_compensated" || type == "saga_failed" || type == "saga_terminated";
}

/// Prints each event once, whatever comes twice.
class Printer {
 public:
  explicit Printer(Context& context) : context_(context) {}

  void show(const Json& event) {
    const auto seq = integer(event, "seq").value_or(last_seq_ + 1);
    if (seq <= last_seq_) return;
    last_seq_ = seq;
    ending_ = is_ending(event);
    if (context_.format == Format::kYaml) {
      context_.print(Json::array({event}), "");  // Items of one list.
    } else if (context_.format == Format::kJson) {
      context_.world.out << dump_json(event) << '\n' << std::flush;  // A stream has no end to close an array at.
    } else {
      context_.print(event, render_event(event, context_.page), std::to_string(seq));
    }
  }

  /// Nothing more to show, or nobody who reads it.
  [[nodiscard]] bool at_the_end() const { return ending_ || !context_.world.out.good(); }
  [[nodiscard]] std::string last_id() const { return last_seq_ > 0 ? std::to_string(last_seq_) : ""; }

 private:
  Context& context_;
  std::int64_t last_seq_ = 0;
  bool ending_ = false;
};

ExitCode print_events(Context& context, const std::string& id) {
  const auto events = fetch_events(context, id);
  if (!events) return context.report(events.error());
  std::string table;
  if (context.format == Format::kTable) {
    for (const Json& event : *events) table += render_event(event, context.page);
  }
  context.print_all({{"events", *events}}, *events, "seq", table);
  return ExitCode::kDone;
}

ExitCode follow(Context& context, const std::string& id) {
  Printer printer(context);
  Millis pause = kFirstPause;
  bool reached = false;
  Timestamp last_contact = context.world.clock.now();
  while (true) {
    // What is there already comes in one piece; the stream then only has to bring news. After a saga was reopened an
    // ending event may be old, so only the last of them all ends the command.
    std::optional<Failure> lost;
    const auto events = fetch_events(context, id, printer.last_id());
    if (events) {
      for (const Json& event : *events) printer.show(event);
      if (printer.at_the_end()) return ExitCode::kDone;
      reached = true;
      last_contact = context.world.clock.now();
      const auto streamed =
          context.client.stream(saga_path(id, "/events"), printer.last_id(), [&](const StreamEvent& streamed_event) {
            pause = kFirstPause;
            if (const auto event = parse_json(streamed_event.data)) printer.show(*event);
            return !printer.at_the_end();
          });
      if (!streamed) lost = streamed.error();
      if (streamed && printer.at_the_end()) continue;
    } else {
      lost = events.error();
    }
    if (lost) {
      const bool patient = reached && context.world.clock.now() - last_contact < kUnreachableFor;
      if (!lost->may_pass() || !patient) return context.report(*lost);
      context.hint(fmt::format("sagactl: {}; going on after event {}", lost->message, printer.last_id()));
    }
    context.world.pause(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace

Answered<Json> fetch_events(Context& context, const std::string& id, const std::string& after) {
  Query query;
  if (!after.empty()) query.emplace_back("after", after);
  auto reply = context.client.get(saga_path(id, "/events"), query);
  if (!reply) return tl::unexpected<Failure>(reply.error());
  return list(reply->body, "events");
}

void add_events(Registrar& registrar) {
  struct Options {
    std::string id;
    bool follow = false;
  };
  CLI::App* command = registrar.add(registrar.app, "events", "Everything that happened to a saga");
  auto options = std::make_shared<Options>();
  add_id(*command, options->id);
  command->add_flag("--follow,-f", options->follow, "go on as it happens, until the saga has ended");
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) {
      return options->follow ? follow(context, options->id) : print_events(context, options->id);
    };
  });
}

}  // namespace saga::ctl
