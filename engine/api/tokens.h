// Who may call: the tokens file. It holds digests only, so that whoever reads it can call nobody.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace saga::api {

/// What a caller may do. Each role includes those before it.
enum class Role {
  kReader,    ///< Looks.
  kStarter,   ///< Starts sagas.
  kOperator,  ///< Changes sagas that run.
  kAdmin,     ///< Changes what there is to run, and removes what has run.
};
[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> role_from(std::string_view name);

struct TokenHolder {
  std::string name;  ///< `[A-Za-z0-9][A-Za-z0-9._@-]*`, at most 64.
  Role role = Role::kReader;
};

/// What a tokens file says: `NAME ROLE SHA256` a line, the last being the hex digest of the token; `#` begins a
/// comment. A name may stand there several times with one role, so that a new token can come before the old one goes.
class Tokens {
 public:
  /// `kInvalid`: "FILE:LINE: error: …", which never quotes what stands in the place of a digest.
  [[nodiscard]] static Result<Tokens> parse(std::string_view text, const std::string& path);
  [[nodiscard]] static Result<Tokens> read(const std::string& path);

  /// Whose token it is; null where nobody's. Takes as long for one as for another: every digest is compared, whole.
  [[nodiscard]] const TokenHolder* find(std::string_view token) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Entry {
    TokenHolder holder;
    Digest digest{};
  };
  friend class TokensReader;

  [[nodiscard]] static Digest digest_of(std::string_view token);

  std::vector<Entry> entries_;
};

}  // namespace saga::api
