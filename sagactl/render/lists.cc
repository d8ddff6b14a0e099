#include "sagactl/render/lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <vector>

#include "sagactl/render/history.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/table.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

Cell status_cell(const Json& saga) {
  const std::string status = text(saga, "status");
  return {status, [status](const Paint& paint, const std::string& shown) { return paint.status(status, shown); }};
}

/// "gateway_down: PSP maintenance until 03:00".
std::string short_error(const Json& failure) {
  const std::string code = text(failure, "code");
  const std::string message = text(failure, "message");
  return message.empty() ? code : code.empty() ? message : code + ": " + message;
}

const Json& first_stuck(const Json& saga) {
  static const Json kNone;
  const Json& stuck = list(saga, "stuck");
  return stuck.empty() ? kNone : stuck.front();
}

/// RFC 3339 in a pipe; short on a terminal, where the column's title says UTC: the time of day, or the date of another
/// day.
std::string when(const Json& saga, std::string_view key, Timestamp now, const Page& page) {
  const auto at = time(saga, key);
  if (!at) return "";
  if (!page.terminal) return format_time(*at);
  const bool today = format_time(*at).substr(0, 10) == format_time(now).substr(0, 10);
  return today ? format_time(*at).substr(11, 8) : format_time(*at).substr(0, 10);
}

std::string attention_age(const Json& saga, Timestamp now, const Page& page) {
  for (const std::string_view key : {"attention_since", "finished_at", "updated_at"}) {
    const auto at = time(saga, key);
    if (at) return page.terminal ? human_duration(now - *at) : format_time(*at);
  }
  return "";
}

std::string took(const Json& saga, Timestamp now) {
  const auto from = time(saga, "started_at");
  if (!from) return "";
  const auto to = time(saga, "finished_at");
  if (!to && has_ended(text(saga, "status"))) return "";
  return human_duration(to.value_or(now) - *from);
}

std::string indented(const std::string& lines) {
  std::string out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) out += "  " + line + "\n";
  return out;
}

}  // namespace

std::string render_sagas(const Json& sagas, bool attention, Timestamp now, const Page& page) {
  if (attention) {
    Table table(
        {{"ID"}, {"WORKFLOW", false, true}, {"STATUS"}, {"SINCE"}, {"STUCK AT", false, true}, {"ERROR", false, true}});
    for (const Json& saga : sagas) {
      const Json& stuck = first_stuck(saga);
      const Json& at = stuck.is_object() ? stuck : member(saga, "error");
      std::string where = text(at, "step");
      if (text(at, "phase") == "compensation") where += ", compensation";
      const std::size_t more = list(saga, "stuck").size();
      if (more > 1) where += fmt::format(" (+{})", more - 1);
      table.add({text(saga, "id"), workflow_of(saga), status_cell(saga), attention_age(saga, now, page), where,
                 short_error(at)});
    }
    return table.render(page);
  }
  Table table({{"ID"},
               {"WORKFLOW", false, true},
               {"STATUS"},
               {"ATTN"},
               {page.terminal ? "CREATED UTC" : "CREATED"},
               {"TOOK", true},
               {"ERROR", false, true}});
  for (const Json& saga : sagas) {
    const bool stuck = flag(saga, "needs_attention");
    const Json& error = stuck && first_stuck(saga).is_object() ? first_stuck(saga) : member(saga, "error");
    std::string shown = text(error, "step");
    if (text(error, "phase") == "compensation") shown += ", compensation";
    if (!shown.empty()) shown += ": ";
    shown += short_error(error);
    table.add({text(saga, "id"), workflow_of(saga), status_cell(saga), stuck ? "yes" : "",
               when(saga, "created_at", now, page), took(saga, now), shown});
  }
  return table.render(page);
}

std::string render_attention(const Json& attention) {
  std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>> by_call;
  if (!attention.is_array()) return "";
  for (const Json& group : attention) {
    std::string call = text(group, "step");
    if (const std::string phase = text(group, "phase"); !phase.empty()) call += " " + phase;
    if (call.empty()) call = text(group, "workflow");
    by_call[call].emplace_back(integer(group, "count").value_or(0), text(group, "code"));
  }
  std::string out;
  for (auto& [call, codes] : by_call) {
    std::stable_sort(codes.begin(), codes.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::string line;
    for (const auto& [count, code] : codes)
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, code.empty() ? "stopped" : code);
    out += printable(call + ": " + line) + "\n";
  }
  return out;
}

std::string render_event(const Json& event, const Page& page) {
  const Paint paint(page.colour);
  const std::string type = text(event, "type");
  const Json& data = member(event, "data");
  std::string details;
  const auto add = [&](const std::string& piece) {
    if (!piece.empty()) details += (details.empty() ? "" : "  ") + piece;
  };
  if (const std::string step = text(event, "step"); !step.empty()) {
    std::string call = step + " " + phase_of(event);
    if (const auto attempt = integer(event, "attempt"); attempt && *attempt > 0) call += fmt::format(" {}", *attempt);
    add(call);
  }
  const Json& failure = failure_of(event);
  if (failure.is_object()) {
    add(failure_text(failure) + (is_unknown(failure) ? ", outcome unknown" : ""));
  } else {
    add(text(data, "message"));
  }
  if (type == "attempt_begun") {
    add(text(member(data, "request"), "path"));
    add(text(member(data, "request"), "body"));
  }
  // Nothing took time where no answer ended it: a callback, a signal, a child.
  if (const auto ms = integer(data, "duration_ms"); ms && (*ms > 0 || integer(data, "http_status").value_or(0) > 0))
    add(human_duration(Millis{*ms}));
  if (const auto until = time(data, "until")) add("until " + format_time(*until));
  if (const Json& payload = member(data, "payload"); !payload.is_null()) add(dump_json(payload));
  if (const auto due = time(data, "due_at")) add("next at " + format_time(*due).substr(11, 12));
  if (type == "step_completed" || type == "saga_completed") add(as_text(member(data, "output")));
  add(text(data, "cause"));
  for (const Json& step : list(data, "not_undone")) add("not undone: " + as_text(step));
  for (const Json& call : list(data, "calls")) add(text(call, "step") + " " + text(call, "phase"));
  if (const std::string actor = actor_of(event); !actor.empty()) add("by " + actor);
  if (const std::string reason = reason_of(event); !reason.empty()) add("\"" + reason + "\"");

  const auto at = time(event, "at");
  const std::string moment = at ? format_time(*at) : text(event, "at");
  if (!page.terminal) {
    return fmt::format("{}\t{}\t{}\t{}\n", text(event, "seq"), moment, type, printable(details));
  }
  const std::string start = fmt::format("{:>4}  {}  ", text(event, "seq"), moment);
  const std::string name = pad_right(type, 19);
  const std::size_t used = display_width(start) + display_width(name) + 2;
  std::string shown_name = name;
  if (type.find("failed") != std::string::npos) {
    shown_name = paint.bad(name);
  } else if (type.find("completed") != std::string::npos) {
    shown_name = paint.good(name);
  } else if (type.find("compensat") != std::string::npos || type.find("operator") != std::string::npos) {
    shown_name = paint.warn(name);
  }
  std::string line =
      paint.quiet(start) + shown_name + "  " + elide(printable(details), page.width > used ? page.width - used : 0);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string render_workflows(const Json& workflows, const Page& page) {
  Table table(
      {{"WORKFLOW"}, {page.terminal ? "REGISTERED UTC" : "REGISTERED"}, {"STEPS", true}, {"DESCRIPTION", false, true}});
  for (const Json& workflow : workflows) {
    const auto at = time(workflow, "registered_at");
    const std::string registered = !at ? "" : page.terminal ? format_time(*at).substr(0, 10) : format_time(*at);
    table.add({text(workflow, "name") + "/" + text(workflow, "version"), registered, text(workflow, "steps"),
               text(workflow, "description")});
  }
  return table.render(page);
}

std::string render_stats(const Json& stats, const Page& page) {
  Table counts({{"WORKFLOW", false, true}, {"STATUS"}, {"SAGAS", true}, {"ATTN", true}});
  for (const Json& row : list(stats, "counts")) {
    const std::string attention =
        integer(row, "needing_attention").value_or(0) > 0 ? text(row, "needing_attention") : "";
    counts.add({text(row, "workflow"), status_cell(row), text(row, "count"), attention});
  }
  std::string out = counts.empty() ? "no sagas\n" : counts.render(page);
  if (const std::string attention = render_attention(member(stats, "attention")); !attention.empty()) {
    out += "\nNeeds attention\n" + indented(attention);
  }
  if (const Json& queues = member(stats, "queues"); queues.is_object() && !queues.empty()) {
    std::string lines;
    for (const auto& [name, length] : queues.items())
      lines += printable(fmt::format("{}: {}", name, as_text(length))) + "\n";
    out += "\nQueues\n" + indented(lines);
  }
  return out;
}

std::string render_health(const Json& live, const Json& ready, const Page& page) {
  const Paint paint(page.colour);
  std::string out;
  for (const auto& [name, answer] : {std::pair<std::string, const Json&>("live", live), {"ready", ready}}) {
    const bool good = integer(answer, "http_status").value_or(0) == 200;
    out += pad_right(name, 7) + (good ? paint.good("yes") : paint.bad("no")) + "\n";
    const Json& components = member(answer, "components");
    if (!components.is_object()) continue;
    for (const auto& [component, state] : components.items()) {
      const std::string problem = printable(text(state, "problem"));
      const std::string said = flag(state, "ok") ? "ok" : paint.bad("not ok");
      out += "  " + printable(component) + ": " + said + (problem.empty() ? "" : ", " + problem) + "\n";
    }
  }
  return out;
}

}  // namespace saga::ctl
