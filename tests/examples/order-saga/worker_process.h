// A worker as a process of its own, and calls to it as the orchestrator makes them.
#pragma once

#include <httplib.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "base/json.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace order_saga {

using saga::testing::TempFolder;

/// Started when made; killed when destroyed.
class WorkerProcess {
 public:
  WorkerProcess(std::vector<std::string> command, const std::string& db) : child_(on_any_port(std::move(command), db)) {
    ready_line_ = child_.read_line().value_or("");
    if (ready_line_.empty()) {
      child_.kill(SIGKILL);
      throw std::runtime_error("the worker did not start: " + child_.stderr_text());
    }
    port_ = std::stoi(ready_line_.substr(ready_line_.rfind(':') + 1));
  }

  [[nodiscard]] const std::string& ready_line() const { return ready_line_; }

  [[nodiscard]] int port() const { return port_; }

  /// Sends the signal and waits for the end; as `ChildProcess::wait`.
  int stop(int signal) {
    child_.kill(signal);
    return child_.wait();
  }

  [[nodiscard]] httplib::Client client() const {
    httplib::Client made("127.0.0.1", port_);
    made.set_read_timeout(30);
    return made;
  }

  [[nodiscard]] saga::Json state() const { return saga::Json::parse(client().Get("/state")->body); }

 private:
  static std::vector<std::string> on_any_port(std::vector<std::string> command, const std::string& db) {
    command.insert(command.end(), {"--listen", "127.0.0.1:0", "--db", db});
    return command;
  }

  saga::testing::ChildProcess child_;
  int port_ = 0;
  std::string ready_line_;
};

/// What an answer came to.
struct Answer {
  int status = 0;  ///< 0: none came.
  saga::Json body;
};

struct Step {
  std::string saga;
  std::string name;
  int attempt = 1;
  int timeout_ms = 20'000;
  std::string outcome = "done";
};

inline httplib::Headers headers_of(const Step& step, const std::string& phase) {
  httplib::Headers headers{{"Idempotency-Key", step.saga + "/" + step.name + "/" + phase},
                           {"Saga-Id", step.saga},
                           {"Saga-Workflow", "order-saga/1"},
                           {"Saga-Step", step.name},
                           {"Saga-Phase", phase},
                           {"Saga-Attempt", std::to_string(step.attempt)},
                           {"Saga-Timeout-Ms", std::to_string(step.timeout_ms)}};
  if (phase == "compensation") headers.emplace("Saga-Outcome", step.outcome);
  return headers;
}

inline Answer answer_of(const httplib::Result& result) {
  if (!result) return {};
  return {result->status, result->body.empty() ? saga::Json() : saga::Json::parse(result->body)};
}

inline Answer act(const WorkerProcess& worker, const std::string& path, const Step& step, const saga::Json& input) {
  return answer_of(worker.client().Post(path, headers_of(step, "action"), input.dump(), "application/json"));
}

inline Answer undo(const WorkerProcess& worker, const std::string& path, const Step& step, const saga::Json& input) {
  return answer_of(worker.client().Post(path, headers_of(step, "compensation"), input.dump(), "application/json"));
}

inline Answer undo_by_delete(const WorkerProcess& worker, const std::string& path, const Step& step) {
  return answer_of(worker.client().Delete(path, headers_of(step, "compensation")));
}

}  // namespace order_saga
