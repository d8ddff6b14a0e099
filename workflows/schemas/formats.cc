#include "workflows/schemas/formats.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace saga::workflows::schemas {
namespace {

constexpr std::array<std::pair<std::string_view, Format>, 12> kNames = {{{"date-time", Format::kDateTime},
                                                                         {"date", Format::kDate},
                                                                         {"time", Format::kTime},
                                                                         {"email", Format::kEmail},
                                                                         {"hostname", Format::kHostname},
                                                                         {"ipv4", Format::kIpv4},
                                                                         {"ipv6", Format::kIpv6},
                                                                         {"uri", Format::kUri},
                                                                         {"uri-reference", Format::kUriReference},
                                                                         {"uuid", Format::kUuid},
                                                                         {"json-pointer", Format::kJsonPointer},
                                                                         {"regex", Format::kRegex}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Does `text` look like `shape`, in which 0 is a digit and x a hexadecimal one?
bool has_shape(std::string_view text, std::string_view shape) {
  return std::equal(text.begin(), text.end(), shape.begin(), shape.end(), [](char c, char wanted) {
    return wanted == '0' ? is_digit(c) : wanted == 'x' ? is_hex(c) : c == wanted;
  });
}

int number(std::string_view text, std::size_t at, std::size_t digits) {
  int value = 0;
  for (const char c : text.substr(at, digits)) value = value * 10 + (c - '0');
  return value;
}

bool is_date(std::string_view text) {
  if (!has_shape(text, "0000-00-00")) return false;
  const int year = number(text, 0, 4);
  const int month = number(text, 5, 2);
  const int day = number(text, 8, 2);
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12) return false;
  return day >= 1 && day <= kDays[static_cast<std::size_t>(month) - 1] + (month == 2 && leap ? 1 : 0);
}

bool is_time(std::string_view text) {
  if (text.size() < 9 || !has_shape(text.substr(0, 8), "00:00:00")) return false;
  const int hour = number(text, 0, 2);
  const int minute = number(text, 3, 2);
  const int second = number(text, 6, 2);
  std::string_view rest = text.substr(8);
  if (rest.starts_with('.')) {
    const auto end = std::find_if_not(rest.begin() + 1, rest.end(), is_digit);
    if (end == rest.begin() + 1) return false;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.begin()));
  }
  int offset = 0;  // Minutes ahead of UTC.
  if (rest != "Z" && rest != "z") {
    if (!has_shape(rest, "+00:00") && !has_shape(rest, "-00:00")) return false;
    if (number(rest, 1, 2) > 23 || number(rest, 4, 2) > 59) return false;
    offset = (number(rest, 1, 2) * 60 + number(rest, 4, 2)) * (rest[0] == '-' ? -1 : 1);
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  const int utc = ((hour * 60 + minute - offset) % 1440 + 1440) % 1440;
  return second < 60 || utc == 1439;  // A leap second is the last of a day in UTC.
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const auto dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    const bool good =
        !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
        std::all_of(label.begin(), label.end(), [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
    if (!good) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const auto end = part < 3 ? text.find('.') : text.size();
    if (end == std::string_view::npos) return false;
    const std::string_view octet = text.substr(0, end);
    if (octet.empty() || octet.size() > 3 || !std::all_of(octet.begin(), octet.end(), is_digit)) return false;
    if ((octet.size() > 1 && octet[0] == '0') || number(octet, 0, 3) > 255) return false;
    text.remove_prefix(part < 3 ? end + 1 : end);
  }
  return true;
}

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  return text.find('\0') == std::string_view::npos && inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

/// `local@domain`; the local part is dot-separated atoms or a quoted string, the domain a host name or an address.
bool is_email(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at > 64) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  if (local.size() >= 2 && local.front() == '"' && local.back() == '"') {
    const std::string_view inner = local.substr(1, local.size() - 2);
    if (inner.find_first_of("\"\\\r\n") != std::string_view::npos) return false;
  } else {
    const auto is_atom = [](char c) {
      return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
    };
    if (local.front() == '.' || local.back() == '.' || local.find("..") != std::string_view::npos) return false;
    if (!std::all_of(local.begin(), local.end(), is_atom)) return false;
  }
  if (domain.starts_with('[') && domain.ends_with(']')) {
    const std::string_view address = domain.substr(1, domain.size() - 2);
    return address.starts_with("IPv6:") ? is_ipv6(address.substr(5)) : is_ipv4(address);
  }
  return is_hostname(domain);
}

/// The grammar of RFC 3986, which tells a reference from a URI by the scheme.
bool is_uri(std::string_view text, bool needs_scheme) {
  static const re2::RE2 kUri([] {
    const std::string escaped = "%[0-9A-Fa-f]{2}";
    const std::string name = "[A-Za-z0-9._~!$&'()*+,;=-]|" + escaped;
    const std::string character = "(?:[:@]|" + name + ")";
    const std::string authority = "(?:(?:" + name + "|:)*@)?(?:\\[[0-9A-Fa-f:.]+\\]|(?:" + name + ")*)(?::[0-9]*)?";
    const std::string path = "(?:/" + character + "*)*";
    const std::string no_authority = "/?(?:" + character + "+" + path + ")?";
    const std::string more = "(?:[/?]|" + character + ")*";
    return "^([A-Za-z][A-Za-z0-9+.-]*:)?(?://" + authority + path + "|" + no_authority + ")(?:\\?" + more + ")?(?:#" +
           more + ")?$";
  }());
  re2::StringPiece scheme;
  return re2::RE2::PartialMatch({text.data(), text.size()}, kUri, &scheme) && (!needs_scheme || !scheme.empty());
}

bool is_json_pointer(std::string_view text) {
  if (!text.empty() && text[0] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  }
  return true;
}

bool is_regex(std::string_view text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return re2::RE2(pattern_for_re2(text), options).ok();
}

}  // namespace

std::optional<Format> format_named(std::string_view name) {
  const auto found =
      std::find_if(kNames.begin(), kNames.end(), [name](const auto& entry) { return entry.first == name; });
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

std::string_view name_of(Format format) {
  return std::find_if(kNames.begin(), kNames.end(), [format](const auto& entry) { return entry.second == format; })
      ->first;
}

bool has_format(std::string_view text, Format format) {
  switch (format) {
    case Format::kDateTime:
      return text.size() > 11 && is_date(text.substr(0, 10)) && (text[10] == 'T' || text[10] == 't') &&
             is_time(text.substr(11));
    case Format::kDate:
      return is_date(text);
    case Format::kTime:
      return is_time(text);
    case Format::kEmail:
      return is_email(text);
    case Format::kHostname:
      return is_hostname(text);
    case Format::kIpv4:
      return is_ipv4(text);
    case Format::kIpv6:
      return is_ipv6(text);
    case Format::kUri:
      return is_uri(text, true);
    case Format::kUriReference:
      return is_uri(text, false);
    case Format::kUuid:
      return has_shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    case Format::kJsonPointer:
      return is_json_pointer(text);
    case Format::kRegex:
      return is_regex(text);
  }
  return false;
}

std::string pattern_for_re2(std::string_view ecma) {
  constexpr std::string_view kSpaces = R"(\s\x{0B}\x{A0}\x{FEFF}\p{Z})";
  std::string pattern;
  bool in_class = false;
  for (std::size_t i = 0; i < ecma.size(); ++i) {
    const char c = ecma[i];
    const std::string_view rest = ecma.substr(i);
    if (c == '\\' && i + 1 < ecma.size()) {
      const char escaped = ecma[i + 1];
      if (escaped == 'u' && rest.size() >= 6 && has_shape(rest.substr(2, 4), "xxxx")) {
        pattern += fmt::format("\\x{{{}}}", rest.substr(2, 4));
        i += 5;
      } else if (escaped == 'c' && rest.size() >= 3 && is_letter(rest[2])) {
        pattern += fmt::format("\\x{{{:X}}}", static_cast<unsigned>(rest[2]) % 32U);
        i += 2;
      } else if (escaped == 's' || (escaped == 'S' && !in_class)) {
        pattern += in_class ? std::string(kSpaces) : fmt::format("[{}{}]", escaped == 'S' ? "^" : "", kSpaces);
        ++i;
      } else {
        pattern += rest.substr(0, 2);
        ++i;
      }
      continue;
    }
    if (!in_class && rest.starts_with("(?<") && rest.size() > 3 && rest[3] != '=' && rest[3] != '!') {
      pattern += "(?P<";
      i += 2;
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    pattern += c;
  }
  return pattern;
}

}  // namespace saga::workflows::schemas
