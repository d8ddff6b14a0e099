#include "workflows/document/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <string>

#include "workflows/document/yaml_tree_builder.h"

namespace saga::workflows {
namespace {

std::string_view line_of(std::string_view text, std::size_t line) {
  for (; line > 1; --line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

struct Explanation {
  std::string_view theirs;
  std::string_view ours;
};

/// yaml-cpp names the rule of its grammar that broke; whoever wrote the file wants to know what to write.
constexpr Explanation kExplanations[] = {
    {"illegal map value",
     "unexpected ':' here: a text that holds ': ' stands in quotes, and a key stands on a line of its own, indented "
     "like its neighbours"},
    {"illegal block entry", "unexpected '- ' here: a list begins on a line of its own"},
    {"illegal flow end", "unexpected ']' or '}' here: it closes nothing"},
    {"illegal map key", "unexpected '? ' here: a key is a plain text"},
    {"unknown token", "unexpected character here: a text that begins with it stands in quotes"},
    {"the referenced anchor is not defined", "aliases (*name) are not allowed: write the value out"},
    {"unexpected character in block scalar",
     "unexpected character here: after '|' or '>' the text begins on the next line; a text that begins with it stands "
     "in quotes"},
    {"illegal EOF in scalar", "the quote that begins here is never closed"},
    {"bad file", "nested deeper than the limit"},
};

void explain(const YAML::Exception& problem, std::string_view text, std::size_t first_line,
             const YamlTreeBuilder& builder, Problems& problems) {
  const TextPosition at = builder.position_of(problem.mark);
  const auto inside = builder.innermost();
  const std::string_view line = line_of(text, at.line - first_line + 1);
  const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
  if (tab != std::string_view::npos) return problems.add({at.line, tab + 1}, "a tab cannot indent YAML: use spaces");

  const std::string_view message = problem.msg;
  if (message.starts_with("end of ") && inside) {
    const std::size_t begin = inside->position.line;
    if (!inside->flow) {
      return problems.add(
          at, fmt::format("unexpected here: it belongs neither to the {} that begins in line {} nor after it "
                          "(look at the indentation and at quotes)",
                          inside->map ? "mapping" : "list", begin));
    }
    const char opening = inside->map ? '{' : '[';
    if (static_cast<std::size_t>(problem.mark.pos) >= text.size()) {
      return problems.add(inside->position, fmt::format("the '{}' that begins here is never closed", opening));
    }
    return problems.add(at,
                        fmt::format("expected ',' or '{}' to go with the '{}' in line {}; inside it a text with one of "
                                    "{{ }} [ ] , stands in quotes",
                                    inside->map ? '}' : ']', opening, begin));
  }
  // It quotes what follows the backslash: of some characters only a part.
  constexpr std::string_view kEscape = "unknown escape character";
  if (message.starts_with(kEscape) && static_cast<unsigned char>(message.back()) >= 0x80) {
    return problems.add(at, std::string(kEscape));
  }
  for (const Explanation& known : kExplanations) {
    if (message == known.theirs) return problems.add(at, std::string(known.ours));
  }
  problems.add(at, problem.msg);
}

}  // namespace

std::optional<Node> read_yaml(std::string_view text, std::size_t first_line, Problems& problems) {
  YamlTreeBuilder builder(text, first_line, problems);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return null_node({first_line, 1});
    std::optional<Node> tree = builder.take();
    // What is left is not part of the document's tree: the builder stops at it.
    (void)parser.HandleNextDocument(builder);
    return tree;
  } catch (const StopReading&) {
    return std::nullopt;
  } catch (const YAML::Exception& problem) {
    explain(problem, text, first_line, builder, problems);
    return std::nullopt;
  }
}

}  // namespace saga::workflows
