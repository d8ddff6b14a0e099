#include "sagactl/commands/watch.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"

namespace saga::ctl {
namespace {

constexpr Millis kGlance{100};

/// At most as many lines as the terminal has, but for those that `watch` needs.
std::string cut_to_height(const std::string& page, std::size_t height) {
  std::size_t lines = height > 3 ? height - 3 : 1;
  std::size_t end = 0;
  while (end != std::string::npos && lines-- > 0) {
    end = page.find('\n', end);
    if (end != std::string::npos) ++end;
  }
  return end == std::string::npos || end >= page.size() ? page : page.substr(0, end) + "…\n";
}

}  // namespace

void add_watch(CLI::App& command, WatchOptions& options) {
  CLI::Option* watch = command.add_flag("--watch", options.on, "look again and again, until Ctrl-C");
  command.add_option("--interval", options.interval, "how often, with --watch")->capture_default_str()->needs(watch);
}

ExitCode watch(Context& context, const WatchOptions& options, const std::function<Answered<std::string>()>& look) {
  const auto interval = read_duration("--interval", options.interval);
  if (!interval) return context.usage(interval.error().message);
  std::function<bool()> interrupted = [] { return false; };
  if (context.world.catch_interrupt) interrupted = context.world.catch_interrupt();
  std::string problem;
  for (bool first = true; !interrupted(); first = false) {
    const auto page = look();
    if (!page && first) return context.report(page.error());
    const Timestamp now = context.world.clock.now();
    if (context.page.terminal) {
      const std::string head = fmt::format("every {}, Ctrl-C ends it   {}", options.interval, human_time(now, now));
      context.world.out << "\x1b[H\x1b[2J" << head << "\n\n"
                        << (page ? cut_to_height(*page, context.world.height) : printable(page.error().message) + "\n");
    } else if (page) {
      context.world.out << *page;
    } else if (page.error().message != problem) {
      context.note("sagactl: " + printable(page.error().message) + "; looking again");
    }
    problem = page ? "" : page.error().message;
    context.world.out.flush();
    const Timestamp next = now + **interval;
    while (!interrupted() && context.world.clock.now() < next) {
      context.world.pause(std::min(kGlance, next - context.world.clock.now()));
    }
  }
  return ExitCode::kDone;
}

}  // namespace saga::ctl
