#include "store/sqlite/tag_text.h"

#include <fmt/format.h>

#include "base/json.h"

namespace saga::store::sqlite {

std::string tags_to_text(const Tags& tags) {
  std::string text = "[";
  for (const auto& [name, value] : tags) {
    text += text.size() == 1 ? "[" : ",[";
    text += json_string(name) + ',' + json_string(value) + ']';
  }
  text += ']';
  return text;
}

Result<Tags> tags_from_text(std::string_view text) {
  const Result<Json> json = read_json(text);
  if (!json || !json->is_array())
    return fail(ErrorCode::kCorruption, fmt::format("tags expected as an array of pairs, got {}", text));
  Tags tags;
  for (const Json& pair : *json) {
    const bool fits = pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string();
    if (!fits)
      return fail(ErrorCode::kCorruption, fmt::format("a tag expected as a pair of strings, got {}", dump_json(pair)));
    tags.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
  }
  return tags;
}

}  // namespace saga::store::sqlite
