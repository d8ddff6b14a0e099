// What a saga is at one moment: the fold of its events, nothing else. Plain values that compare equal; only `apply`
// changes them. Heavy parts (JSON, the facts of the start) are shared and never change, and what few sagas have takes
// no room in the others, so a copy is cheap.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/sparse.h"
#include "base/time.h"
#include "workers/protocol/protocol.h"

namespace saga::core {

using workers::Outcome;
using workers::Phase;

enum class SagaStatus { kPending, kRunning, kCompensating, kSuspended, kCompleted, kCompensated, kFailed, kTerminated };
enum class StepStatus { kPending, kRunning, kRetrying, kWaiting, kCompleted, kFailed, kSkipped };
enum class CompensationStatus { kNone, kPending, kRunning, kRetrying, kWaiting, kCompleted, kFailed, kSkipped };

[[nodiscard]] std::string_view to_string(SagaStatus status);
[[nodiscard]] std::string_view to_string(StepStatus status);
[[nodiscard]] std::string_view to_string(CompensationStatus status);  ///< kWaiting is shown as "retrying".

/// True when nothing more happens by itself or by an operator, but for `failed`, which an operator reopens.
[[nodiscard]] bool has_ended(SagaStatus status);

/// Why an attempt, a step or a saga failed.
struct Failure {
  std::string step;  ///< Empty where no step is meant.
  std::optional<Phase> phase;
  std::string code;
  std::string message;
  int http_status = 0;  ///< 0: no answer.
  int attempt = 0;      ///< 0: before any attempt.
  Outcome outcome = Outcome::kNotDone;

  bool operator==(const Failure&) const = default;
};

/// Who asked for something. `verified` when a token says so.
struct Actor {
  std::string name;
  bool verified = false;
  std::string reason;

  bool operator==(const Actor&) const = default;
};

/// What an operator settled instead of a call.
struct Settlement {
  Actor actor;
  Timestamp at;

  bool operator==(const Settlement&) const = default;
};

/// What was worked out for a call before its first attempt; every attempt sends the same.
struct PreparedRequest {
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  WrittenJson body;  ///< None: the default body, or no body for GET and DELETE.

  bool operator==(const PreparedRequest& o) const {
    return path == o.path && headers == o.headers && body == o.body;
  }
};

/// What an action or a compensation waits for that is neither its answer nor the time of its next attempt.
enum class Awaits : std::uint8_t {
  kNothing,
  kService,         ///< An instance of its service.
  kCallback,        ///< The callback of attempt number `attempts`, which was answered 202; until `due_at`.
  kTime,            ///< The end of a wait: `due_at`.
  kSignal,          ///< Its signal; until `due_at`, where it has a timeout.
  kChild,           ///< The child saga, to end.
  kSuspendedChild,  ///< The child saga, which waits for an operator.
};

/// One call, an action or a compensation, over all its attempts. Of a child saga the attempts are its children, or how
/// often it was asked to undo itself; of a wait and of a signal there are none.
struct CallState {
  int attempts = 0;          ///< Numbers spent, the open one included.
  int counted = 0;           ///< Places in `max_attempts` used up since the start or the last operator's retry.
  int failures = 0;          ///< Attempts that failed since then, lost ones included.
  int child = 0;             ///< Of the undoing of a child saga: which of the step's children is asked.
  bool open = false;         ///< Attempt number `attempts` is under way.
  bool any_unknown = false;  ///< Some attempt ended unknown.
  bool again = false;        ///< Of the undoing of a child saga: an operator retries it.
  Awaits awaits = Awaits::kNothing;
  std::optional<Timestamp> due_at;       ///< When the next attempt begins, or what it awaits is given up or over.
  std::optional<Timestamp> budget_from;  ///< What `total_timeout` counts from.
  Sparse<Failure> last_failure;
  std::shared_ptr<const PreparedRequest> request;  ///< None: nothing in the call depends on the saga.

  bool operator==(const CallState& o) const;
};

struct StepState {
  StepStatus status = StepStatus::kPending;
  CompensationStatus undo = CompensationStatus::kNone;
  CallState action;
  CallState compensation;
  JsonRef output;           ///< None unless completed.
  JsonRef signal;           ///< The payload of its signal, from when it came; none before.
  Sparse<Failure> failure;  ///< Why the action failed for good.
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
  std::optional<Timestamp> undone_at;  ///< When the compensation ended, either way.
  Sparse<Settlement> settled;
  Sparse<Settlement> undo_settled;

  bool operator==(const StepState& o) const;
};

/// What is set at the start and never changes.
struct SagaFacts {
  std::string id;
  std::string workflow;
  std::int64_t version = 1;
  WrittenJson input;
  std::vector<std::pair<std::string, std::string>> tags;
  Timestamp created_at;
  std::optional<Timestamp> start_at;
  std::string trace_id;     ///< 32 hex digits.
  std::string parent_span;  ///< 16 hex digits, or empty.
  std::string parent_id;    ///< Of a child saga: whose step started it; empty otherwise.
  std::string parent_step;
  int parent_attempt = 0;  ///< The attempt of that step whose child it is.
  /// The versions of the child workflows, by the index of the step that starts one and in that
  /// order; fixed when the parent starts.
  std::vector<std::pair<std::size_t, std::int64_t>> child_versions;

  bool operator==(const SagaFacts& o) const;
};

enum class SuspensionCause { kOperator, kStepFailed, kCompensationFailed, kPivotUnknown };
[[nodiscard]] std::string_view to_string(SuspensionCause cause);

struct Suspension {
  SuspensionCause cause = SuspensionCause::kOperator;
  SagaStatus from = SagaStatus::kRunning;  ///< What it goes on as.
  Timestamp since;

  bool operator==(const Suspension&) const = default;
};

struct SagaState {
  std::shared_ptr<const SagaFacts> facts;  ///< None before the first event.
  std::int64_t seq = 0;                    ///< Of the last event.
  SagaStatus status = SagaStatus::kPending;
  bool stopping = false;          ///< Nothing new is begun; compensation follows once calls in flight ended.
  Sparse<Suspension> suspension;  ///< While suspended.
  std::optional<Timestamp> deadline;
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> finished_at;
  std::optional<Timestamp> attention_since;
  Timestamp updated_at;
  Sparse<Failure> error;  ///< Why it turned back or stopped.
  JsonRef output;
  std::vector<StepState> steps;  ///< By the workflow's step index.

  bool operator==(const SagaState& o) const;
};

}  // namespace saga::core
