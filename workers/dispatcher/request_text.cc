#include "workers/dispatcher/request_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "base/text_writer.h"
#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }
bool is_control_or_blank(char c) { return is_control(c) || c == ' '; }

void append_token(TextWriter& out, std::string_view text) {
  if (std::ranges::all_of(text, is_token_character)) {
    out += text;
  } else {
    for (const char c : text) {
      if (is_token_character(c)) out += c;
    }
  }
}

void append_path(TextWriter& out, std::string_view path) {
  if (std::ranges::none_of(path, is_control_or_blank)) {
    out += path;
    return;
  }
  for (const char c : path) {
    if (is_control_or_blank(c)) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string request_text(const WorkerCall& call, const BaseUrl& base, const Headers& service_headers) {
  constexpr std::size_t kUsualLines = 256;  // Without the call's own.
  TextWriter out(kUsualLines + call.headers.text().size() + (call.body ? call.body->size() : 0));
  append_token(out, call.method);
  out += ' ';
  append_path(out, base.prefix);
  if (!call.path.starts_with('/')) out += '/';
  append_path(out, call.path);
  out += " HTTP/1.1\r\n";

  HeaderLines service_lines;
  for (const auto& [name, value] : service_headers) {
    if (!call.headers.find(name)) service_lines.add(name, value);
  }
  const bool may_be_given = call.headers.has_others() || service_lines.has_others();
  const auto add_unless_given = [&](std::string_view name, std::string_view value) {
    if (may_be_given && (call.headers.find(name) || service_lines.find(name))) return;
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  };
  add_unless_given("Host", base.authority);
  add_unless_given("User-Agent", "sagad");
  add_unless_given("Accept", "application/json, */*;q=0.5");
  if (call.body) add_unless_given("Content-Type", "application/json");
  out += service_lines.text();
  out += call.headers.text();
  // A request that may have a body says so when it has none; GET and DELETE without one need no word.
  if (call.body || (call.method != "GET" && call.method != "DELETE")) {
    out += "Content-Length: ";
    out += Digits(call.body ? call.body->size() : 0);
    out += "\r\n";
  }
  out += "\r\n";
  if (call.body) out += *call.body;
  return out.take();
}

}  // namespace saga::workers
