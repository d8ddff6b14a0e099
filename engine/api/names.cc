#include "engine/api/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "workers/protocol/text.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxId = 128;

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_id_character(char c) { return is_alnum(c) || c == '.' || c == '_' || c == ':' || c == '-'; }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Result<void> check_id(std::string_view id) {
  constexpr std::string_view kExpected = "expected 1 to 128 of A-Z a-z 0-9 . _ : - with a letter or digit first";
  if (id.empty()) return fail(ErrorCode::kInvalid, fmt::format("{}, but it is empty", kExpected));
  if (id.size() > kMaxId) {
    return fail(ErrorCode::kInvalid, fmt::format("{}, but it has {} characters", kExpected, id.size()));
  }
  if (!is_alnum(id.front()) || !std::all_of(id.begin(), id.end(), is_id_character)) {
    return fail(ErrorCode::kInvalid, fmt::format("{}, but it is {}", kExpected, quote(id)));
  }
  return {};
}

bool could_be_id(std::string_view id) {
  constexpr std::size_t kMaxChildId = 1024;  // A child's id has its ancestors' step names appended.
  return !id.empty() && id.size() <= kMaxChildId && is_alnum(id.front()) &&
         std::all_of(id.begin(), id.end(), [](char c) { return is_id_character(c) || c == '~'; });
}

std::optional<std::int64_t> parse_version(std::string_view text) {
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc{} || end != text.data() + text.size() || version < 1) return std::nullopt;
  return version;
}

Result<WorkflowName> parse_workflow_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  WorkflowName parsed{std::string(text.substr(0, slash)), std::nullopt};
  if (slash != std::string_view::npos) {
    parsed.version = parse_version(text.substr(slash + 1));
    if (!parsed.version) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("expected NAME or NAME/VERSION with a whole number from 1, but it is {}", quote(text)));
    }
  }
  if (parsed.name.empty()) return fail(ErrorCode::kInvalid, "expected NAME or NAME/VERSION, but the name is empty");
  return parsed;
}

bool is_plain_text(std::string_view text) {
  return workers::is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string suggestion(std::string_view text, const std::vector<std::string_view>& names) {
  constexpr std::size_t kLongestCompared = 64;
  constexpr std::size_t kMostListed = 8;
  if (names.empty()) return "";
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string_view name : names) {
    if (text.size() > kLongestCompared || name.size() > kLongestCompared) continue;
    const std::size_t distance = edit_distance(text, name);
    if (distance < least && distance < name.size()) {
      least = distance;
      nearest = name;
    }
  }
  if (!nearest.empty()) return fmt::format(": did you mean '{}'?", nearest);
  const std::size_t shown = std::min(names.size(), kMostListed);
  return fmt::format(": expected one of {}{}",
                     fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     shown < names.size() ? ", …" : "");
}

std::string quote(std::string_view text) {
  constexpr std::size_t kShown = 80;
  std::string shown = workers::bounded_utf8(text, kShown);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return fmt::format("'{}'{}", shown, text.size() > kShown ? "…" : "");
}

}  // namespace saga::api
