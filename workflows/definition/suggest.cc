#include "workflows/definition/suggest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace saga::workflows {
namespace {

constexpr std::size_t kLongestWord = 64;

/// How many letters must be changed, added or left out to make `b` of `a`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// The same word in lower case and without what separates its parts: "maxAttempts" is "max_attempts".
std::string plain(std::string_view word) {
  std::string letters;
  for (const char c : word) {
    if (c == '_' || c == '-' || c == ' ') continue;
    letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return letters;
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > kLongestWord) return {};
  const std::string meant = plain(word);
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 2) + 1;
  for (const std::string_view candidate : known) {
    const std::string letters = plain(candidate);
    std::size_t apart = distance(meant, letters);
    // A beginning counts as one slip, however much is missing: "desc".
    if (meant.size() >= 3 && letters.starts_with(meant)) apart = std::min<std::size_t>(apart, 1);
    if (apart < best_distance) {
      best = candidate;
      best_distance = apart;
    }
  }
  return best;
}

std::string list_of(std::span<const std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) {
    if (!list.empty()) list += ", ";
    list += word;
  }
  return list;
}

}  // namespace saga::workflows
