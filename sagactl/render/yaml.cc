#include "sagactl/render/yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace saga::ctl {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Plain scalars are only words that begin with a letter and hold nothing YAML gives a meaning to.
bool is_plain(std::string_view text) {
  if (text.empty() || !is_letter(text.front()) || text.size() > 200) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && std::string_view("_-./").find(c) == std::string_view::npos) return false;
  }
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  static constexpr std::array<std::string_view, 9> kWords{"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  return std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

/// Double quotes: JSON's escapes are YAML's too, but YAML wants DEL and the C1 controls escaped as well.
void append_scalar(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
    return;
  }
  const std::string quoted = json_string(text);
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    const auto c = static_cast<unsigned char>(quoted[i]);
    if (c == 0x7F) {
      out += "\\x7f";
    } else if (c == 0xC2 && i + 1 < quoted.size() && static_cast<unsigned char>(quoted[i + 1]) < 0xA0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(quoted[++i])));
    } else {
      out += quoted[i];
    }
  }
}

/// True when the value stands on the line of its key or dash.
bool is_inline(const Json& value) { return !value.is_structured() || value.empty(); }

void append_inline(std::string& out, const Json& value) {
  if (value.is_string()) {
    append_scalar(out, value.get_ref<const std::string&>());
  } else {
    out += dump_json(value);
  }
}

void append_block(std::string& out, const Json& value, std::size_t indent, bool begun) {
  // `begun`: the first line's indentation is there already ("- " was written).
  const auto start_line = [&] {
    if (!begun) out.append(indent, ' ');
    begun = false;
  };
  if (is_inline(value)) {
    start_line();
    append_inline(out, value);
    out += '\n';
    return;
  }
  if (value.is_array()) {
    for (const Json& item : value) {
      start_line();
      out += "- ";
      append_block(out, item, indent + 2, true);
    }
    return;
  }
  for (const auto& [key, item] : value.items()) {
    start_line();
    append_scalar(out, key);
    out += ':';
    if (is_inline(item)) {
      out += ' ';
      append_inline(out, item);
      out += '\n';
    } else {
      out += '\n';
      append_block(out, item, indent + 2, false);
    }
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  append_block(out, value, 0, false);
  return out;
}

}  // namespace saga::ctl
