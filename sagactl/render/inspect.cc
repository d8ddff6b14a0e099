#include "sagactl/render/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sagactl/render/definition.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

/// One labelled line: why, what now, what next.
struct Reason {
  std::string label;
  std::string text;
  bool bad = false;
};

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string ago(Timestamp then, Timestamp now) { return human_duration(now - then); }

/// "process_payment: timeout "…", attempt 3 of 3, outcome unknown".
std::string error_text(const Json& error, const Json& definition) {
  const std::string step = text(error, "step");
  std::string phase = text(error, "phase");
  std::string out = step;
  if (!step.empty() && phase == "compensation") out += ", compensation";
  if (!out.empty()) out += ": ";
  out += failure_text(error);
  if (const auto attempt = integer(error, "attempt"); attempt && *attempt > 0 && !step.empty()) {
    if (phase.empty()) phase = "action";
    const auto most = max_attempts(definition, step, phase);
    out += most && *attempt <= *most ? fmt::format(", attempt {} of {}", *attempt, *most)
                                     : fmt::format(", attempt {}", *attempt);
  }
  if (is_unknown(error)) out += ", outcome unknown";
  return out;
}

bool same_call(const Json& a, const Json& b) {
  const auto phase = [](const Json& call) { return text(call, "phase") == "compensation"; };
  return text(a, "step") == text(b, "step") && phase(a) == phase(b);
}

std::optional<Timestamp> attention_since(const Inspected& inspected, const History& history) {
  const std::string status = text(inspected.saga, "status");
  if (const auto given = time(inspected.saga, "attention_since")) return given;
  if (status == "failed") {
    const auto finished = time(inspected.saga, "finished_at");
    return finished ? finished : history.last("saga_failed");
  }
  if (status == "suspended") {
    if (const auto since = history.last("saga_suspended")) return since;
  }
  for (const Json& stuck : list(inspected.saga, "stuck")) {
    const std::string phase = text(stuck, "phase").empty() ? "action" : text(stuck, "phase");
    if (const auto since = history.call(text(stuck, "step"), phase).deferred_since) return since;
  }
  return time(inspected.saga, "updated_at");
}

/// Not once it turns back, nor from the pivot on.
bool deadline_matters(const Inspected& inspected) {
  if (text(inspected.saga, "status") == "compensating") return false;
  const Json& steps = list(inspected.saga, "steps");
  return std::none_of(steps.begin(), steps.end(), [&](const Json& step) {
    return is_pivot(inspected.definition, text(step, "name")) && integer(step, "attempts").value_or(0) > 0;
  });
}

std::string when_and_how_long(const Inspected& inspected, const History& history) {
  const Json& saga = inspected.saga;
  const std::string status = text(saga, "status");
  const auto started = time(saga, "started_at");
  const auto finished = time(saga, "finished_at");
  if (flag(saga, "needs_attention")) {
    const auto since = attention_since(inspected, history);
    if (!since) return "needs attention";
    return fmt::format("needs attention since {} ({})", human_time(*since, inspected.now), ago(*since, inspected.now));
  }
  if (has_ended(status)) {
    if (!finished) return "";
    std::string out =
        fmt::format("at {} ({} ago)", human_time(*finished, inspected.now), ago(*finished, inspected.now));
    if (started) out += ", took " + human_duration(*finished - *started);
    return out;
  }
  std::string out;
  if (started) out = fmt::format("since {} ({})", human_time(*started, inspected.now), ago(*started, inspected.now));
  if (const auto deadline = time(saga, "deadline"); deadline && deadline_matters(inspected)) {
    if (!out.empty()) out += ", ";
    out += *deadline > inspected.now ? fmt::format("deadline in {}", human_duration(*deadline - inspected.now))
                                     : "past its deadline";
  }
  return out;
}

std::string header(const Inspected& inspected, const History& history, const Page& page) {
  const Paint paint(page.colour);
  const std::string status = text(inspected.saga, "status");
  const std::string id = printable(text(inspected.saga, "id"));
  std::string out =
      paint.strong(id) + "   " + workflow_of(inspected.saga) + "   " + paint.status(status, upper(status));
  const std::string tail = when_and_how_long(inspected, history);
  if (!tail.empty()) out += "   " + (flag(inspected.saga, "needs_attention") ? paint.warn(tail) : tail);
  return out + "\n";
}

// Why it is where it is.

void add_suspension(const History& history, std::vector<Reason>& reasons) {
  const Json& event = history.last_event("saga_suspended");
  const std::string actor = actor_of(event);
  const std::string cause = text(member(event, "data"), "cause");
  std::string line;
  if (!actor.empty()) {
    const std::string reason = reason_of(event);
    line = "by " + actor + (reason.empty() ? "" : ": " + reason);
  } else if (cause == "pivot_unknown") {
    line = "nobody knows whether the pivot happened, so it can go neither forward nor back by itself";
  } else if (cause == "step_failed") {
    line = "a step failed, and the definition says to stop there or no way leads back";
  } else if (cause == "compensation_failed") {
    line = "a compensation failed, and the definition says to stop there";
  }
  if (!line.empty()) reasons.push_back({"Suspended", line, false});
}

void add_error(const Inspected& inspected, const History& history, std::vector<Reason>& reasons) {
  const Json& error = member(inspected.saga, "error");
  if (!error.is_object()) return;
  const std::string status = text(inspected.saga, "status");
  std::string label = turned_back(inspected, history) ? "Turned back" : "Stopped";
  if (status == "completed") label = "No output";
  if (status == "running" || status == "pending") label = "Trouble";
  reasons.push_back({label, error_text(error, inspected.definition), true});
}

void add_stuck(const Inspected& inspected, std::vector<Reason>& reasons) {
  const Json& error = member(inspected.saga, "error");
  for (const Json& stuck : list(inspected.saga, "stuck")) {
    const bool undo = text(stuck, "phase") == "compensation";
    if (error.is_object() && same_call(error, stuck) && text(error, "code") == text(stuck, "code")) continue;
    if (undo && text(inspected.saga, "status") == "failed") continue;           // "Not undone" says it.
    if (error.is_object() && text(stuck, "code") == "pivot_unknown") continue;  // So do "Stopped" and "Not undone".
    std::string what = text(stuck, "step");
    if (undo) what += ", compensation";
    if (!what.empty()) what += ": ";
    what += failure_text(stuck);
    const bool in_child = text(stuck, "code") == "child_suspended";  // Its attempts are its children.
    if (const auto attempts = integer(stuck, "attempts"); attempts && *attempts > 0 && !in_child)
      what += ", " + counted(*attempts, "attempt");
    reasons.push_back({"Stuck", what, true});
  }
}

void add_not_undone(const Inspected& inspected, std::vector<Reason>& reasons) {
  for (const Json& step : list(inspected.saga, "steps")) {
    const Json& compensation = member(step, "compensation");
    if (text(compensation, "status") != "failed") continue;
    reasons.push_back({"Not undone", text(step, "name") + ": " + failure_text(member(compensation, "error")), true});
  }
}

/// Steps whose failure did not stop the saga.
void add_passed_over(const Inspected& inspected, std::vector<Reason>& reasons) {
  const std::string at = text(member(inspected.saga, "error"), "step");
  for (const Json& step : list(inspected.saga, "steps")) {
    const std::string name = text(step, "name");
    if (text(step, "status") != "failed" || name == at) continue;
    const Json& stuck = list(inspected.saga, "stuck");
    if (std::any_of(stuck.begin(), stuck.end(), [&](const Json& s) { return text(s, "step") == name; })) continue;
    reasons.push_back({"Passed over", name + ": " + failure_text(member(step, "error")), false});
  }
}

// What it does now, and what comes next.

struct Activity {
  std::vector<std::string> now;
  std::vector<std::string> next;
};

/// "until 12:03:04 UTC (29s left)"; empty without an end.
std::string until(std::optional<Timestamp> due, Timestamp now) {
  if (!due) return "";
  if (*due <= now) return fmt::format(", due since {}", ago(*due, now));
  return fmt::format(" until {} ({} left)", human_time(*due, now), human_duration(*due - now));
}

/// What a step is waiting for that is neither its answer nor its next attempt; empty where it is not.
std::string awaited(const Json& owner, const Json& step, const std::string& what, Timestamp now) {
  const std::string awaits = text(owner, "awaits");
  const std::string end = until(time(owner, "due_at"), now);
  if (awaits == "time") return what + " waits" + end;
  if (awaits == "signal") return fmt::format("{} awaits the signal '{}'{}", what, text(step, "signal"), end);
  if (awaits == "callback") return what + " awaits its callback" + end;
  if (awaits == "child") return fmt::format("{} awaits its child saga {}", what, text(step, "child"));
  return "";
}

std::string of_most(std::optional<std::int64_t> most, std::int64_t number) {
  return most && number <= *most ? fmt::format("{} of {}", number, *most) : std::to_string(number);
}

void add_activity(const Inspected& inspected, const History& history, const Json& owner, const Json& whole,
                  const std::string& phase, Activity& activity) {
  const std::string step = text(whole, "name");
  const std::string status = text(owner, "status");
  const CallHistory& call = history.call(step, phase);
  const auto attempts = integer(owner, "attempts").value_or(0);
  const auto most = max_attempts(inspected.definition, step, phase);
  const std::string what = phase == "compensation" ? "undoing " + step : step;
  const auto due = time(owner, "due_at");
  if (std::string waiting = awaited(owner, whole, what, inspected.now); !waiting.empty()) {
    activity.now.push_back(std::move(waiting));
  } else if (call.deferred_since && !call.in_flight() && (status == "waiting" || status == "retrying")) {
    const std::string service = service_of(inspected.definition, step);
    activity.next.push_back(
        fmt::format("{} goes on by itself once {} has an instance", what, service.empty() ? "its service" : service));
  } else if (status == "running") {
    std::string line = fmt::format("{}, attempt {}", what, of_most(most, std::max<std::int64_t>(attempts, 1)));
    if (!call.attempts.empty() && call.attempts.back().begun) {
      line += fmt::format(", for {}", ago(*call.attempts.back().begun, inspected.now));
    }
    activity.now.push_back(std::move(line));
  } else if (status == "retrying") {
    const std::string attempt = of_most(most, attempts + 1);
    if (!due) {
      activity.next.push_back(fmt::format("{}, attempt {}", what, attempt));
    } else if (*due > inspected.now) {
      activity.next.push_back(fmt::format("{}, attempt {} at {} (in {})", what, attempt,
                                          human_time(*due, inspected.now), human_duration(*due - inspected.now)));
    } else {
      activity.next.push_back(fmt::format("{}, attempt {}, due since {}", what, attempt, ago(*due, inspected.now)));
    }
  } else if (status == "waiting") {
    std::string line = what + " waits";
    if (due)
      line += fmt::format(" until {} (in {})", human_time(*due, inspected.now), human_duration(*due - inspected.now));
    activity.now.push_back(std::move(line));
  }
}

std::optional<Timestamp> start_at(const Inspected& inspected, const History& history) {
  if (const auto given = time(inspected.saga, "start_at")) return given;
  const Json& accepted = member(history.last_event("saga_accepted"), "data");
  if (const auto recorded = time(accepted, "start_at")) return recorded;
  return time(inspected.saga, "due_at");
}

Activity activity_of(const Inspected& inspected, const History& history) {
  const std::string status = text(inspected.saga, "status");
  Activity activity;
  if (status == "pending") {
    const auto start = start_at(inspected, history);
    const bool later = start && *start > inspected.now;
    activity.next.push_back(later ? fmt::format("starts at {} (in {})", human_time(*start, inspected.now),
                                                human_duration(*start - inspected.now))
                                  : "starts as soon as there is room");
    return activity;
  }
  if (has_ended(status)) return activity;
  for (const Json& step : list(inspected.saga, "steps")) {
    add_activity(inspected, history, step, step, "action", activity);
    add_activity(inspected, history, member(step, "compensation"), step, "compensation", activity);
  }
  if (status == "suspended") {
    activity.next = {"nothing, until an operator says how to go on"};
  } else if (activity.now.empty() && activity.next.empty()) {
    activity.now.push_back(status == "compensating" ? "about to undo the next step" : "about to begin the next step");
  }
  return activity;
}

std::string reasons(const Inspected& inspected, const History& history, const Page& page) {
  std::vector<Reason> all;
  if (const Json& parent = member(inspected.saga, "parent"); parent.is_object()) {
    all.push_back({"Child of", fmt::format("{}, step {}", text(parent, "id"), text(parent, "step")), false});
  }
  if (text(inspected.saga, "status") == "suspended") add_suspension(history, all);
  add_error(inspected, history, all);
  add_stuck(inspected, all);
  add_not_undone(inspected, all);
  add_passed_over(inspected, all);
  const Activity activity = activity_of(inspected, history);
  for (const std::string& line : activity.now) all.push_back({"Now", line, false});
  for (const std::string& line : activity.next) all.push_back({"Next", line, false});
  if (text(inspected.saga, "status") == "completed") {
    const Json& output = member(inspected.saga, "output");
    if (!output.is_null()) all.push_back({"Output", dump_json(output), false});
  }

  constexpr std::size_t kLabel = 13;
  constexpr std::size_t kReasonLines = 3;
  const Paint paint(page.colour);
  std::string out;
  for (const Reason& reason : all) {
    const std::string line = wrap(page, printable(reason.text), kLabel, kReasonLines);
    out += (reason.bad ? paint.bad(reason.label) : paint.strong(reason.label)) +
           std::string(kLabel - display_width(reason.label), ' ') + line + "\n";
  }
  return out;
}

std::string footer(const Inspected& inspected) {
  std::string out = fmt::format("All attempts: {} events {}", inspected.program, printable(text(inspected.saga, "id")));
  if (const std::string trace = text(inspected.saga, "trace_id"); !trace.empty())
    out += "     Trace: " + printable(trace);
  return out + "\n";
}

std::string given(const Inspected& inspected, const Page& page) {
  std::string out;
  if (const Json& input = member(inspected.saga, "input"); !input.is_null()) {
    out += fit(page, "Input  " + printable(dump_json(input)), page.width) + "\n";
  }
  if (const Json& tags = member(inspected.saga, "tags"); tags.is_object() && !tags.empty()) {
    std::string line = "Tags ";
    for (const auto& [key, value] : tags.items()) line += fmt::format("  {}={}", key, as_text(value));
    out += fit(page, printable(line), page.width) + "\n";
  }
  return out;
}

}  // namespace

std::string workflow_of(const Json& saga) {
  std::string name = text(saga, "workflow");
  const std::string version = text(saga, "version");
  if (!version.empty() && name.find('/') == std::string::npos) name += "/" + version;
  return printable(name);
}

bool turned_back(const Inspected& inspected, const History& history) {
  const std::string status = text(inspected.saga, "status");
  if (status == "compensating" || status == "compensated" || status == "failed") return true;
  if (history.last_event("compensation_begun").is_null()) return false;
  const Json& suspended = member(history.last_event("saga_suspended"), "data");
  return status != "suspended" || text(suspended, "cause") != "pivot_unknown";
}

bool has_ended(std::string_view status) {
  return status == "completed" || status == "compensated" || status == "failed" || status == "terminated";
}

std::string render_inspect(const Inspected& inspected, const Page& page) {
  const History history(inspected.events);
  const std::string commands = render_commands(inspected, history, page);
  std::string out = header(inspected, history, page);
  for (const std::string& part : {reasons(inspected, history, page), render_steps(inspected, history, page),
                                  render_calls(inspected, history, page), render_operators(inspected, history, page),
                                  given(inspected, page), commands}) {
    if (!part.empty()) out += "\n" + part;
  }
  if (commands.empty()) out += "\n";
  return out + footer(inspected);
}

std::string render_outcome(const Json& saga, const Page& page) {
  Inspected inspected;
  inspected.saga = saga;
  inspected.now = time(saga, "updated_at").value_or(time(saga, "finished_at").value_or(Timestamp{}));
  const Paint paint(page.colour);
  const std::string status = text(saga, "status");
  std::string out = printable(text(saga, "id")) + "  " + paint.status(status, status);
  const auto started = time(saga, "started_at");
  const auto finished = time(saga, "finished_at");
  if (started && finished) out += " in " + human_duration(*finished - *started);
  out += "\n";
  std::vector<Reason> all;
  if (const Json& error = member(saga, "error"); error.is_object()) {
    const History none{Json::array()};
    add_error(inspected, none, all);
  }
  add_stuck(inspected, all);
  add_not_undone(inspected, all);
  if (const Json& output = member(saga, "output"); !output.is_null())
    all.push_back({"Output", dump_json(output), false});
  for (const Reason& reason : all)
    out += "  " + pad_right(reason.label, 13) + wrap(page, printable(reason.text), 15, 3) + "\n";
  return out;
}

}  // namespace saga::ctl
