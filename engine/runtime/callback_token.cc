#include "engine/runtime/callback_token.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <array>
#include <random>

#include "base/check.h"

namespace saga::runtime {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
/// Of the MAC's 32: enough that nobody guesses one, and a URL stays readable.
constexpr std::size_t kMacBytes = 16;

std::string to_hex(const unsigned char* bytes, std::size_t count) {
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}

/// No part of a target has a '/'.
std::string text_of(const CallbackTarget& target) {
  return fmt::format("{}/{}/{}/{}", target.saga, target.step, workers::to_string(target.phase), target.attempt);
}

}  // namespace

CallbackTokens::CallbackTokens(std::string_view key_hex) {
  SAGA_CHECK(is_key(key_hex), "a callback key of 32 bytes as hex");
  for (std::size_t i = 0; i < key_hex.size(); i += 2)
    key_ += static_cast<char>(16 * kHex.find(key_hex[i]) + kHex.find(key_hex[i + 1]));
}

std::string CallbackTokens::mac(const CallbackTarget& target) const {
  // What is signed says what for: the key may come to sign something else one day.
  const std::string text = "callback/" + text_of(target);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  SAGA_CHECK(made != nullptr && length >= kMacBytes, "HMAC-SHA256 from the cryptographic library");
  return to_hex(digest.data(), kMacBytes);
}

std::string CallbackTokens::path(const CallbackTarget& target) const {
  return fmt::format("/v1/callbacks/{}/{}", text_of(target), mac(target));
}

bool CallbackTokens::is_genuine(const CallbackTarget& target, std::string_view given) const {
  const std::string expected = mac(target);
  return given.size() == expected.size() && CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
}

std::string CallbackTokens::fresh_key() {
  std::array<unsigned char, kKeyBytes> bytes{};
  // At most 256 bytes are given whole and without a signal's interruption.
  const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  SAGA_CHECK(got == static_cast<ssize_t>(bytes.size()), "random bytes from the kernel");
  return to_hex(bytes.data(), bytes.size());
}

std::string CallbackTokens::key_of_seed(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string key;
  while (key.size() < 2 * kKeyBytes) key += fmt::format("{:016x}", random());
  return key;
}

bool CallbackTokens::is_key(std::string_view key_hex) {
  return key_hex.size() == 2 * kKeyBytes && key_hex.find_first_not_of(kHex) == std::string_view::npos;
}

}  // namespace saga::runtime
