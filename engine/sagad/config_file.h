// The config file: YAML with the options' names, and `services`. Read strictly: what is not known is refused with its
// position and what was probably meant.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::sagad {

struct ConfigFile {
  /// Each option's values as text, as if they had been given as flags.
  std::map<std::string, std::vector<std::string>> options;
  workers::Services services;
};

/// `known`: the names of the options that may be there. `kInvalid` begins with "FILE:LINE:COL: error: ". A header's
/// "@PATH" is replaced by what that file holds, without the line's end.
[[nodiscard]] Result<ConfigFile> read_config_file(const std::string& path, const std::vector<std::string>& known);

/// The same of a text; `path` is used in messages, and relative "@PATH"s are the working directory's.
[[nodiscard]] Result<ConfigFile> parse_config(const std::string& text, const std::string& path,
                                              const std::vector<std::string>& known);

}  // namespace saga::sagad
