// Named sets of options, from $XDG_CONFIG_HOME/sagactl/config.yaml:
//
//   profiles:
//     production: { server: https://sagad.internal:7070, token_file: ~/.secrets/sagad, ca_file: ca.pem, output: table }
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace saga::ctl {

/// Empty where the profile does not say.
struct Profile {
  std::string server;
  std::string token_file;  ///< A path that can be opened: `~/` and what is relative to the config are worked out.
  std::string ca_file;
  std::string output;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Where the config is: below XDG_CONFIG_HOME, else below HOME/.config.
[[nodiscard]] std::string config_path(const Environment& environment);

/// The profile of that name. `kNotFound`: no such file or profile, with those there are; `kInvalid`:
/// "FILE:LINE:COL: error: …".
[[nodiscard]] Result<Profile> read_profile(const std::string& name, const Environment& environment);

}  // namespace saga::ctl
