// The command families. Each adds its subcommands to the command line; parsing one of them chooses what will run.
#pragma once

#include <functional>

#include "sagactl/context.h"

namespace CLI {
class App;
}

namespace saga::ctl {

/// What the parsed command line asks for.
using Action = std::function<ExitCode(Context&)>;

struct Registrar {
  CLI::App& app;
  Action& chosen;

  /// A subcommand of `parent` with the options that every command has.
  std::function<CLI::App*(CLI::App& parent, const char* name, const char* description)> add;
};

void add_start(Registrar& registrar);       ///< start
void add_list(Registrar& registrar);        ///< list
void add_inspect(Registrar& registrar);     ///< inspect
void add_events(Registrar& registrar);      ///< events
void add_wait(Registrar& registrar);        ///< wait
void add_verbs(Registrar& registrar);       ///< cancel, retry, skip, suspend, resume, terminate
void add_signal(Registrar& registrar);      ///< signal
void add_workflow(Registrar& registrar);    ///< workflow apply, list, show, validate, schema
void add_audit(Registrar& registrar);       ///< audit
void add_purge(Registrar& registrar);       ///< purge
void add_server(Registrar& registrar);      ///< service list, stats, health
void add_completion(Registrar& registrar);  ///< completion

/// Adds the required positional `ID`.
void add_id(CLI::App& command, std::string& id);

/// "--since 2h" or a time as the server takes it; the error is fit for `Context::usage`.
[[nodiscard]] Result<std::string> read_moment(const std::string& option, const std::string& given, Timestamp now);

/// Reads a duration option; the error is fit for `Context::usage`.
[[nodiscard]] Result<std::optional<Millis>> read_duration(const std::string& option, const std::string& given);

}  // namespace saga::ctl
