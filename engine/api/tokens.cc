#include "engine/api/tokens.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/api/names.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::array<std::pair<Role, std::string_view>, 4> kRoles{{
    {Role::kReader, "reader"},
    {Role::kStarter, "starter"},
    {Role::kOperator, "operator"},
    {Role::kAdmin, "admin"},
}};

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_letter_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '@' || c == '-'; });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return words;
}

}  // namespace

std::string_view to_string(Role role) {
  return std::find_if(kRoles.begin(), kRoles.end(), [role](const auto& entry) { return entry.first == role; })->second;
}

std::optional<Role> role_from(std::string_view name) {
  const auto entry = std::find_if(kRoles.begin(), kRoles.end(), [name](const auto& e) { return e.second == name; });
  return entry == kRoles.end() ? std::nullopt : std::optional(entry->first);
}

/// Reads one file, line by line.
class TokensReader {
 public:
  explicit TokensReader(const std::string& path) : path_(path) {}

  Result<Tokens> read(std::string_view text) {
    std::size_t number = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++number;
      if (auto taken = take(text.substr(0, end)); !taken)
        return fail(ErrorCode::kInvalid, fmt::format("{}:{}: error: {}", path_, number, taken.error()));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (tokens_.entries_.empty()) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}:{}: error: expected at least one line NAME ROLE SHA256, or nobody could call", path_,
                              std::max<std::size_t>(number, 1)));
    }
    return std::move(tokens_);
  }

 private:
  using Taken = tl::expected<void, std::string>;

  Taken take(std::string_view line) {
    const auto words = words_of(line.substr(0, line.find('#')));
    if (words.empty()) return {};
    if (words.size() != 3)
      return tl::unexpected(fmt::format("expected NAME ROLE SHA256, but there are {} words", words.size()));
    Tokens::Entry entry;
    if (!is_name(words[0])) {
      return tl::unexpected(
          fmt::format("{} is no name: letters, digits and . _ @ - are, at most {}", quote(words[0]), kMaxName));
    }
    entry.holder.name = std::string(words[0]);
    const auto role = role_from(words[1]);
    if (!role) {
      return tl::unexpected(fmt::format("{} is no role{}", quote(words[1]),
                                        suggestion(words[1], {"reader", "starter", "operator", "admin"})));
    }
    entry.holder.role = *role;
    if (!read_digest(words[2], entry.digest)) {
      // It may be the token itself, put there by mistake.
      return tl::unexpected(std::string("expected a SHA-256 digest of 64 hexadecimal digits as the third word"));
    }
    if (entry.digest == Tokens::digest_of(""))
      return tl::unexpected(std::string("the digest is that of an empty text: expected one of a token"));
    for (const Tokens::Entry& other : tokens_.entries_) {
      if (other.digest == entry.digest)
        return tl::unexpected(fmt::format("the token is that of '{}' already", other.holder.name));
      if (other.holder.name == entry.holder.name && other.holder.role != entry.holder.role) {
        return tl::unexpected(
            fmt::format("'{}' has the role {} already", other.holder.name, to_string(other.holder.role)));
      }
    }
    tokens_.entries_.push_back(std::move(entry));
    return {};
  }

  static bool read_digest(std::string_view hex, std::array<unsigned char, 32>& digest) {
    if (hex.size() != digest.size() * 2) return false;
    for (std::size_t i = 0; i < digest.size(); ++i) {
      const int high = hex_value(hex[2 * i]);
      const int low = hex_value(hex[2 * i + 1]);
      if (high < 0 || low < 0) return false;
      digest[i] = static_cast<unsigned char>(high * 16 + low);
    }
    return true;
  }

  const std::string& path_;
  Tokens tokens_;
};

Result<Tokens> Tokens::parse(std::string_view text, const std::string& path) { return TokensReader(path).read(text); }

Result<Tokens> Tokens::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return fail(ErrorCode::kInvalid, fmt::format("{}: cannot be read", path));
  return parse(text, path);
}

Tokens::Digest Tokens::digest_of(std::string_view token) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

const TokenHolder* Tokens::find(std::string_view token) const {
  const Digest digest = digest_of(token);
  std::size_t found = entries_.size();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    // All ones where it is this one, without a branch that depends on it.
    const auto differs = static_cast<std::size_t>(CRYPTO_memcmp(digest.data(), entries_[i].digest.data(), 32) != 0);
    const std::size_t mask = differs - 1;
    found = (found & ~mask) | (i & mask);
  }
  return found == entries_.size() ? nullptr : &entries_[found].holder;
}

}  // namespace saga::api
