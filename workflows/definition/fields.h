// Reads a mapping of a definition and the typed values in it. Every reader gives nothing where the value does not fit,
// having said in one sentence what was expected and what came, so that reading goes on with the rest of the file.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

inline constexpr std::int64_t kNoLargest = std::numeric_limits<std::int64_t>::max();
inline constexpr double kNoHighest = std::numeric_limits<double>::infinity();

/// A key that is known elsewhere, and why it is not here.
struct Misplaced {
  std::string_view key;
  std::string_view why;
};

/// Says of each key of `map` that is not in `known` what it may have been meant to be, or why it is not there. `owner`
/// is what has the keys: "a step", "'retry'".
void check_keys(const Node& map, std::string_view owner, std::span<const std::string_view> known, Problems& problems,
                std::span<const Misplaced> misplaced = {});

/// "'KEY' must be EXPECTED, but it is …".
void refuse_value(const Node& node, std::string_view key, std::string_view expected, Problems& problems);

[[nodiscard]] bool require_map(const Node& node, std::string_view key, std::string_view expected, Problems& problems);

[[nodiscard]] std::optional<std::string> read_text(const Node& node, std::string_view key, Problems& problems);
[[nodiscard]] std::optional<bool> read_bool(const Node& node, std::string_view key, Problems& problems);
[[nodiscard]] std::optional<std::int64_t> read_whole(const Node& node, std::string_view key, std::int64_t low,
                                                     std::int64_t high, Problems& problems);
[[nodiscard]] std::optional<double> read_number(const Node& node, std::string_view key, double low, double high,
                                                Problems& problems);
[[nodiscard]] std::optional<Millis> read_duration(const Node& node, std::string_view key, Problems& problems);

/// The place of the value in `choices`.
[[nodiscard]] std::optional<std::size_t> read_choice(const Node& node, std::string_view key,
                                                     std::span<const std::string_view> choices, Problems& problems);

/// What a name looks like: a-z, 0-9 and `besides`, beginning with a letter.
struct NamePattern {
  std::string_view shown;  ///< "[a-z][a-z0-9_]*".
  bool may_begin_with_digit = false;
  std::string_view besides;  ///< Allowed after the first character.
  std::size_t most = 0;      ///< Characters; 0: any number.
};
inline constexpr NamePattern kWorkflowName{
    .shown = "[a-z0-9][a-z0-9_-]*", .may_begin_with_digit = true, .besides = "_-", .most = 64};
inline constexpr NamePattern kStepName{.shown = "[a-z][a-z0-9_]*", .besides = "_", .most = 48};  ///< And of a group.

[[nodiscard]] bool fits(std::string_view name, const NamePattern& pattern);
[[nodiscard]] std::optional<std::string> read_name(const Node& node, std::string_view key, const NamePattern& pattern,
                                                   Problems& problems);

}  // namespace saga::workflows
