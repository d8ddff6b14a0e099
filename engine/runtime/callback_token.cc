#include "engine/runtime/callback_token.h"

#include <fmt/format.h>
#define OPENSSL_API_COMPAT 10101  // SHA-256 by itself, which version 3 would have everyone reach through EVP.
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <random>
#include <span>

#include "base/bytes.h"
#include "base/check.h"
#include "base/text.h"

namespace saga::runtime {
namespace {

/// Of the MAC's 32: enough that nobody guesses one, and a URL stays readable.
constexpr std::size_t kMacBytes = 16;

/// What is signed says what for: the key may come to sign something else one day.
constexpr std::string_view kPurpose = "callback/";

/// What is signed. No part of a target has a '/'.
std::string text_of(const CallbackTarget& target) {
  return concat(
      {kPurpose, target.saga, "/", target.step, "/", workers::to_string(target.phase), "/", Digits(target.attempt)});
}

}  // namespace

/// HMAC-SHA256 (RFC 2104) of a key that was taken in once: what follows the key goes on from a copy of the two sums
/// that it begins. The library's own HMAC takes four times as long, most of it to make and clear what it works with.
class CallbackTokens::Signer {
 public:
  explicit Signer(std::string_view key) : inner_(begun_with(key, 0x36)), outer_(begun_with(key, 0x5c)) {}

  /// As far as a URL shows it, at the end of `out` and in hex. Any thread.
  void append_signature(std::string& out, std::string_view text) const {
    const Sum inside = ended(inner_, text);
    const Sum signature = ended(outer_, {reinterpret_cast<const char*>(inside.data()), inside.size()});
    append_hex(out, std::span(signature).first(kMacBytes));
  }

 private:
  using Sum = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

  static SHA256_CTX begun_with(std::string_view key, unsigned char pad) {
    SAGA_CHECK(key.size() <= SHA256_CBLOCK, "a key that fits into a block");
    std::array<unsigned char, SHA256_CBLOCK> block{};
    std::copy(key.begin(), key.end(), block.begin());
    for (unsigned char& byte : block) byte ^= pad;
    SHA256_CTX sum;
    SHA256_Init(&sum);
    SHA256_Update(&sum, block.data(), block.size());
    OPENSSL_cleanse(block.data(), block.size());
    return sum;
  }
  static Sum ended(SHA256_CTX sum, std::string_view text) {
    Sum result;
    SHA256_Update(&sum, text.data(), text.size());
    SHA256_Final(result.data(), &sum);
    return result;
  }

  const SHA256_CTX inner_;
  const SHA256_CTX outer_;
};

CallbackTokens::CallbackTokens(std::string_view key_hex) {
  SAGA_CHECK(is_key(key_hex), "a callback key of 32 bytes as hex");
  std::string key;
  for (std::size_t i = 0; i < key_hex.size(); i += 2)
    key += static_cast<char>(16 * kHexDigits.find(key_hex[i]) + kHexDigits.find(key_hex[i + 1]));
  signer_ = std::make_unique<Signer>(key);
}

CallbackTokens::~CallbackTokens() = default;
CallbackTokens::CallbackTokens(CallbackTokens&&) noexcept = default;

std::string CallbackTokens::path(const CallbackTarget& target) const {
  constexpr std::string_view kFront = "/v1/callbacks/";
  const std::string text = text_of(target);
  std::string path;
  path.reserve(kFront.size() + text.size() + 1 + 2 * kMacBytes);
  path += kFront;
  path.append(text, kPurpose.size());
  path += '/';
  signer_->append_signature(path, text);
  return path;
}

bool CallbackTokens::is_genuine(const CallbackTarget& target, std::string_view given) const {
  std::string expected;
  signer_->append_signature(expected, text_of(target));
  return given.size() == expected.size() && CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
}

std::string CallbackTokens::fresh_key() {
  std::array<unsigned char, kKeyBytes> bytes{};
  fill_random(bytes);
  std::string key;
  append_hex(key, bytes);
  return key;
}

std::string CallbackTokens::key_of_seed(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string key;
  while (key.size() < 2 * kKeyBytes) key += fmt::format("{:016x}", random());
  return key;
}

bool CallbackTokens::is_key(std::string_view key_hex) {
  return key_hex.size() == 2 * kKeyBytes && key_hex.find_first_not_of(kHexDigits) == std::string_view::npos;
}

}  // namespace saga::runtime
