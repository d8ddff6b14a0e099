// sagad: the orchestrator.
#include <sched.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/sagad/daemon.h"
#include "engine/sagad/options.h"

namespace {

/// Ten thousand slow calls in flight are ten thousand sockets.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &files));
}

/// Before any thread is made, so that all of them leave the signals to the main thread.
void prepare_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

/// A thread that is woken waits until the running one has done what it is at: threads hand each other more at a time.
/// Before the engine's threads are made, which inherit it. Where it is not allowed, it only costs more.
void prefer_throughput() {
  const sched_param priority{};
  static_cast<void>(::sched_setscheduler(0, SCHED_BATCH, &priority));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto options =
      saga::sagad::read_options(arguments, [](const char* name) -> const char* { return std::getenv(name); });
  if (!options) {
    const auto& leave = options.error();
    std::fprintf(leave.exit_code == 0 ? stdout : stderr, "%s\n", leave.text.c_str());
    return leave.exit_code;
  }
  if (options->check) return saga::sagad::check_only(*options);
  raise_file_limit();
  prepare_signals();
  prefer_throughput();
  return saga::sagad::run_daemon(*options);
}
