#include "tests/torture/story.h"

#include <fmt/format.h>

#include <map>

#include "base/time.h"

namespace saga::torture {
namespace {

/// A step as its events tell it.
struct Told {
  std::string status = "pending";
  int attempts = 0;
  std::string undo = "none";
  int undo_attempts = 0;
};

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int>() : 0;
}

std::optional<std::int64_t> time_of(const Json& object, const char* key) {
  const auto time = parse_time(text_of(object, key));
  return time ? std::optional(time->ms) : std::nullopt;
}

bool ends(const std::string& type) {
  return type == "saga_completed" || type == "saga_compensated" || type == "saga_failed" || type == "saga_terminated";
}

void fold(const LoggedEvent& event, std::map<std::string, Told>& steps, std::string& status) {
  const std::string& type = event.type;
  if (type == "saga_started") status = "running";
  if (type == "compensation_begun") status = "compensating";
  if (type == "saga_suspended") status = "suspended";
  if (ends(type)) status = type.substr(5);
  if (event.step.empty() || !steps.contains(event.step)) return;
  Told& step = steps[event.step];
  if (type == "attempt_begun" || type == "child_begun" || type == "child_undo_begun") {
    (event.undo ? step.undo : step.status) = "running";
    (event.undo ? step.undo_attempts : step.attempts) = event.attempt;
  }
  if (type == "call_deferred") --(event.undo ? step.undo_attempts : step.attempts);  // Its number is not spent.
  if (type == "step_completed") step.status = "completed";
  if (type == "step_failed") step.status = "failed";
  if (type == "step_skipped") step.status = "skipped";
  if (type == "step_compensated") step.undo = "completed";
  if (type == "compensation_failed") step.undo = "failed";
}

}  // namespace

std::vector<std::string> lies_of_the_view(const workflows::Workflow& workflow, const Json& shown,
                                          const std::vector<LoggedEvent>& events) {
  std::vector<std::string> lies;
  std::map<std::string, Told> steps;
  for (const auto& step : workflow.steps) steps[step.name];
  std::string status = "pending";
  bool over = false;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const LoggedEvent& event = events[i];
    if (event.seq != static_cast<std::int64_t>(i) + 1) lies.push_back(fmt::format("event {} is missing", i + 1));
    if (i > 0 && event.at_ms < events[i - 1].at_ms) lies.push_back(fmt::format("event {} runs backwards", event.seq));
    // A child that was completed is undone with its parent.
    if (over && event.type != "compensation_begun") lies.push_back(fmt::format("event {} follows the end", event.seq));
    over = ends(event.type);
    fold(event, steps, status);
  }
  const auto differ = [&](const std::string& what, const std::string& says, const std::string& log) {
    if (says != log) lies.push_back(fmt::format("{} is shown as {}, but by the log it is {}", what, says, log));
  };
  differ("the saga", text_of(shown, "status"), status);
  if (!over) return lies;  // What is under way moves between the two reads.
  for (const Json& step : shown.value("steps", Json::array())) {
    const std::string name = text_of(step, "name");
    const Told& told = steps[name];
    const Json& undo = step.at("compensation");
    differ(name, text_of(step, "status"), told.status);
    differ(name + "'s attempts", std::to_string(number_of(step, "attempts")), std::to_string(told.attempts));
    differ(name + "'s compensation", text_of(undo, "status"), told.undo);
    differ(name + "'s compensation's attempts", std::to_string(number_of(undo, "attempts")),
           std::to_string(told.undo_attempts));
  }
  return lies;
}

std::vector<LoggedEvent> read_events(const Json& answer) {
  std::vector<LoggedEvent> events;
  for (const Json& each : answer.value("events", Json::array())) {
    LoggedEvent event;
    event.seq = number_of(each, "seq");
    event.at_ms = time_of(each, "at").value_or(0);
    event.type = text_of(each, "type");
    event.step = text_of(each, "step");
    event.undo = text_of(each, "phase") == "compensation";
    event.attempt = number_of(each, "attempt");
    const Json& data = each.at("data");
    event.outcome = text_of(data, "outcome");
    event.code = text_of(data, "code");
    event.http_status = number_of(data, "http_status");
    event.due_ms = data.contains("due_at") ? time_of(data, "due_at") : time_of(data, "until");
    // The error of an attempt carries its number.
    if (event.attempt == 0) event.attempt = number_of(data, "attempt");
    events.push_back(std::move(event));
  }
  return events;
}

std::string tell(const Evidence& evidence) {
  std::string page =
      fmt::format("{} {} {}\n  input {}\n", evidence.id, evidence.workflow != nullptr ? evidence.workflow->name : "?",
                  evidence.shown.is_null() ? "(not there)" : text_of(evidence.shown, "status"),
                  evidence.shown.is_object() ? dump_json(evidence.shown.value("input", Json())) : "");
  for (const LoggedEvent& event : evidence.events) {
    page += fmt::format("  {:>4} {} {:<20} {:<12} {:<12} {:>3} {} {} {}\n", event.seq,
                        format_time(Timestamp{event.at_ms}).substr(11), event.type, event.step,
                        event.step.empty() ? "" : (event.undo ? "compensation" : "action"),
                        event.attempt == 0 ? "" : std::to_string(event.attempt), event.outcome, event.code,
                        event.http_status == 0 ? "" : std::to_string(event.http_status));
  }
  const auto clock = [](std::int64_t ns) {
    return fmt::format("{}{:03}", format_time(Timestamp{ns / 1'000'000}).substr(11, 12), ns / 1000 % 1000);
  };
  for (const SeenCall& call : evidence.ledger.calls) {
    page += fmt::format("  seen {} {:<12} {:<12} {:>3} {}answered {} {}\n", clock(call.came_ns), call.step,
                        call.undo ? "compensation" : "action", call.attempt, call.outcome_unknown ? "(unknown) " : "",
                        call.answered_ns == 0 ? "never" : clock(call.answered_ns), call.status);
  }
  for (const Effect& effect : evidence.ledger.effects) {
    page += fmt::format("  did  {} {:<12} {:<12} {:>3}\n", clock(effect.at_ns), effect.step,
                        effect.undo ? "compensation" : "action", effect.attempt);
  }
  for (const Charge& charge : evidence.ledger.charges)
    page += fmt::format("  charged {} {}{}\n", charge.amount, charge.key, charge.refunded ? ", refunded" : "");
  return page;
}

}  // namespace saga::torture
