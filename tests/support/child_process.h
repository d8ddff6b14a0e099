// A program run as a child: started with arguments, its output read, signalled and killed by its own pid, never by
// name.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;  // NOLINT: what POSIX names it.

namespace saga::testing {

/// One child. Killed and waited for when the object ends.
class ChildProcess {
 public:
  static constexpr std::chrono::seconds kPatience{60};

  /// `extra_environment`: "NAME=value" each, besides this process's own.
  explicit ChildProcess(const std::vector<std::string>& command,
                        const std::vector<std::string>& extra_environment = {}) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (const std::string& entry : extra_environment) environment.push_back(const_cast<char*>(entry.c_str()));
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    environment.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environment.data()) == 0) pid_ = pid;
    posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
    out_ = out[0];
    err_reader_ = std::jthread([this, fd = err[0]] { read_all(fd, err_); });
  }
  ~ChildProcess() {
    kill(SIGKILL);
    static_cast<void>(wait());
    if (err_reader_.joinable()) err_reader_.join();
    if (out_ >= 0) ::close(out_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] bool started() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// The next line of its stdout; none when it ends without one.
  std::optional<std::string> read_line() {
    for (;;) {
      if (const std::size_t end = unread_.find('\n'); end != std::string::npos) {
        std::string line = unread_.substr(0, end);
        unread_.erase(0, end + 1);
        return line;
      }
      if (!receive()) return std::nullopt;
    }
  }
  /// The rest of its stdout, up to its end.
  std::string read_rest() {
    while (receive()) {
    }
    return std::exchange(unread_, "");
  }

  void kill(int signal) const {
    if (pid_ > 0 && !exit_) ::kill(pid_, signal);
  }

  /// Its exit code, or 128 + the signal that ended it; -1 when it does not end in time.
  int wait() {
    if (pid_ <= 0) return -1;
    if (exit_) return *exit_;
    const int ended = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));  // Readable once it has ended.
    pollfd waited{ended, POLLIN, 0};
    const bool in_time = ::poll(&waited, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) > 0;
    ::close(ended);
    int status = 0;
    if (in_time && ::waitpid(pid_, &status, 0) == pid_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return exit_.value_or(-1);
  }

  /// All of its stderr; waits for its end.
  std::string stderr_text() {
    static_cast<void>(wait());
    if (err_reader_.joinable()) err_reader_.join();
    return err_;
  }

 private:
  bool receive() {
    pollfd waited{out_, POLLIN, 0};
    if (::poll(&waited, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(out_, bytes.data(), bytes.size());
    if (got <= 0) return false;
    unread_.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }
  static void read_all(int fd, std::string& into) {
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(fd, bytes.data(), bytes.size())) > 0;)
      into.append(bytes.data(), static_cast<std::size_t>(got));
    ::close(fd);
  }

  pid_t pid_ = -1;
  int out_ = -1;
  std::optional<int> exit_;
  std::string unread_;
  std::string err_;  ///< Written by the thread, read once it has ended.
  std::jthread err_reader_;
};

}  // namespace saga::testing
