// Which sagas belong together, as their ids say: `PARENT~STEP` is a child of `PARENT`, and no id that is given has a
// '~'.
#pragma once

#include <string>
#include <string_view>

namespace saga::store {

inline constexpr char kChildMark = '~';

[[nodiscard]] inline bool is_child(std::string_view id) { return id.find(kChildMark) != std::string_view::npos; }

/// The saga that `id` descends from; itself if it is no child.
[[nodiscard]] inline std::string root_of(std::string_view id) { return std::string(id.substr(0, id.find(kChildMark))); }

}  // namespace saga::store
