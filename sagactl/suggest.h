// What is meant by a command that other tools have.
#pragma once

#include <string_view>

namespace saga::ctl {

/// "describe" → "inspect", "history" → "events"; empty for a word that is nobody's habit.
[[nodiscard]] std::string_view habitual(std::string_view command);

}  // namespace saga::ctl
