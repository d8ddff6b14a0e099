#include "sagactl/render/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sagactl/render/text.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

struct Verb {
  std::string_view type;
  std::string_view verb;
};

constexpr std::array<Verb, 6> kVerbs{{{"operator_retried", "retry"},
                                      {"operator_skipped", "skip"},
                                      {"operator_cancelled", "cancel"},
                                      {"saga_suspended", "suspend"},
                                      {"saga_resumed", "resume"},
                                      {"saga_terminated", "terminate"}}};

Attempt& attempt_numbered(CallHistory& call, std::int64_t number) {
  const auto at =
      std::find_if(call.attempts.begin(), call.attempts.end(), [&](const Attempt& a) { return a.number == number; });
  if (at != call.attempts.end()) return *at;
  Attempt attempt;
  attempt.number = number;
  call.attempts.push_back(std::move(attempt));
  return call.attempts.back();
}

void end_attempt(CallHistory& call, const Json& event) {
  const Json& failure = failure_of(event);
  const auto number = integer(event, "attempt").value_or(integer(failure, "attempt").value_or(0));
  Attempt& attempt = attempt_numbered(call, number);
  const Json& data = member(event, "data");
  attempt.ended = time(event, "at");
  if (const auto ms = integer(data, "duration_ms")) attempt.duration = Millis{*ms};
  attempt.due_at = time(data, "due_at");
  call.deferred_since.reset();
}

}  // namespace

std::optional<Millis> CallHistory::took() const {
  if (attempts.empty() || !attempts.front().begun || !finished) return std::nullopt;
  return *finished - *attempts.front().begun;
}

History::History(const Json& events) {
  if (!events.is_array()) return;
  for (const Json& event : events) take(event);
}

CallHistory& History::of(const Json& event, std::string_view phase) {
  return calls_[{text(event, "step"), std::string(phase)}];
}

void History::take(const Json& event) {
  const std::string type = text(event, "type");
  const std::string phase = phase_of(event);
  const Json& data = member(event, "data");
  last_[type] = event;
  if (!verb_of(type).empty() && !actor_of(event).empty()) operators_.push_back(event);

  if (type == "attempt_begun") {
    CallHistory& call = of(event, phase);
    attempt_numbered(call, integer(event, "attempt").value_or(0)).begun = time(event, "at");
    // Only where something was worked out for it, and then with the first attempt.
    if (const Json& request = member(data, "request"); request.is_object()) call.request = request;
    call.finished.reset();
  } else if (type == "attempt_failed") {
    CallHistory& call = of(event, phase);
    end_attempt(call, event);
    Attempt& attempt =
        attempt_numbered(call, integer(event, "attempt").value_or(integer(failure_of(event), "attempt").value_or(0)));
    attempt.failure = failure_of(event);
    call.any_unknown = call.any_unknown || is_unknown(attempt.failure);
  } else if (type == "step_completed" || type == "step_compensated") {
    CallHistory& call = of(event, phase);
    end_attempt(call, event);
    attempt_numbered(call, integer(event, "attempt").value_or(0)).done = true;
    call.finished = time(event, "at");
  } else if (type == "step_failed" || type == "compensation_failed" || type == "operator_skipped") {
    CallHistory& call = of(event, phase);
    call.finished = time(event, "at");
    call.any_unknown = call.any_unknown || is_unknown(failure_of(event));
  } else if (type == "call_deferred") {
    CallHistory& call = of(event, phase);
    // It was begun, but not made: its number is not spent.
    if (!call.attempts.empty() && !call.attempts.back().ended) call.attempts.pop_back();
    if (!call.deferred_since) call.deferred_since = time(event, "at");
    call.deferred_message = text(data, "message");
  }
}

const CallHistory& History::call(std::string_view step, std::string_view phase) const {
  static const CallHistory kNothing;
  const auto at = calls_.find(std::pair<std::string, std::string>(step, phase));
  return at == calls_.end() ? kNothing : at->second;
}

const Json& History::last_event(std::string_view type) const {
  static const Json kNone;
  const auto at = last_.find(type);
  return at == last_.end() ? kNone : at->second;
}

std::optional<Timestamp> History::last(std::string_view type) const { return time(last_event(type), "at"); }

std::string phase_of(const Json& event) {
  std::string phase = text(event, "phase");
  if (phase.empty()) phase = text(member(event, "data"), "phase");
  if (!phase.empty()) return phase;
  const std::string type = text(event, "type");
  return type == "step_compensated" || type == "compensation_failed" ? "compensation" : "action";
}

const Json& failure_of(const Json& event) {
  const Json& data = member(event, "data");
  // An attempt's and a step's stand in the data itself, a saga's cause inside it.
  return member(data, "code").is_null() ? member(data, "error") : data;
}

std::string actor_of(const Json& owner) {
  const Json& actor = member(owner, "actor");
  if (!actor.is_object()) return as_text(actor);
  const std::string name = text(actor, "name");
  return name.empty() || flag(actor, "verified") ? name : name + " (unverified)";
}

std::string_view verb_of(std::string_view event_type) {
  for (const Verb& entry : kVerbs) {
    if (entry.type == event_type) return entry.verb;
  }
  return "";
}

std::string reason_of(const Json& event) { return text(event, "reason"); }

bool is_unknown(const Json& failure) { return text(failure, "outcome") == "unknown"; }

std::string code_text(const Json& failure) {
  const std::string code = text(failure, "code");
  const auto status = integer(failure, "http_status").value_or(0);
  if (status == 0) return code;
  const std::string number = std::to_string(status);
  return code.empty() || code == number ? number : number + " " + code;
}

std::string failure_text(const Json& failure) {
  const std::string code = code_text(failure);
  const std::string message = printable(text(failure, "message"));
  if (message.empty()) return code;
  return code.empty() ? message : fmt::format("{} \"{}\"", code, message);
}

}  // namespace saga::ctl
