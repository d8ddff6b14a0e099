#include "engine/webhook/secret.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <fstream>
#include <iterator>

#include "base/check.h"

namespace saga::webhook {
namespace {

constexpr std::string_view kPrefix = "whsec_";
/// Shorter ones can be guessed.
constexpr std::size_t kShortestKey = 16;

std::string to_base64(const unsigned char* bytes, std::size_t size) {
  std::string text((size + 2) / 3 * 4 + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

Result<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  const int written =
      text.size() % 4 != 0 || text.empty()
          ? -1
          : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                            reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (written < 0) return fail(ErrorCode::kInvalid, "expected whsec_ followed by base64, but that is not base64");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(written) - padding);
  return bytes;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

Result<Secret> Secret::read(std::string_view text) {
  text = trimmed(text);
  std::string key(text);
  if (text.starts_with(kPrefix)) {
    auto decoded = from_base64(text.substr(kPrefix.size()));
    if (!decoded) return tl::unexpected(decoded.error());
    key = std::move(*decoded);
  }
  if (key.size() < kShortestKey) {
    return fail(ErrorCode::kInvalid,
                fmt::format("expected a secret of at least {} bytes, but it has {}", kShortestKey, key.size()));
  }
  return Secret(std::move(key));
}

Result<Secret> Secret::read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return fail(ErrorCode::kInvalid, fmt::format("cannot read '{}'", path));
  auto secret = read(text);
  if (!secret) return fail(secret.error().code, fmt::format("{}: {}", path, secret.error().message));
  return secret;
}

std::string Secret::sign(std::string_view id, std::string_view timestamp, std::string_view body) const {
  const std::string signed_text = fmt::format("{}.{}.{}", id, timestamp, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const unsigned char* const made =
      HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), digest.data(), &size);
  SAGA_CHECK(made != nullptr, "a digest of any text");
  return "v1," + to_base64(digest.data(), size);
}

}  // namespace saga::webhook
