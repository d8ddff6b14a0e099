// What the environment can do to us, as a value: an error has a code that callers branch on and one sentence that
// names the thing, what was expected and what came.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace saga {

enum class ErrorCode {
  kInvalid,      ///< The caller's text or value does not fit.
  kNotFound,     ///< Nothing by that name or id.
  kConflict,     ///< Something else is there already.
  kOverloaded,   ///< A bounded queue is full; nothing was accepted.
  kUnavailable,  ///< The environment refuses for now (disk full, connection lost); may pass.
  kPoisoned,     ///< A sync failed: the store accepts nothing until the process restarts.
  kFenced,       ///< Another owner has taken the shard.
  kCorruption,   ///< A stored record contradicts itself.
  kUnsupported,  ///< From a newer version, or not built yet.
  kInternal,     ///< A library failed in a way that has no better name.
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace saga
