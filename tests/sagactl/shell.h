// A person at a keyboard: runs whole commands against a stub server, with streams to look at and a clock that only
// moves when a command lets time pass.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "sagactl/cli.h"
#include "tests/sagactl/stub_server.h"

namespace saga::ctl {

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

/// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sagactl-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  /// The path of a new file with `content`.
  std::string file(const std::string& name, const std::string& content) const {
    const std::string path = (path_ / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace saga::ctl
