// Tags as they stand in a saga's row: a JSON array of pairs, readable with any SQLite shell, in the order given.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace saga::store::sqlite {

using Tags = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] std::string tags_to_text(const Tags& tags);
[[nodiscard]] Result<Tags> tags_from_text(std::string_view text);  ///< `kCorruption`.

}  // namespace saga::store::sqlite
