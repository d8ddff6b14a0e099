// What every command gets: the world it runs in (streams, environment, clock, all handed in so that a test can stand in
// for a terminal), the server, and the one way to print data, notes and refusals.
#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "sagactl/client/client.h"
#include "sagactl/render/text.h"

namespace saga::ctl {

/// The exit codes of the contract.
enum class ExitCode {
  kDone = 0,            ///< With a wait: completed.
  kEndedOtherwise = 1,  ///< Or suspended.
  kUsage = 2,
  kNotFound = 3,
  kRefused = 4,
  kUnreachable = 5,    ///< Or 503.
  kStillGoing = 6,     ///< At `--timeout`.
  kInterrupted = 130,  ///< Ctrl-C, after what was under way had been finished: what a shell gives for it.
};

enum class Format { kTable, kJson, kJsonl, kYaml, kIds };

/// The world outside. Outlives the command.
struct Surroundings {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::size_t width = 80;
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string user_at_host;
  const Clock& clock;
  std::function<void(Millis)> pause;  ///< Lets time pass.
  bool in_is_terminal = false;        ///< Somebody can be asked.
  /// From now on Ctrl-C does not end the program (a second one does); what it returns tells whether one came.
  std::function<std::function<bool()>()> catch_interrupt = {};
  std::size_t height = 24;
};

struct Context {
  Surroundings& world;
  Format format = Format::kTable;
  Page page;
  Client client;
  std::string program = "sagactl";  ///< What a command to paste begins with: the options for the server too.

  /// One thing: `table` is how people see it, `id` what `-o ids` shows.
  void print(const Json& value, const std::string& table, const std::string& id = "");

  /// Several of a kind: `whole` for json and yaml, one of `items` a line for jsonl, each one's `id_key` for ids.
  void print_all(const Json& whole, const Json& items, const std::string& id_key, const std::string& table);

  /// One line on stderr.
  void note(const std::string& line);

  /// The same, only where a person sees it.
  void hint(const std::string& line);

  /// "sagactl: …" on stderr.
  ExitCode usage(const std::string& message);

  /// Says why, with the places in the body that do not fit and the verbs that are allowed instead; the exit code for
  /// it.
  ExitCode report(const Failure& failure);
};

/// 3 for 404, 4 for a refusal, 2 for a request that could not be right, 5 where nothing usable came.
[[nodiscard]] ExitCode exit_code_for(const Failure& failure);

/// "…/v1/sagas/ID" and below.
[[nodiscard]] std::string saga_path(const std::string& id, const std::string& below = "");

/// JSON given as text, as `@FILE`, or as `-` (stdin). The error names `option`.
[[nodiscard]] Result<Json> read_json_argument(Surroundings& world, const std::string& option,
                                              const std::string& argument);

/// A file's text. `kNotFound` says why not.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

}  // namespace saga::ctl
