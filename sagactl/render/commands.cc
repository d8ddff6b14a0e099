// "You can now": the commands that this saga allows, each ready to paste.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sagactl/render/inspect.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

constexpr std::string_view kPivotUnknown = "pivot_unknown";
constexpr std::string_view kChildSuspended = "child_suspended";

struct Suggestion {
  std::string command;
  std::string effect;
};

struct StuckCall {
  std::string step;
  bool compensation = false;
  std::string code;
};

/// What an operator can settle: the stuck calls; where nothing is stuck, those between two attempts.
std::vector<StuckCall> open_calls(const Json& saga) {
  std::vector<StuckCall> calls;
  for (const Json& stuck : list(saga, "stuck")) {
    if (text(stuck, "step").empty() || text(stuck, "code") == kChildSuspended) continue;  // The child is what is stuck.
    // Of an unknown pivot it is the action that is retried or skipped, whichever of its calls was the last.
    const std::string code = text(stuck, "code");
    calls.push_back({text(stuck, "step"), text(stuck, "phase") == "compensation" && code != kPivotUnknown, code});
  }
  if (!calls.empty()) return calls;
  for (const Json& step : list(saga, "steps")) {
    if (text(step, "status") == "retrying") calls.push_back({text(step, "name"), false, ""});
    if (text(member(step, "compensation"), "status") == "retrying") calls.push_back({text(step, "name"), true, ""});
  }
  return calls;
}

bool is_waited_for(const Json& owner) {
  const std::string awaits = text(owner, "awaits");
  return !awaits.empty() && awaits != "service";
}

/// What a suspended saga waits for may be settled, though not called again.
std::vector<StuckCall> waited_for(const Json& saga) {
  std::vector<StuckCall> calls;
  for (const Json& step : list(saga, "steps")) {
    if (is_waited_for(step)) calls.push_back({text(step, "name"), false, ""});
    if (is_waited_for(member(step, "compensation"))) calls.push_back({text(step, "name"), true, ""});
  }
  return calls;
}

class Suggestions {
 public:
  Suggestions(const Inspected& inspected, const History& history)
      : inspected_(inspected),
        by_operator_(text(member(history.last_event("saga_suspended"), "data"), "cause") == "operator"),
        id_(text(inspected.saga, "id")),
        calls_(open_calls(inspected.saga)) {}

  [[nodiscard]] std::vector<Suggestion> all() {
    add_signals_and_children();
    // The way forward first, the way out last.
    for (const std::string_view verb : {"resume", "retry", "skip", "cancel", "suspend", "terminate"}) {
      if (allows(verb)) add(verb);
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool allows(std::string_view verb) const {
    const Json& allowed = list(inspected_.saga, "allowed");
    return std::any_of(allowed.begin(), allowed.end(), [&](const Json& one) { return one == verb; });
  }

  /// The child of the step, and with it this saga.
  [[nodiscard]] bool waits_for_operator(std::string_view step) const {
    const Json& stuck = list(inspected_.saga, "stuck");
    return std::any_of(stuck.begin(), stuck.end(), [step](const Json& one) {
      return text(one, "step") == step && text(one, "code") == kChildSuspended;
    });
  }

  void add_signals_and_children() {
    for (const Json& step : list(inspected_.saga, "steps")) {
      const std::string name = text(step, "name");
      if (text(step, "awaits") == "signal" && !flag(step, "received")) {
        found_.push_back({fmt::format("{} signal {} {} --payload JSON", inspected_.program, id_, text(step, "signal")),
                          fmt::format("deliver what {} awaits", name)});
      }
      const bool in_child =
          text(step, "awaits") == "child" || text(member(step, "compensation"), "awaits") == "child" ||
          text(step, "status") == "failed" || text(member(step, "compensation"), "status") == "failed";
      if (const std::string child = text(step, "child"); in_child && !child.empty()) {
        found_.push_back({fmt::format("{} inspect {}", inspected_.program, child),
                          fmt::format("the child saga of {}{}", name,
                                      waits_for_operator(name) ? ", which waits for an operator" : "")});
      }
    }
    if (const std::string parent = text(member(inspected_.saga, "parent"), "id"); !parent.empty()) {
      found_.push_back({fmt::format("{} inspect {}", inspected_.program, parent), "the saga that it is a part of"});
    }
  }

  void add(std::string_view verb) {
    const std::string status = text(inspected_.saga, "status");
    if (verb == "retry") {
      add_retry();
    } else if (verb == "resume") {
      // After a failure it is the same as retry, which says more.
      if (by_operator_ || !allows("retry")) say("resume", "", false, "go on where it stopped");
    } else if (verb == "skip") {
      add_skip();
    } else if (verb == "cancel") {
      const bool unknown_pivot =
          std::any_of(calls_.begin(), calls_.end(), [](const StuckCall& c) { return c.code == kPivotUnknown; });
      say("cancel", "", true,
          status == "pending" ? "end it: nothing has been called yet"
          : unknown_pivot     ? "it did not happen: undo everything"
                              : "stop it and undo what is done");
    } else if (verb == "suspend") {
      say("suspend", "", false, "stop after the calls in flight, until resumed");
    } else if (verb == "terminate") {
      say("terminate", "", true, "leave it as it stands");
    }
  }

  void add_retry() {
    if (calls_.empty()) return say("retry", "", false, "call again, fresh attempts");
    if (calls_.size() > 1) say("retry", "", false, "all that is stuck again, fresh attempts");
    for (const StuckCall& call : calls_) {
      say("retry", calls_.size() > 1 ? " --step " + call.step : "", false,
          call.compensation ? fmt::format("undo {} again, fresh attempts", call.step)
                            : fmt::format("call {} again, fresh attempts", call.step));
    }
  }

  void add_skip() {
    std::vector<StuckCall> calls = calls_;
    for (StuckCall& call : waited_for(inspected_.saga)) calls.push_back(std::move(call));
    for (const StuckCall& call : calls) {
      const std::string step = " --step " + call.step;
      if (call.compensation) {
        say("skip", step, true, fmt::format("{} was undone by hand", call.step));
        continue;
      }
      say("skip", step + " --output '{}'", true, fmt::format("{} did happen; its output is {{}}", call.step));
      if (call.code != kPivotUnknown) say("skip", step, true, fmt::format("go on without {}", call.step));
    }
  }

  void say(std::string_view verb, const std::string& options, bool reason, std::string effect) {
    found_.push_back(
        {fmt::format("{} {} {}{}{}", inspected_.program, verb, id_, options, reason ? " --reason TEXT" : ""),
         std::move(effect)});
  }

  const Inspected& inspected_;
  bool by_operator_;  ///< It was an operator who suspended it last.
  std::string id_;
  std::vector<StuckCall> calls_;
  std::vector<Suggestion> found_;
};

}  // namespace

std::string render_commands(const Inspected& inspected, const History& history, const Page& page) {
  const Paint paint(page.colour);
  const std::string id = text(inspected.saga, "id");
  std::vector<Suggestion> suggestions = Suggestions(inspected, history).all();
  const std::string status = text(inspected.saga, "status");
  if (status == "running" || status == "compensating" || status == "pending") {
    suggestions.insert(suggestions.begin(), {fmt::format("{} wait {}", inspected.program, id), "until it has ended"});
  }

  std::string out;
  if (!suggestions.empty()) {
    std::size_t width = 0;
    std::size_t effect_width = 0;
    for (const Suggestion& s : suggestions) {
      width = std::max(width, display_width(s.command));
      effect_width = std::max(effect_width, display_width(s.effect));
    }
    // A command is never cut: it is there to be copied. What it does stands beside it, or below where it is narrow.
    const bool beside = !page.terminal || width + effect_width + 5 <= page.width;
    out += paint.strong("You can now") + "\n";
    for (const Suggestion& s : suggestions) {
      const std::string command = printable(s.command);
      out += beside ? "  " + pad_right(command, width) + "   " + paint.quiet(s.effect) + "\n"
                    : "  " + command + "\n      " +
                          paint.quiet(fit(page, s.effect, page.width - std::min<std::size_t>(page.width, 6))) + "\n";
    }
  }
  return out;
}

}  // namespace saga::ctl
