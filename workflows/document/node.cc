#include "workflows/document/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace saga::workflows {

TextPosition Node::at(std::size_t offset) const {
  if (verbatim == 0 || offset > verbatim) return position;
  return {position.line, position.column + lead + offset};
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

const Node* Node::find_pointer(std::string_view pointer) const {
  const Node* node = this;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string part(pointer.substr(1, end - 1));
    pointer.remove_prefix(end);
    if (node->is_list()) {
      std::size_t index = 0;
      const auto [last, problem] = std::from_chars(part.data(), part.data() + part.size(), index);
      if (problem != std::errc{} || last != part.data() + part.size() || index >= node->items.size()) return nullptr;
      node = &node->items[index];
      continue;
    }
    for (std::size_t at = part.find('~'); at != std::string::npos; at = part.find('~', at + 1)) {
      part.replace(at, 2, part.substr(at, 2) == "~1" ? "/" : "~");
    }
    node = node->find(part);
    if (node == nullptr) return nullptr;
  }
  return node;
}

Json Node::to_json() const {
  switch (kind) {
    case Kind::kScalar:
      return scalar;
    case Kind::kList: {
      Json list = Json::array();
      for (const Node& item : items) list.push_back(item.to_json());
      return list;
    }
    case Kind::kMap: {
      Json object = Json::object();
      for (const Entry& entry : entries) object.emplace(entry.key, entry.value.to_json());
      return object;
    }
  }
  return {};
}

Node null_node(TextPosition position) {
  Node node;
  node.position = position;
  return node;
}

std::string describe(const Node& node) {
  if (node.is_map()) return "a mapping";
  if (node.is_list()) return "a list";
  if (node.scalar.is_string()) return "the text " + quote(node.text());
  if (node.scalar.is_number()) return "the number " + dump_json(node.scalar);
  if (node.scalar.is_null()) return "empty (null)";
  return dump_json(node.scalar);
}

std::string quote(std::string_view text) {
  constexpr std::size_t kMost = 64;
  std::string shown = "'";
  std::size_t end = std::min(text.size(), kMost);
  // A cut never falls inside a character.
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  for (const char c : text.substr(0, end)) {
    if (c == '\n') {
      shown += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      shown += c;
    }
  }
  if (end < text.size()) shown += "…";
  return shown + "'";
}

std::size_t verbatim_length(std::string_view source, std::string_view value) {
  std::size_t length = 0;
  while (length < source.size() && length < value.size() && source[length] == value[length] && value[length] != '\n') {
    ++length;
  }
  return length;
}

}  // namespace saga::workflows
