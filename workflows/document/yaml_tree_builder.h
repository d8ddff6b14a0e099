// Turns yaml-cpp's events into a `Node` tree. yaml-cpp accepts much that a definition must not hold (repeated keys,
// quotes that never close, keys without a colon), so the events are checked against the text they were read from.
#pragma once

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "workflows/document/node.h"
#include "workflows/document/problems.h"

namespace saga::workflows {

/// Thrown through yaml-cpp, which has no other way to be stopped; the problem has been added by then.
struct StopReading {};

class YamlTreeBuilder final : public YAML::EventHandler {
 public:
  struct Opened {
    TextPosition position;
    bool flow = false;
    bool map = false;
  };

  YamlTreeBuilder(std::string_view text, std::size_t first_line, Problems& problems)
      : text_(text), first_line_(first_line), problems_(problems) {}

  /// The tree, when a document was read and every part of it has a meaning.
  [[nodiscard]] std::optional<Node> take();
  [[nodiscard]] bool has_document() const { return has_document_; }
  /// The innermost list or mapping that has begun and not ended.
  [[nodiscard]] std::optional<Opened> innermost() const;
  [[nodiscard]] TextPosition position_of(const YAML::Mark& mark) const;

  void OnDocumentStart(const YAML::Mark& mark) override;
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { close(); }

 private:
  struct Key {
    std::string name;
    TextPosition position;
    std::size_t offset = 0;
  };
  struct Container {
    Node node;
    bool flow = false;
    std::optional<Key> key;                              ///< Read, its value not yet.
    std::unordered_map<std::string, std::size_t> lines;  ///< Of a map: where each key stands.
  };

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, bool flow);
  void close();
  void place(Node node);
  void take_key(const YAML::Mark& mark, std::string name, bool quoted);
  [[nodiscard]] bool expects_key() const;
  [[nodiscard]] bool inside_flow() const;

  void check_anchor(const YAML::Mark& mark, YAML::anchor_t anchor);
  void check_tag(const YAML::Mark& mark, const std::string& tag, bool quoted);
  void check_indentation(const YAML::Mark& mark);
  void check_quotes_close(const YAML::Mark& mark);
  void refuse(const YAML::Mark& mark, std::string message);
  [[noreturn]] void stop(TextPosition position, std::string message);

  [[nodiscard]] std::string_view text_from(const YAML::Mark& mark) const;

  std::string_view text_;
  std::size_t first_line_;
  Problems& problems_;
  bool has_document_ = false;
  bool sound_ = true;
  int last_line_checked_ = -1;
  std::vector<Container> open_;
  std::optional<Node> root_;
};

}  // namespace saga::workflows
