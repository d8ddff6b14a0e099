// The unguessable part of a callback URL. It is worked out from what it stands for and a key that the store keeps, so
// that nothing is stored an attempt, and a restart, a backup and several orchestrators agree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "workers/protocol/protocol.h"

namespace saga::runtime {

/// The attempt that a callback is for.
struct CallbackTarget {
  std::string saga;
  std::string step;
  workers::Phase phase = workers::Phase::kAction;
  int attempt = 1;

  bool operator==(const CallbackTarget&) const = default;
};

/// Makes and checks callback paths. Thread-safe. The key and the paths belong in no log, event or answer.
class CallbackTokens {
 public:
  static constexpr std::size_t kKeyBytes = 32;

  /// `key`: `kKeyBytes` random bytes as hex, as `fresh_key` makes them.
  explicit CallbackTokens(std::string_view key_hex);
  ~CallbackTokens();
  CallbackTokens(CallbackTokens&&) noexcept;

  /// "/v1/callbacks/order-42/charge/action/1/8f0c…": 128 bits of HMAC-SHA256 at the end.
  [[nodiscard]] std::string path(const CallbackTarget& target) const;

  /// True where `mac` is the last part of `path(target)`. Takes as long whatever is wrong with it.
  [[nodiscard]] bool is_genuine(const CallbackTarget& target, std::string_view mac) const;

  /// A key from the kernel's random source.
  [[nodiscard]] static std::string fresh_key();
  /// For what is simulated: who knows the seed knows the key.
  [[nodiscard]] static std::string key_of_seed(std::uint64_t seed);
  /// True for text that `fresh_key` could have made.
  [[nodiscard]] static bool is_key(std::string_view key_hex);

 private:
  class Signer;

  std::unique_ptr<Signer> signer_;
};

}  // namespace saga::runtime
