// A worker as a process of its own, and calls to it as the orchestrator makes them.
#pragma once

#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"

extern char** environ;

namespace order_saga {

/// A folder of its own, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "order-saga-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the test");
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// Started when made; killed when destroyed.
class WorkerProcess {
 public:
  WorkerProcess(const std::vector<std::string>& command, const std::string& db) {
    std::vector<std::string> arguments = command;
    for (const char* more : {"--listen", "127.0.0.1:0", "--db"}) arguments.emplace_back(more);
    arguments.push_back(db);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int failed = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failed == 0) ready_line_ = read_line(ends[0]);
    ::close(ends[0]);
    if (failed != 0 || ready_line_.empty()) throw std::runtime_error("the worker did not start: " + arguments[0]);
    port_ = std::stoi(ready_line_.substr(ready_line_.rfind(':') + 1));
  }
  ~WorkerProcess() { stop(SIGKILL); }
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] const std::string& ready_line() const { return ready_line_; }

  [[nodiscard]] int port() const { return port_; }

  /// Sends the signal and waits for the end; the exit code, or -1 when a signal ended it.
  int stop(int signal) {
    if (pid_ <= 0) return -1;
    int status = 0;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  [[nodiscard]] httplib::Client client() const {
    httplib::Client made("127.0.0.1", port_);
    made.set_read_timeout(30);
    return made;
  }

  [[nodiscard]] saga::Json state() const { return saga::Json::parse(client().Get("/state")->body); }

 private:
  static std::string read_line(int from) {
    std::string line;
    char one = 0;
    while (::read(from, &one, 1) == 1 && one != '\n') line += one;
    return line;
  }

  pid_t pid_ = -1;
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
