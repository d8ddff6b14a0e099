// Reads one answer from the bytes of a connection, however they are cut. Pure: no socket, no clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "workers/protocol/protocol.h"

namespace saga::workers {

/// For one answer. Bytes go into `space`, then `received` says how many came; in the end either the answer is complete
/// or `problem` says why there is none. 1xx answers are passed over.
class AnswerReader {
 public:
  AnswerReader(std::size_t body_limit, std::size_t header_limit);
  ~AnswerReader();
  AnswerReader(const AnswerReader&) = delete;
  AnswerReader& operator=(const AnswerReader&) = delete;

  enum class State {
    kReading,
    kComplete,  ///< The answer is there, or its body went past the limit.
    kNotHttp,   ///< No answer can come of these bytes; `problem` says why.
  };

  /// Where the next bytes go; never empty. Valid until the next call. Memory is taken at the first call, so that who
  /// waits for an answer holds none.
  [[nodiscard]] std::span<char> space();

  /// `count` bytes were put at the front of `space`.
  [[nodiscard]] State received(std::size_t count);

  /// The worker closed the connection. True when that completes the answer (a body that lasts until the end).
  [[nodiscard]] bool ended();

  /// Once complete.
  [[nodiscard]] Answered take_answer();

  /// Once complete: true when the connection may carry another call. Not so when the worker closes it, when the body
  /// was not read to its end, or when bytes came that belong to no call.
  [[nodiscard]] bool connection_reusable() const;

  /// How long the worker said it keeps the connection (`Keep-Alive: timeout=5`).
  [[nodiscard]] std::optional<std::chrono::seconds> kept_alive_for() const;

  [[nodiscard]] const std::string& problem() const;

 private:
  struct Parsing;
  std::unique_ptr<Parsing> parsing_;
};

}  // namespace saga::workers
