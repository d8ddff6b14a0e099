#include "workflows/document/json_reader.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/check.h"

namespace saga::workflows {
namespace {

/// Walks a text that is known to be JSON beside the value read from it. Depth is bounded by `kMaxJsonDepth`.
class PositionWalk {
 public:
  PositionWalk(std::string_view text, Problems& problems) : text_(text), problems_(problems) {}

  Node value(const Json& json) {
    skip_blanks();
    Node node;
    node.position = position();
    if (json.is_object()) {
      node.kind = Node::Kind::kMap;
      read_entries(json, node);
    } else if (json.is_array()) {
      node.kind = Node::Kind::kList;
      read_items(json, node);
    } else {
      read_scalar(json, node);
    }
    return node;
  }

 private:
  void read_entries(const Json& json, Node& node) {
    ++at_;
    while (next_unless('}')) {
      const TextPosition key_position = position();
      std::string key = Json::parse(string_token()).get<std::string>();
      skip_blanks();
      SAGA_CHECK(text_[at_] == ':', "a colon after a key of parsed JSON");
      ++at_;
      Node entry = value(json.at(key));
      node.entries.push_back({std::move(key), key_position, std::move(entry)});
    }
  }

  void read_items(const Json& json, Node& node) {
    ++at_;
    for (std::size_t i = 0; next_unless(']'); ++i) node.items.push_back(value(json.at(i)));
  }

  void read_scalar(const Json& json, Node& node) {
    node.scalar = json;
    if (json.is_string()) {
      node.lead = 1;
      node.verbatim = verbatim_length(text_.substr(at_ + 1), node.text());
      (void)string_token();
      return;
    }
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n,]}", at_), text_.size());
    const std::string_view token = text_.substr(at_, end - at_);
    if (json.is_number_float() && token.find_first_of(".eE") == std::string_view::npos) {
      problems_.add(node.position,
                    fmt::format("{} does not fit in 64 bits: write it in quotes to keep it as a text", quote(token)));
    }
    at_ = end;
  }

  /// Moves to the next entry or item; false, and past `closing`, where there is none.
  bool next_unless(char closing) {
    skip_blanks();
    if (text_[at_] == ',') {
      ++at_;
      skip_blanks();
    }
    if (text_[at_] != closing) return true;
    ++at_;
    return false;
  }

  std::string_view string_token() {
    const std::size_t begin = at_;
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void skip_blanks() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        line_begin_ = at_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
    }
  }

  [[nodiscard]] TextPosition position() const { return {line_, at_ - line_begin_ + 1}; }

  std::string_view text_;
  Problems& problems_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t line_begin_ = 0;
};

}  // namespace

std::optional<Node> read_json_tree(std::string_view text, Problems& problems) {
  const auto parsed = parse_json(text);
  if (!parsed) {
    problems.add(parsed.error().position, parsed.error().message);
    return std::nullopt;
  }
  return PositionWalk(text, problems).value(*parsed);
}

}  // namespace saga::workflows
