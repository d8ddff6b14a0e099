// A saga's events, gathered by call: what was sent, attempt by attempt, and what operators did.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace saga::ctl {

struct Attempt {
  std::int64_t number = 0;
  std::optional<Timestamp> begun;
  std::optional<Timestamp> ended;  ///< None: still in flight.
  std::optional<Millis> duration;
  bool done = false;
  Json failure;                     ///< {code, message, http_status, outcome}; null unless it failed.
  std::optional<Timestamp> due_at;  ///< When the attempt after it begins.
};

struct CallHistory {
  std::vector<Attempt> attempts;            ///< In the order they began.
  Json request;                             ///< What was worked out for it ({path, body}), or null.
  std::optional<Timestamp> finished;        ///< It is settled: done, failed for good, or skipped.
  std::optional<Timestamp> deferred_since;  ///< No attempt could be made since, for want of an instance.
  std::string deferred_message;
  bool any_unknown = false;

  [[nodiscard]] bool in_flight() const { return !attempts.empty() && !attempts.back().ended; }

  /// From the first attempt's beginning to the end; none while either is not known.
  [[nodiscard]] std::optional<Millis> took() const;
};

class History {
 public:
  /// `events`: an array of {seq, at, type, step, phase, attempt, actor, reason, data}, in order. What is not known is
  /// passed over.
  explicit History(const Json& events);

  /// Empty when nothing is known of the call.
  [[nodiscard]] const CallHistory& call(std::string_view step, std::string_view phase) const;

  /// When the last event of `type` came.
  [[nodiscard]] std::optional<Timestamp> last(std::string_view type) const;
  [[nodiscard]] const Json& last_event(std::string_view type) const;  ///< Null when there is none.

  /// The events that operators caused, in order.
  [[nodiscard]] const std::vector<Json>& operators() const { return operators_; }

 private:
  void take(const Json& event);
  CallHistory& of(const Json& event, std::string_view phase);

  std::map<std::pair<std::string, std::string>, CallHistory, std::less<>> calls_;
  std::map<std::string, Json, std::less<>> last_;
  std::vector<Json> operators_;
};

/// "action" or "compensation": what the event belongs to, also where it does not say.
[[nodiscard]] std::string phase_of(const Json& event);

/// What an event says went wrong: {code, …} of its data, or null.
[[nodiscard]] const Json& failure_of(const Json& event);

/// "bob@ops (unverified)": the `actor` of an event or a settlement; "" when there is none.
[[nodiscard]] std::string actor_of(const Json& owner);

/// "retry", "skip", …: the verb behind an operator's event, or "".
[[nodiscard]] std::string_view verb_of(std::string_view event_type);

/// Why the operator did it, or "".
[[nodiscard]] std::string reason_of(const Json& event);

/// True for "unknown" in a failure's outcome.
[[nodiscard]] bool is_unknown(const Json& failure);

/// "503 gateway_down", "timeout", "402 card_declined".
[[nodiscard]] std::string code_text(const Json& failure);

/// The same with its message: `503 gateway_down "PSP maintenance"`.
[[nodiscard]] std::string failure_text(const Json& failure);

}  // namespace saga::ctl
