#include "engine/runtime/callback_token.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <mutex>
#include <random>
#include <span>

#include "base/bytes.h"
#include "base/check.h"
#include "base/text.h"

namespace saga::runtime {
namespace {

/// Of the MAC's 32: enough that nobody guesses one, and a URL stays readable.
constexpr std::size_t kMacBytes = 16;

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
    std::string hex;
    hex.reserve(2 * kMacBytes);
    append_hex(hex, std::span(signature).first(kMacBytes));
    return hex;
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
    key += static_cast<char>(16 * kHexDigits.find(key_hex[i]) + kHexDigits.find(key_hex[i + 1]));
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
