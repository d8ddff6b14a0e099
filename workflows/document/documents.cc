#include "workflows/document/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "workflows/document/json_reader.h"
#include "workflows/document/yaml_reader.h"

namespace saga::workflows {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

TextPosition position_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const auto line_begin = before.rfind('\n');
  return {lines + 1, line_begin == std::string_view::npos ? offset + 1 : offset - line_begin};
}

/// How many bytes the UTF-8 character at the front of `text` has; 0 when it is not one (overlong forms and surrogates
/// too).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[i])) : 0U;
  };
  const auto follows = [&](std::size_t i, unsigned low, unsigned high) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

/// A carriage return belongs to a line's end; alone it would end a line for YAML and for nobody else.
bool is_forbidden_control(std::string_view text, std::size_t offset) {
  const char c = text[offset];
  if (c == '\r') return offset + 1 >= text.size() || text[offset + 1] != '\n';
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7F;
}

bool check_characters(std::string_view text, Problems& problems) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text.substr(i));
    const auto byte = static_cast<unsigned>(static_cast<unsigned char>(text[i]));
    if (length == 0) {
      problems.add(position_at(text, i), fmt::format("byte 0x{:02x} is not UTF-8 here: save the file as UTF-8", byte));
      return false;
    }
    if (is_forbidden_control(text, i)) {
      problems.add(
          position_at(text, i),
          fmt::format("control character 0x{:02x} is not allowed: write it as an escape in double quotes", byte));
      return false;
    }
    i += length;
  }
  return true;
}

struct Part {
  std::string_view text;
  std::size_t first_line = 1;
};

bool is_marker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

bool is_blank_or_comment(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

/// The documents of a YAML file, by its lines `---` and `...`, which nothing inside a document can be. Comments and
/// directives before a `---` belong to the document it begins, a rest of comments to the one before.
std::vector<Part> split_yaml(std::string_view text) {
  std::vector<Part> parts;
  std::size_t begin = 0;
  std::size_t begin_line = 1;
  bool has_content = false;  // Of the part that is being gathered.
  const auto cut = [&](std::size_t offset, std::size_t line) {
    parts.push_back({text.substr(begin, offset - begin), begin_line});
    begin = offset;
    begin_line = line;
    has_content = false;
  };
  std::size_t line_number = 1;
  for (std::size_t at = 0; at < text.size(); ++line_number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::size_t next = std::min(end + 1, text.size());
    const std::string_view line = text.substr(at, end - at);
    if (is_marker(line, "---")) {
      if (has_content) cut(at, line_number);
      has_content = true;
    } else if (is_marker(line, "...")) {
      if (has_content) cut(next, line_number + 1);
    } else if (!is_blank_or_comment(line) && !line.starts_with('%')) {
      has_content = true;
    }
    at = next;
  }
  if (has_content || parts.empty()) {
    cut(text.size(), line_number);
  } else if (begin < text.size()) {
    // Whole lines from the last part on: the texts lie next to each other.
    parts.back().text = text.substr(static_cast<std::size_t>(parts.back().text.data() - text.data()));
  }
  return parts;
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

std::vector<Document> read_documents(std::string_view text, Problems& problems) {
  std::vector<Document> documents;
  if (text.size() > kMaxDefinitionBytes) {
    problems.add(
        {}, fmt::format("the file has more than {} bytes (1 MiB), which is the most a file of definitions may have",
                        kMaxDefinitionBytes));
    return documents;
  }
  const std::string_view body = text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
  if (!check_characters(body, problems)) return documents;

  if (looks_like_json(body)) {
    if (auto root = read_json_tree(body, problems)) documents.push_back({std::move(*root), std::string(text)});
    return documents;
  }
  const std::vector<Part> parts = split_yaml(body);
  for (const Part& part : parts) {
    auto root = read_yaml(part.text, part.first_line, problems);
    if (!root) continue;
    documents.push_back({std::move(*root), std::string(parts.size() == 1 ? text : part.text)});
  }
  return documents;
}

}  // namespace saga::workflows
