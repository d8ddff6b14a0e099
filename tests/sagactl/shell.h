// A person at a keyboard: runs whole commands against a stub server, with streams to look at and a clock that only
// moves when a command lets time pass.
#pragma once

#include <cstdio>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sagactl/cli.h"
#include "tests/sagactl/stub_server.h"
#include "tests/support/temp_folder.h"

namespace saga::ctl {

using saga::testing::TempFolder;

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return now_; }
  void advance(Millis duration) { now_ = now_ + duration; }

 private:
  Timestamp now_ = *parse_time("2026-11-23T03:21:20Z");
};

class Shell {
 public:
  explicit Shell(const StubServer& server) { environment["SAGACTL_SERVER"] = server.url(); }

  /// The exit code; `out` and `err` hold what was printed.
  int run(std::vector<std::string> arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    Surroundings world{in,
                       out_stream,
                       err_stream,
                       terminal,
                       terminal,
                       100,
                       [this](const std::string& name) -> std::optional<std::string> {
                         const auto at = environment.find(name);
                         return at == environment.end() ? std::nullopt : std::optional(at->second);
                       },
                       "ann@desk",
                       clock,
                       [this](Millis duration) {
                         clock.advance(duration);
                         pauses.push_back(duration);
                         if (on_pause) on_pause();
                       },
                       person,
                       [this]() -> std::function<bool()> { return interrupted ? interrupted : [] { return false; }; }};
    const int code = ctl::run(arguments, world);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }

  std::map<std::string, std::string> environment;
  bool terminal = false;
  bool person = false;                ///< Somebody is at the keyboard.
  std::function<bool()> interrupted;  ///< Whether Ctrl-C came, once it is caught.
  ManualClock clock;
  std::function<void()> on_pause;
  std::vector<Millis> pauses;
  std::string out;
  std::string err;
};

}  // namespace saga::ctl
