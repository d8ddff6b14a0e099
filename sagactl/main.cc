// sagactl's main: the real streams, terminal, environment and clock.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "sagactl/cli.h"

namespace {

std::string user_at_host() {
  const char* user = std::getenv("USER");
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  const std::string name = user != nullptr && *user != '\0' ? user : "uid" + std::to_string(getuid());
  return name + "@" + (host[0] != '\0' ? host : "unknown");
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // A connection or a pipe that closes is an error to see, not an end without a word.
  const saga::SystemClock clock;
  saga::ctl::Surroundings world{
      std::cin,
      std::cout,
      std::cerr,
      isatty(STDOUT_FILENO) != 0,
      isatty(STDERR_FILENO) != 0,
      terminal_width(),
      [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      user_at_host(),
      clock,
      [](saga::Millis duration) { std::this_thread::sleep_for(duration); },
  };
  return saga::ctl::run({argv + 1, argv + argc}, world);
}
