// sagactl's main: the real streams, terminal, environment and clock.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "sagactl/cli.h"

namespace {

/// Set by the signal handler: Ctrl-C came.
volatile std::sig_atomic_t interrupted = 0;

/// Once: the second Ctrl-C ends the program as if none had been caught.
std::function<bool()> catch_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return [] { return interrupted != 0; };
}

std::string user_at_host() {
  const char* user = std::getenv("USER");
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  const std::string name = user != nullptr && *user != '\0' ? user : "uid" + std::to_string(getuid());
  return name + "@" + (host[0] != '\0' ? host : "unknown");
}

winsize terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) return size;
  size.ws_col = 80;
  size.ws_row = 24;
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A connection or a pipe that closes is an error to see, not an end without a word.
  const saga::SystemClock clock;
  const winsize size = terminal_size();
  saga::ctl::Surroundings world{
      std::cin,
      std::cout,
      std::cerr,
      isatty(STDOUT_FILENO) != 0,
      isatty(STDERR_FILENO) != 0,
      size.ws_col,
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      user_at_host(),
      clock,
      [](saga::Millis duration) { std::this_thread::sleep_for(duration); },
      isatty(STDIN_FILENO) != 0,
      catch_interrupt,
      size.ws_row,
  };
  return saga::ctl::run({argv + 1, argv + argc}, world);
}
