// wait: until a saga has ended or is suspended.
#include <CLI/CLI.hpp>

#include "sagactl/commands/commands.h"
#include "sagactl/commands/waiting.h"

namespace saga::ctl {

void add_wait(Registrar& registrar) {
  struct Options {
    std::string id;
    std::string timeout;
  };
  CLI::App* command = registrar.add(registrar.app, "wait", "Wait until a saga has ended or is suspended");
  auto options = std::make_shared<Options>();
  add_id(*command, options->id);
  command->add_option("--timeout", options->timeout, "at most this long, such as 30s; exit 6 if it is still going");
  command->callback([options, &chosen = registrar.chosen] {
    chosen = [options](Context& context) {
      const auto timeout = read_duration("--timeout", options->timeout);
      if (!timeout) return context.usage(timeout.error().message);
      return wait_and_print(context, options->id, *timeout, false);
    };
  });
}

}  // namespace saga::ctl
