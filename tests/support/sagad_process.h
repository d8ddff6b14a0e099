// The real `sagad` on a free port. The binary is the one that the test was built with (`SAGAD_BINARY`, set by CMake).
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"

namespace saga::testing {

/// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sagad-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  /// Writes a file and gives its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
    return path(name);
  }

 private:
  std::string path_;
};

/// One `sagad`, started on 127.0.0.1 and any free port.
class SagadProcess {
 public:
  explicit SagadProcess(std::vector<std::string> arguments, const std::vector<std::string>& environment = {})
      : child_(command(std::move(arguments)), environment) {}

  /// Waits for the line that says it is ready, and reads the port from it. False when it ends without.
  bool ready() {
    constexpr std::string_view kBegin = "sagad ready on http://127.0.0.1:";
    const auto line = child_.read_line();
    if (!line || !line->starts_with(kBegin)) return false;
    port_ = static_cast<std::uint16_t>(std::stoi(line->substr(kBegin.size())));
    return true;
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] ChildProcess& child() { return child_; }

 private:
  static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {SAGAD_BINARY, "--listen", "127.0.0.1:0"});
    return arguments;
  }

  ChildProcess child_;
  std::uint16_t port_ = 0;
};

}  // namespace saga::testing
