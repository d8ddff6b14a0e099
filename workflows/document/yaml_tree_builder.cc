#include "workflows/document/yaml_tree_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "workflows/document/core_schema.h"

namespace saga::workflows {
namespace {

constexpr std::string_view kPlainTag = "?";
constexpr std::string_view kQuotedTag = "!";

/// True when `text`, which begins with a quote, has the quote that ends it.
bool has_closing_quote(std::string_view text) {
  const char quote_mark = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote_mark == '"') {
      ++i;
    } else if (text[i] == quote_mark) {
      if (quote_mark == '"' || i + 1 == text.size() || text[i + 1] != '\'') return true;
      ++i;
    }
  }
  return false;
}

}  // namespace

std::optional<Node> YamlTreeBuilder::take() {
  if (!sound_) return std::nullopt;
  return std::exchange(root_, std::nullopt);
}

std::optional<YamlTreeBuilder::Opened> YamlTreeBuilder::innermost() const {
  if (open_.empty()) return std::nullopt;
  return Opened{open_.back().node.position, open_.back().flow, open_.back().node.is_map()};
}

TextPosition YamlTreeBuilder::position_of(const YAML::Mark& mark) const {
  if (mark.is_null()) return {first_line_, 1};
  return {first_line_ + static_cast<std::size_t>(mark.line), static_cast<std::size_t>(mark.column) + 1};
}

std::string_view YamlTreeBuilder::text_from(const YAML::Mark& mark) const {
  const auto offset = static_cast<std::size_t>(mark.pos);
  return mark.is_null() || offset >= text_.size() ? std::string_view() : text_.substr(offset);
}

void YamlTreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  if (has_document_) {
    stop(position_of(mark),
         "expected the end of the document here: what follows belongs to none of its keys (look at the indentation)");
  }
  has_document_ = true;
}

void YamlTreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  check_anchor(mark, anchor);
  if (expects_key()) stop(position_of(mark), "expected a key before ':'");
  Node node = null_node(position_of(mark));
  if (!open_.empty()) {
    Container& parent = open_.back();
    if (parent.key) {
      // yaml-cpp takes "key" on a line of its own for a key without a value.
      if (static_cast<std::size_t>(mark.pos) <= parent.key->offset && !inside_flow()) {
        stop(parent.key->position, fmt::format("expected ':' after the key {}", quote(parent.key->name)));
      }
      // A value that is not there is marked where the next thing begins, which may be lines away.
      if (node.position.line != parent.key->position.line) node.position = parent.key->position;
    } else if (parent.flow && (text_from(mark).starts_with(',') || text_from(mark).starts_with(']'))) {
      stop(node.position, "expected a value between '[', ',' and ']'");
    }
  }
  place(std::move(node));
}

void YamlTreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t) {
  if (expects_key()) stop(position_of(mark), "aliases (*name) are not allowed: write the key out");
  refuse(mark, "aliases (*name) are not allowed: write the value out");
  place(null_node(position_of(mark)));
}

void YamlTreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                               const std::string& value) {
  const std::string_view source = text_from(mark);
  const bool quoted = source.starts_with('"') || source.starts_with('\'');
  const bool block = source.starts_with('|') || source.starts_with('>');
  check_anchor(mark, anchor);
  check_tag(mark, tag, quoted || block);
  check_indentation(mark);
  if (quoted) check_quotes_close(mark);
  if (expects_key()) return take_key(mark, value, quoted);

  Node node;
  node.position = position_of(mark);
  if (tag == kPlainTag) {
    auto resolved = resolve_plain_scalar(value);
    if (!resolved) {
      refuse(mark, resolved.error().message);
    } else {
      node.scalar = std::move(*resolved);
    }
  } else {
    node.scalar = value;
  }
  if (node.is_string() && !block && !source.empty()) {
    node.lead = quoted ? 1 : 0;
    node.verbatim = verbatim_length(source.substr(node.lead), value);
  }
  place(std::move(node));
}

void YamlTreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                      YAML::EmitterStyle::value style) {
  open(Node::Kind::kList, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
}

void YamlTreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                 YAML::EmitterStyle::value style) {
  open(Node::Kind::kMap, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
}

void YamlTreeBuilder::open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           bool flow) {
  if (expects_key()) {
    const bool map = kind == Node::Kind::kMap;
    stop(position_of(mark),
         fmt::format("expected a text as key, but it is {} (is its '{}' missing?); a text that begins with "
                     "'{{' or '[' stands in quotes",
                     map ? "a mapping" : "a list", map ? '}' : ']'));
  }
  if (open_.size() == kMaxJsonDepth) {
    stop(position_of(mark), fmt::format("nested deeper than {} levels", kMaxJsonDepth));
  }
  check_anchor(mark, anchor);
  check_tag(mark, tag, false);
  check_indentation(mark);
  Container container;
  container.node.kind = kind;
  container.node.position = position_of(mark);
  container.flow = flow;
  open_.push_back(std::move(container));
}

void YamlTreeBuilder::close() {
  Node node = std::move(open_.back().node);
  open_.pop_back();
  place(std::move(node));
}

void YamlTreeBuilder::place(Node node) {
  if (open_.empty()) {
    root_ = std::move(node);
    return;
  }
  Container& parent = open_.back();
  if (parent.node.is_list()) {
    parent.node.items.push_back(std::move(node));
    return;
  }
  Key key = std::move(*parent.key);
  parent.key.reset();
  const auto [first, is_new] = parent.lines.emplace(key.name, key.position.line);
  if (!is_new) {
    problems_.add(key.position,
                  fmt::format("key {} is there twice: the first stands in line {}", quote(key.name), first->second));
    return;
  }
  parent.node.entries.push_back({std::move(key.name), key.position, std::move(node)});
}

bool YamlTreeBuilder::inside_flow() const {
  return std::any_of(open_.begin(), open_.end(), [](const Container& container) { return container.flow; });
}

bool YamlTreeBuilder::expects_key() const { return !open_.empty() && open_.back().node.is_map() && !open_.back().key; }

void YamlTreeBuilder::take_key(const YAML::Mark& mark, std::string name, bool quoted) {
  if (name == "<<" && !quoted) refuse(mark, "merge keys ('<<') are not allowed: write the values out");
  open_.back().key = Key{std::move(name), position_of(mark), static_cast<std::size_t>(mark.pos)};
}

void YamlTreeBuilder::check_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
  if (anchor != YAML::NullAnchor)
    refuse(mark, "anchors (&name) are not allowed: write the value out where it is needed");
}

void YamlTreeBuilder::check_tag(const YAML::Mark& mark, const std::string& tag, bool quoted) {
  if (tag == kPlainTag || (tag == kQuotedTag && quoted)) return;
  refuse(mark, "tags (!name) are not allowed: a text stands in quotes, everything else as it is");
}

void YamlTreeBuilder::check_indentation(const YAML::Mark& mark) {
  if (mark.line == last_line_checked_) return;
  last_line_checked_ = mark.line;
  const std::string_view line = text_.substr(static_cast<std::size_t>(mark.pos - mark.column));
  const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
  if (tab == std::string_view::npos) return;
  problems_.add({position_of(mark).line, tab + 1}, "a tab cannot indent YAML: use spaces");
}

void YamlTreeBuilder::check_quotes_close(const YAML::Mark& mark) {
  if (!has_closing_quote(text_from(mark))) stop(position_of(mark), "the quote that begins here is never closed");
}

void YamlTreeBuilder::refuse(const YAML::Mark& mark, std::string message) {
  sound_ = false;
  problems_.add(position_of(mark), std::move(message));
}

void YamlTreeBuilder::stop(TextPosition position, std::string message) {
  problems_.add(position, std::move(message));
  throw StopReading{};
}

}  // namespace saga::workflows
