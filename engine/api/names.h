// What names a client may give, checked before anything else looks at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace saga::api {

/// `[A-Za-z0-9][A-Za-z0-9._:-]{0,127}`: an id that a client may give. `kInvalid` says what is wrong with it.
[[nodiscard]] Result<void> check_id(std::string_view id);

/// True for what could be the id of any saga, a child's `parent~step` included.
[[nodiscard]] bool could_be_id(std::string_view id);

/// "NAME" or "NAME/VERSION" taken apart.
struct WorkflowName {
  std::string name;
  std::optional<std::int64_t> version;
};
[[nodiscard]] Result<WorkflowName> parse_workflow_name(std::string_view text);

/// The whole of `text` as a number from 1; none otherwise.
[[nodiscard]] std::optional<std::int64_t> parse_version(std::string_view text);

/// Well-formed UTF-8 without control characters.
[[nodiscard]] bool is_plain_text(std::string_view text);

/// Characters (not bytes) of well-formed UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view text);

/// ": did you mean 'x'?" when one of `names` is near `text`, else ": expected one of a, b, c", at most eight of them;
/// empty when there are none.
[[nodiscard]] std::string suggestion(std::string_view text, const std::vector<std::string_view>& names);

/// `text` for a message: quoted, cut to 80 bytes, control characters replaced.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace saga::api
