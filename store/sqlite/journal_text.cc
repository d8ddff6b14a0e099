#include "store/sqlite/journal_text.h"

#include <array>
#include <charconv>
#include <system_error>

namespace saga::store::sqlite {
namespace {

/// What stands around an event's own texts, its time included, is shorter.
constexpr std::size_t kMostAround = 40;

/// Takes a text apart from its front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  std::optional<std::int64_t> number() {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (problem != std::errc{}) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  /// Up to and without `stop`, which is skipped.
  std::optional<std::string_view> until(char stop) {
    const std::size_t at = rest_.find(stop);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view found = rest_.substr(0, at);
    rest_.remove_prefix(at + 1);
    return found;
  }

  /// One JSON object, of which just the end is looked for.
  std::optional<std::string_view> object() {
    if (!rest_.starts_with('{')) return std::nullopt;
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t at = 0; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (quoted) {
        if (c == '\\') ++at;
        if (c == '"') quoted = false;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '{') {
        ++depth;
      } else if (c == '}' && --depth == 0) {
        const std::string_view found = rest_.substr(0, at + 1);
        rest_.remove_prefix(at + 1);
        return found;
      }
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

}  // namespace

void write_journal_text(std::string& out, std::span<const Record> events) {
  std::size_t size = 2;
  for (const Record& event : events) size += kMostAround + event.type.size() + event.data.size();
  out.clear();
  out.reserve(size);
  out += '[';
  for (const Record& event : events) {
    out += out.size() > 1 ? ",[" : "[";
    std::array<char, 20> digits;  // Of any 64-bit number.
    out.append(digits.data(), std::to_chars(digits.begin(), digits.end(), event.at.ms).ptr);
    out += ",\"";
    out += event.type;
    out += "\",";
    out += event.data;
    out += ']';
  }
  out += ']';
}

std::optional<std::vector<Record>> read_journal_text(std::string_view text, std::int64_t last_seq) {
  std::vector<Record> events;
  Scanner scanner(text);
  if (!scanner.skip("[")) return std::nullopt;
  do {
    if (!scanner.skip("[")) return std::nullopt;
    const auto at = scanner.number();
    if (!at || !scanner.skip(",\"")) return std::nullopt;
    const auto type = scanner.until('"');
    if (!type || !scanner.skip(",")) return std::nullopt;
    const auto data = scanner.object();
    if (!data || !scanner.skip("]")) return std::nullopt;
    events.push_back(Record{0, Timestamp{*at}, std::string(*type), std::string(*data)});
  } while (scanner.skip(","));
  if (!scanner.skip("]") || !scanner.at_end()) return std::nullopt;
  std::int64_t seq = last_seq - static_cast<std::int64_t>(events.size());
  if (seq < 0) return std::nullopt;
  for (Record& event : events) event.seq = ++seq;
  return events;
}

}  // namespace saga::store::sqlite
