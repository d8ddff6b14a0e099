#include "engine/runtime/callback_token.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sys/random.h>

#include <array>
#include <mutex>
#include <random>

#include "base/check.h"
#include "base/text.h"

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
  return concat({target.saga, "/", target.step, "/", workers::to_string(target.phase), "/", Digits(target.attempt)});
}

}  // namespace

/// HMAC-SHA256 of a key that was taken in once: nine tenths of a signature's time would go into that.
class CallbackTokens::Signer {
 public:
  explicit Signer(std::string_view key)
      : algorithm_(EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), &EVP_MAC_free),
        context_(EVP_MAC_CTX_new(algorithm_.get()), &EVP_MAC_CTX_free) {
    std::string digest = OSSL_DIGEST_NAME_SHA2_256;
    const std::array<OSSL_PARAM, 2> sha256{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
        OSSL_PARAM_construct_end()};
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    SAGA_CHECK(context_ && EVP_MAC_init(context_.get(), bytes, key.size(), sha256.data()) == 1,
               "HMAC-SHA256 from the cryptographic library");
  }

  /// In hex, as far as a URL shows it.
  std::string sign(std::string_view text) {
    const std::lock_guard lock(mutex_);
    std::array<unsigned char, EVP_MAX_MD_SIZE> signature{};
    std::size_t length = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    const bool signed_well = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&  // The key stays.
                             EVP_MAC_update(context_.get(), bytes, text.size()) == 1 &&
                             EVP_MAC_final(context_.get(), signature.data(), &length, signature.size()) == 1;
    SAGA_CHECK(signed_well && length >= kMacBytes, "HMAC-SHA256 from the cryptographic library");
    return to_hex(signature.data(), kMacBytes);
  }

 private:
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> algorithm_;
  std::mutex mutex_;  ///< Guards `context_`: the engine makes tokens, whoever answers a callback checks them.
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context_;
};

CallbackTokens::CallbackTokens(std::string_view key_hex) {
  SAGA_CHECK(is_key(key_hex), "a callback key of 32 bytes as hex");
  std::string key;
  for (std::size_t i = 0; i < key_hex.size(); i += 2)
    key += static_cast<char>(16 * kHex.find(key_hex[i]) + kHex.find(key_hex[i + 1]));
  signer_ = std::make_unique<Signer>(key);
}

CallbackTokens::~CallbackTokens() = default;
CallbackTokens::CallbackTokens(CallbackTokens&&) noexcept = default;

std::string CallbackTokens::mac(std::string_view target) const {
  // What is signed says what for: the key may come to sign something else one day.
  return signer_->sign(concat({"callback/", target}));
}

std::string CallbackTokens::path(const CallbackTarget& target) const {
  const std::string text = text_of(target);
  return concat({"/v1/callbacks/", text, "/", mac(text)});
}

bool CallbackTokens::is_genuine(const CallbackTarget& target, std::string_view given) const {
  const std::string expected = mac(text_of(target));
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
