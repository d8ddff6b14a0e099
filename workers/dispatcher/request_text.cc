#include "workers/dispatcher/request_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/text.h"
#include "base/text_writer.h"
#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

constexpr std::array<std::string_view, 7> kOurs = {"connection", "content-length", "transfer-encoding", "te", "trailer",
                                                   "upgrade",    "expect"};

bool is_ours(std::string_view name) {
  return std::ranges::any_of(kOurs, [&](std::string_view own) { return equal_ignoring_case(own, name); });
}

bool holds(const Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
}

/// The characters of a header's name or a method.
constexpr std::array<bool, 256> kToken = [] {
  std::array<bool, 256> token{};
  for (const char c :
       std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    token[static_cast<unsigned char>(c)] = true;
  }
  return token;
}();

bool is_token(char c) { return kToken[static_cast<unsigned char>(c)]; }
bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }
bool is_control_or_blank(char c) { return is_control(c) || c == ' '; }

/// Eight characters at a time: what stands in a header is looked at for every call.
bool has_control(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = 0x8080808080808080;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data(), sizeof eight);
    const std::uint64_t below_blank = (eight - kOnes * ' ') & ~eight & kTops;
    const std::uint64_t delete_is_zero = eight ^ (kOnes * 0x7f);
    const std::uint64_t is_delete = (delete_is_zero - kOnes) & ~delete_is_zero & kTops;
    if ((below_blank | is_delete) != 0) return true;
    text.remove_prefix(sizeof eight);
  }
  return std::ranges::any_of(text, is_control);
}

void append_token(TextWriter& out, std::string_view text) {
  if (std::ranges::all_of(text, is_token)) {
    out += text;
  } else {
    for (const char c : text) {
      if (is_token(c)) out += c;
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

void append_header(TextWriter& out, std::string_view name, std::string_view value) {
  if (!name.empty() && std::ranges::all_of(name, is_token) && !has_control(value)) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
    return;
  }
  const auto start = out.size();
  append_token(out, name);
  if (out.size() == start) return;  // Nothing of the name could stand.
  out += ": ";
  for (const char c : value) out += is_control(c) ? ' ' : c;
  out += "\r\n";
}

}  // namespace

std::string request_text(const WorkerCall& call, const BaseUrl& base, const Headers& service_headers) {
  TextWriter out(768 + (call.body ? call.body->size() : 0));
  append_token(out, call.method);
  out += ' ';
  append_path(out, base.prefix);
  if (!call.path.starts_with('/')) out += '/';
  append_path(out, call.path);
  out += " HTTP/1.1\r\n";

  const auto add_unless_given = [&](std::string_view name, std::string_view value) {
    if (!holds(call.headers, name) && !holds(service_headers, name)) append_header(out, name, value);
  };
  add_unless_given("Host", base.authority);
  add_unless_given("User-Agent", "sagad");
  add_unless_given("Accept", "application/json, */*;q=0.5");
  if (call.body) add_unless_given("Content-Type", "application/json");
  for (const auto& [name, value] : service_headers) {
    if (!is_ours(name) && !holds(call.headers, name)) append_header(out, name, value);
  }
  for (const auto& [name, value] : call.headers) {
    if (!is_ours(name)) append_header(out, name, value);
  }
  // A request that may have a body says so when it has none; GET and DELETE without one need no word.
  if (call.body || (call.method != "GET" && call.method != "DELETE")) {
    append_header(out, "Content-Length", Digits(call.body ? call.body->size() : 0));
  }
  out += "\r\n";
  if (call.body) out += *call.body;
  return out.take();
}

}  // namespace saga::workers
