// Damages inputs at random, without libFuzzer's knowledge of what they reach: what every build can do.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saga::fuzz {

/// Equal seeds and equal inputs give equal damage.
class Mutator {
 public:
  /// `inputs` lend each other their parts; they outlive the mutator.
  Mutator(unsigned seed, const std::vector<std::string>& inputs) : random_(seed), inputs_(inputs) {}

  std::string damaged(std::string text) {
    for (std::size_t times = 1 + below(5); times > 0; --times) damage(text);
    return text;
  }

 private:
  static constexpr std::size_t kLongestPart = 40;
  /// Pieces that mean something to one of the parsers.
  static constexpr std::array<std::string_view, 34> kPieces{"\n",
                                                            "\r\n",
                                                            "\t",
                                                            " ",
                                                            "\"",
                                                            "'",
                                                            "\\",
                                                            "\\u0000",
                                                            "\\ud800",
                                                            "{",
                                                            "}",
                                                            "[",
                                                            "]",
                                                            ":",
                                                            ",",
                                                            "#",
                                                            "- ",
                                                            "---\n",
                                                            "${",
                                                            "$${",
                                                            "null",
                                                            "true",
                                                            "-1",
                                                            "0",
                                                            "1e999",
                                                            "9223372036854775808",
                                                            "4294967297",
                                                            "../",
                                                            "%2F",
                                                            "%00",
                                                            "\xc3",
                                                            "\xff",
                                                            "\xe2\x82\xac",
                                                            "~"};

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::string_view part_of(const std::string& text) {
    const std::size_t at = below(text.size() + 1);
    return std::string_view(text).substr(at, 1 + below(kLongestPart));
  }

  void damage(std::string& text) {
    const std::size_t at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        text.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 1:
        text.erase(at, 1 + below(kLongestPart));
        break;
      case 2:
        text.insert(at, std::string(part_of(text)));
        break;
      case 3:
        text.insert(at, part_of(inputs_[below(inputs_.size())]));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        break;
      default:
        text.replace(at, 1 + below(3), kPieces[below(kPieces.size())]);
        break;
    }
  }

  std::mt19937 random_;
  const std::vector<std::string>& inputs_;
};

}  // namespace saga::fuzz
