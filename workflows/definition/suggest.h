// What a person most likely meant by a word that is not known.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace saga::workflows {

/// The member of `known` that `word` is most likely a slip of, or empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// "a, b, c".
[[nodiscard]] std::string list_of(std::span<const std::string_view> words);

}  // namespace saga::workflows
