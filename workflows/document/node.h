// A document as it was written: one tree for YAML and JSON alike, in which every value and key knows where it stands,
// so that whatever is wrong with it can be shown to the person who wrote it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace saga::workflows {

struct Node {
  enum class Kind { kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kScalar;
  TextPosition position;
  Json scalar;                 ///< Of a scalar: its value, never a list or an object.
  std::vector<Node> items;     ///< Of a list.
  std::vector<Entry> entries;  ///< Of a map, in the order of the file, no key twice.

  /// The bytes between `position` and the first of a string (1 for a quote), and how many of the string's bytes stand
  /// in the file just as they are, on one line. 0 for a block or where an escape comes first.
  std::size_t lead = 0;
  std::size_t verbatim = 0;

  /// Where byte `offset` of this string stands; where that cannot be told, where the string begins.
  [[nodiscard]] TextPosition at(std::size_t offset) const;

  [[nodiscard]] bool is_map() const { return kind == Kind::kMap; }
  [[nodiscard]] bool is_list() const { return kind == Kind::kList; }
  [[nodiscard]] bool is_string() const { return kind == Kind::kScalar && scalar.is_string(); }
  [[nodiscard]] const std::string& text() const { return scalar.get_ref<const std::string&>(); }  ///< Of a string.

  /// The value under `key`, or null.
  [[nodiscard]] const Node* find(std::string_view key) const;

  /// The value inside this one that a JSON Pointer names, or null.
  [[nodiscard]] const Node* find_pointer(std::string_view pointer) const;

  /// The value without positions and layout.
  [[nodiscard]] Json to_json() const;
};

struct Node::Entry {
  std::string key;
  TextPosition position;
  Node value;
};

/// Null at `position`.
[[nodiscard]] Node null_node(TextPosition position);

/// The value in a sentence: "the text 'abc'", "the number 5", "true", "empty (null)", "a list", "a mapping".
[[nodiscard]] std::string describe(const Node& node);

/// `text` as part of a message: on one line, and cut when it is long.
[[nodiscard]] std::string quote(std::string_view text);

/// How many bytes of `value` stand at the front of `source`, up to the end of its line.
[[nodiscard]] std::size_t verbatim_length(std::string_view source, std::string_view value);

}  // namespace saga::workflows
