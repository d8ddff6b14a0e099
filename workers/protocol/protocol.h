// The step protocol, as both ends read it: the headers of a call, the facts an attempt can end with, and what an answer
// means. Pure: no I/O, no clock. The rulebook decides by it, the dispatcher fills it, the SDK answers by it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace saga::workers {

enum class Phase { kAction, kCompensation };
[[nodiscard]] std::string_view to_string(Phase phase);   ///< "action", "compensation".

// ---- header names (CONTRACT of the step protocol) --------------------------------------------------------------------

inline constexpr std::string_view kIdempotencyKey = "Idempotency-Key";
inline constexpr std::string_view kSagaId = "Saga-Id";
inline constexpr std::string_view kSagaWorkflow = "Saga-Workflow";
inline constexpr std::string_view kSagaStep = "Saga-Step";
inline constexpr std::string_view kSagaPhase = "Saga-Phase";
inline constexpr std::string_view kSagaAttempt = "Saga-Attempt";
inline constexpr std::string_view kSagaOutcome = "Saga-Outcome";
inline constexpr std::string_view kSagaTimeoutMs = "Saga-Timeout-Ms";
inline constexpr std::string_view kSagaAsync = "Saga-Async";
inline constexpr std::string_view kSagaCallbackUrl = "Saga-Callback-Url";
inline constexpr std::string_view kTraceparent = "traceparent";

/// "order-42/process_payment/action": the same for every attempt of one call.
[[nodiscard]] std::string idempotency_key(std::string_view saga_id, std::string_view step, Phase phase);

// ---- failure codes of our own ------------------------------------------------------------------------------------------

namespace codes {
inline constexpr std::string_view kTimeout = "timeout";
inline constexpr std::string_view kUnreachable = "unreachable";
inline constexpr std::string_view kConnectionLost = "connection_lost";
inline constexpr std::string_view kBadAnswer = "bad_answer";
inline constexpr std::string_view kNoInstance = "no_instance";
inline constexpr std::string_view kExpressionError = "expression_error";
inline constexpr std::string_view kDeadlineExceeded = "deadline_exceeded";
inline constexpr std::string_view kSignalTimeout = "signal_timeout";
inline constexpr std::string_view kCallbackTimeout = "callback_timeout";
inline constexpr std::string_view kChildFailed = "child_failed";
inline constexpr std::string_view kChildSuspended = "child_suspended";
inline constexpr std::string_view kPivotUnknown = "pivot_unknown";
inline constexpr std::string_view kCorrupt = "corrupt";
inline constexpr std::string_view kCancelled = "cancelled";
}  // namespace codes

// ---- facts: how one attempt ended ----------------------------------------------------------------------------------

/// A complete HTTP answer came.
struct Answered {
  int status = 0;
  std::string content_type;                  ///< As sent, parameters included; empty when absent.
  std::string body;
  std::optional<std::string> retry_after;    ///< The header's text.
  bool async = false;                        ///< `Saga-Async: true`.
  bool body_over_limit = false;              ///< The body went past 1 MiB and was not read on; `body` is empty.

  bool operator==(const Answered&) const = default;
};

/// Nothing of the call left: the worker cannot have seen it.
struct NotSent {
  enum class Reason { kUnreachable, kNoInstance };
  Reason reason = Reason::kUnreachable;
  std::string message;

  bool operator==(const NotSent&) const = default;
};

/// A byte was written, and no complete answer came.
struct OutcomeUnknown {
  enum class Reason { kTimeout, kConnectionLost, kBadAnswer };
  Reason reason = Reason::kTimeout;
  std::string message;

  bool operator==(const OutcomeUnknown&) const = default;
};

using CallOutcome = std::variant<Answered, NotSent, OutcomeUnknown>;

// ---- meaning -----------------------------------------------------------------------------------------------------------

enum class Outcome {
  kDone,
  kNotDone,
  kUnknown,
  kPending,      ///< Taken (202 with Saga-Async); the worker calls back.
  kNotCalled,    ///< No instance: uses up no attempt.
};
[[nodiscard]] std::string_view to_string(Outcome outcome);   ///< "done", "not_done", "unknown", "pending", "not_called".

/// What the rules need to know to read an answer.
struct AnswerContext {
  Phase phase = Phase::kAction;
  std::span<const int> accept{};                      ///< Further statuses that mean done.
  std::span<const std::string> non_retryable{};       ///< Codes, or statuses as text.
  bool earlier_attempt_unknown = false;              ///< An earlier attempt of this call ended unknown: 409 is "still at work".
};

struct Verdict {
  Outcome outcome = Outcome::kUnknown;
  bool retryable = false;
  int http_status = 0;                     ///< 0 when no answer came.
  std::string code;                        ///< Empty when done.
  std::string message;                     ///< At most 1,000 bytes, cut at a character; empty when done.
  std::optional<Millis> retry_after;       ///< At most 1 h. Only where a retry follows.
  JsonRef output;                          ///< When done: the body; JSON null for an empty one.

  bool operator==(const Verdict& o) const;
};

/// The table of the step protocol in one function. `now` reads a `Retry-After` that is a date.
[[nodiscard]] Verdict interpret(const CallOutcome& outcome, const AnswerContext& context, Timestamp now);

}  // namespace saga::workers
