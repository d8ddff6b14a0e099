// What the workers of the examples share: options, the ready line, stopping, and a check of what a step is sent.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "workers/sdk/step_server.h"

namespace order_saga {

struct Worker {
  std::string name;    ///< "inventory".
  std::string schema;  ///< Its tables.
  std::function<void(saga::workers::StepServer&, const std::string& db)>
      mount;  ///< Adds its steps; `db` is the file's path.
  /// What it does besides, on a thread of its own while the server runs, until told to stop. May be none.
  std::function<void(const std::stop_token& stop, saga::workers::StepServer&, const std::string& db)> beside = {};
};

/// Reads `--listen HOST:PORT` and `--db PATH`, serves until SIGTERM or SIGINT and returns the exit code. Prints one
/// line when ready: "inventory ready on http://127.0.0.1:8081" (the real port for 0). What is wrong goes to stderr, in
/// one line, with 2.
int run(int argc, char** argv, const Worker& worker);

enum class Is { kText, kNumber, kPositiveInteger };

/// A refusal when a field is missing from the call's input or is something else.
[[nodiscard]] std::optional<saga::workers::Refused> unfit(const saga::workers::StepCall& call,
                                                          const std::vector<std::pair<std::string, Is>>& fields);

/// A text field of the input; empty when it is not there.
[[nodiscard]] std::string text_of(const saga::workers::StepCall& call, const std::string& field);

}  // namespace order_saga
