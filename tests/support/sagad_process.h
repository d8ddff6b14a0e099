// The real `sagad` on a free port. The binary is the one that the test was built with (`SAGAD_BINARY`, set by CMake).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace saga::testing {

/// One `sagad`, started on 127.0.0.1 and any free port.
class SagadProcess {
 public:
  explicit SagadProcess(std::vector<std::string> arguments, const std::vector<std::string>& environment = {})
      : child_(command(std::move(arguments)), environment) {}

  /// Waits for the line that says it is ready, and reads the port from it. False when it ends without.
  bool ready() {
    constexpr std::string_view kBegin = "sagad ready on ";
    const auto line = child_.read_line();
    if (!line || !line->starts_with(kBegin)) return false;
    url_ = line->substr(kBegin.size());
    port_ = static_cast<std::uint16_t>(std::stoi(url_.substr(url_.rfind(':') + 1)));
    return true;
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& url() const { return url_; }  ///< As the line says it.
  [[nodiscard]] ChildProcess& child() { return child_; }

 private:
  static std::vector<std::string> command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {SAGAD_BINARY, "--listen", "127.0.0.1:0"});
    return arguments;
  }

  ChildProcess child_;
  std::uint16_t port_ = 0;
  std::string url_;
};

}  // namespace saga::testing
