#include "workers/protocol/header_lines.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

constexpr std::string_view kBetween = ": ";
constexpr std::string_view kEnd = "\r\n";

constexpr std::array<std::string_view, 7> kFraming = {
    "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"};

bool is_framing(std::string_view name) {
  return std::ranges::any_of(kFraming, [&](std::string_view framing) { return equal_ignoring_case(framing, name); });
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

/// Eight characters at a time: what stands in a header is looked at for every call.
bool has_control(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = 0x8080808080808080;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data(), sizeof eight);
    const std::uint64_t below_blank = (eight - kOnes * ' ') & ~eight & kTops;
    const std::uint64_t delete_is_zero = eight ^ (kOnes * 0x7f);
    const std::uint64_t is_delete = (delete_is_zero - kOnes) & ~delete_is_zero & kTops;
    if ((below_blank | is_delete) != 0) return true;
    text.remove_prefix(sizeof eight);
  }
  return std::ranges::any_of(text, is_control);
}

char* write(char* at, std::string_view piece) { return std::copy(piece.begin(), piece.end(), at); }

}  // namespace

HeaderLines::HeaderLines(std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
  for (const auto& [name, value] : headers) add(name, value);
}

void HeaderLines::add_protocol(std::string_view name, std::initializer_list<std::string_view> pieces) {
  append(name, pieces);
}

void HeaderLines::add(std::string_view name, std::string_view value) {
  std::string kept;
  if (!std::ranges::all_of(name, is_token_character)) {
    std::ranges::copy_if(name, std::back_inserter(kept), is_token_character);
    name = kept;
  }
  if (name.empty() || is_framing(name)) return;
  has_others_ = true;
  append(name, {value});
}

void HeaderLines::append(std::string_view name, std::initializer_list<std::string_view> pieces) {
  const std::size_t start = text_.size();
  std::size_t size = name.size() + kBetween.size() + kEnd.size();
  for (const std::string_view piece : pieces) size += piece.size();
  text_.resize(start + size);
  char* at = write(write(&text_[start], name), kBetween);
  const std::span<char> value(at, size - name.size() - kBetween.size() - kEnd.size());
  for (const std::string_view piece : pieces) at = write(at, piece);
  write(at, kEnd);
  if (has_control({value.data(), value.size()})) std::ranges::replace_if(value, is_control, ' ');
}

std::optional<std::string_view> HeaderLines::find(std::string_view name) const {
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find(kEnd));
    const auto colon = line.find(kBetween);
    if (equal_ignoring_case(line.substr(0, colon), name)) return line.substr(colon + kBetween.size());
    rest.remove_prefix(line.size() + kEnd.size());
  }
  return std::nullopt;
}

}  // namespace saga::workers
