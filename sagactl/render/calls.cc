// The attempts of the calls that the page is about, and what operators did.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sagactl/render/definition.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kShown = 3;      // The last attempts of a call stand in full, what was before is counted.
constexpr std::size_t kMostCalls = 3;  // More stuck calls than this make the page a list; `events` has them all.

struct CallName {
  std::string step;
  std::string phase;

  bool operator==(const CallName&) const = default;
};

void add_once(std::vector<CallName>& calls, CallName call) {
  if (call.phase.empty()) call.phase = "action";
  if (call.step.empty() || std::find(calls.begin(), calls.end(), call) != calls.end()) return;
  calls.push_back(std::move(call));
}

/// The calls a reader wants to see: the stuck ones; else those that are being retried; else the one it turned back at.
std::vector<CallName> calls_in_question(const Json& saga) {
  std::vector<CallName> calls;
  for (const Json& stuck : list(saga, "stuck")) {
    // What the pivot did is the question, also when its compensation is what failed last.
    if (text(stuck, "code") == "pivot_unknown") add_once(calls, {text(stuck, "step"), "action"});
    add_once(calls, {text(stuck, "step"), text(stuck, "phase")});
  }
  if (!calls.empty()) return calls;
  for (const Json& step : list(saga, "steps")) {
    if (text(step, "status") == "retrying") add_once(calls, {text(step, "name"), "action"});
    const std::string undo = text(member(step, "compensation"), "status");
    if (undo == "retrying" || undo == "failed") add_once(calls, {text(step, "name"), "compensation"});
  }
  if (!calls.empty()) return calls;
  const Json& error = member(saga, "error");
  add_once(calls, {text(error, "step"), text(error, "phase")});
  return calls;
}

const Json& step_named(const Json& saga, const std::string& name) {
  static const Json kNone;
  for (const Json& step : list(saga, "steps")) {
    if (text(step, "name") == name) return step;
  }
  return kNone;
}

/// What went out: as recorded with the attempt, else what the rules say is sent where nothing was written.
Json body_sent(const Json& saga, const CallName& name, const CallHistory& call) {
  for (const std::string_view key : {"body", "input"}) {
    if (const Json& recorded = member(call.request, key); !recorded.is_null()) return recorded;
  }
  const Json& step = step_named(saga, name.step);
  if (name.phase == "action") {
    const Json& own = member(step, "input");
    return own.is_null() ? member(saga, "input") : own;
  }
  if (member(step, "input").is_null()) return nullptr;
  return {{"action_input", member(step, "input")}, {"output", member(step, "output")}};
}

std::string what_came(const Attempt& attempt) {
  if (attempt.done) return "done";
  if (attempt.failure.is_null()) return attempt.ended ? "failed" : "in flight";
  const std::string code = code_text(attempt.failure);
  return code.empty() ? "failed" : code;
}

/// "503 gateway_down", or "7 x 503 gateway_down, 2 x timeout", most frequent first.
std::string tally(const std::vector<Attempt>& attempts, std::size_t count) {
  std::vector<std::pair<std::string, int>> kinds;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string what = what_came(attempts[i]);
    const auto at = std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.first == what; });
    if (at == kinds.end()) {
      kinds.emplace_back(what, 1);
    } else {
      ++at->second;
    }
  }
  if (kinds.size() == 1) return kinds.front().first;
  std::stable_sort(kinds.begin(), kinds.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (const auto& [what, times] : kinds) out += fmt::format("{}{} x {}", out.empty() ? "" : ", ", times, what);
  return out;
}

std::vector<std::string> attempt_lines(const CallHistory& call, const Json& saga, Timestamp now) {
  std::vector<std::string> lines;
  const auto& attempts = call.attempts;
  // One attempt more than is shown takes no more room than saying that there is one.
  const std::size_t hidden = attempts.size() > kShown + 1 ? attempts.size() - kShown : 0;
  if (hidden > 0) lines.push_back(fmt::format("... {} earlier: {}", hidden, tally(attempts, hidden)));

  const Timestamp reference = time(saga, "updated_at").value_or(now);
  std::size_t width = 0;
  for (std::size_t i = hidden; i < attempts.size(); ++i) width = std::max(width, display_width(what_came(attempts[i])));
  for (std::size_t i = hidden; i < attempts.size(); ++i) {
    const Attempt& attempt = attempts[i];
    const auto when = attempt.begun ? attempt.begun : attempt.ended;
    auto took = attempt.duration;
    if (!took && attempt.begun) took = (attempt.ended ? *attempt.ended : now) - *attempt.begun;
    std::string line =
        fmt::format("{:>2}  {}  {}", attempt.number, when ? clock_time(*when, reference) : "            ",
                    pad_right(printable(what_came(attempt)), width));
    if (took) line += "  " + pad_left(human_duration(*took), 6);
    lines.push_back(std::move(line));
  }
  if (call.deferred_since && !call.in_flight()) {
    const std::string why = call.deferred_message.empty() ? "no instance" : printable(call.deferred_message);
    lines.push_back(fmt::format("no attempt made since {}: {}", clock_time(*call.deferred_since, reference), why));
  }
  return lines;
}

}  // namespace

std::string render_calls(const Inspected& inspected, const History& history, const Page& page) {
  const Paint paint(page.colour);
  std::vector<CallName> calls = calls_in_question(inspected.saga);
  const std::size_t more = calls.size() > kMostCalls ? calls.size() - kMostCalls : 0;
  calls.resize(calls.size() - more);

  std::string out;
  for (const CallName& name : calls) {
    const CallHistory& call = history.call(name.step, name.phase);
    if (call.attempts.empty() && !call.deferred_since) continue;
    if (!out.empty()) out += '\n';
    const std::string where = call_line(inspected.definition, name.step, name.phase, call.request);
    const std::string title = name.step + ", " + name.phase + (where.empty() ? "" : ": " + where);
    out += paint.strong(fit(page, printable(title), page.width)) + "\n";
    if (const Json body = body_sent(inspected.saga, name, call); !call.attempts.empty() && !body.is_null()) {
      out += fit(page, "  sent  " + printable(dump_json(body)), page.width) + "\n";
    }
    for (const std::string& line : attempt_lines(call, inspected.saga, inspected.now)) {
      out += fit(page, "  " + line, page.width) + "\n";
    }
  }
  if (more > 0) out += fmt::format("\n... and {}\n", counted(static_cast<std::int64_t>(more), "more call"));
  return out;
}

std::string render_operators(const Inspected& inspected, const History& history, const Page& page) {
  if (history.operators().empty()) return "";
  const Paint paint(page.colour);
  const Timestamp reference = time(inspected.saga, "updated_at").value_or(inspected.now);
  std::string out = paint.strong("Operators") + "\n";
  for (const Json& event : history.operators()) {
    const auto at = time(event, "at");
    std::string line = fmt::format(
        "  {}  {}  {}", at ? clock_time(*at, reference).substr(0, clock_time(*at, reference).size() - 4) : "",
        actor_of(event), verb_of(text(event, "type")));
    if (const std::string step = text(event, "step"); !step.empty()) line += " " + step;
    for (const Json& call : list(member(event, "data"), "calls")) line += " " + text(call, "step");
    if (const std::string reason = reason_of(event); !reason.empty()) line += " \"" + reason + "\"";
    out += fit(page, printable(line), page.width) + "\n";
  }
  return out;
}

}  // namespace saga::ctl
