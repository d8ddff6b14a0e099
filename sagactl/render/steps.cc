// The step table of the page: both phases of every step, how often and how long.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sagactl/render/definition.h"
#include "sagactl/render/inspect.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

enum class Mood { kQuiet, kGood, kBad, kBack, kBusy };

/// One phase of one step. Where nothing was called, only the words are there.
struct PhaseCell {
  std::string words;
  std::string attempts;
  std::string took;
};

struct Row {
  std::string glyph;
  std::string step;
  PhaseCell action;
  PhaseCell compensation;
  Mood mood = Mood::kQuiet;
};

std::string by(const Json& owner) {
  const std::string actor = actor_of(member(owner, "settled"));
  return actor.empty() ? "" : " by " + actor;
}

std::optional<Millis> between(std::optional<Timestamp> from, std::optional<Timestamp> to) {
  if (!from || !to) return std::nullopt;
  return *to - *from;
}

/// What a step waits for; empty where that is its answer or its next attempt.
std::string awaited_words(const Json& owner, const Json& step) {
  const std::string awaits = text(owner, "awaits");
  if (awaits == "callback") return "taken, awaits its callback";
  if (awaits == "signal") return fmt::format("awaits '{}'", text(step, "signal"));
  if (awaits == "child") return "in " + text(step, "child");
  return awaits == "time" ? "waits" : "";
}

/// "received after 2h": of what has no attempts, for how long it waited.
std::string done_words(const Json& step) {
  const std::string kind = text(step, "kind");
  if (kind != "wait" && kind != "signal") return "done";
  const auto took = between(time(step, "started_at"), time(step, "finished_at"));
  const std::string what = kind == "wait" ? "waited" : "received";
  if (!took) return what;
  return kind == "wait" ? what + " " + human_duration(*took) : what + " after " + human_duration(*took);
}

std::string action_words(const Json& step, const CallHistory& call) {
  const std::string status = text(step, "status");
  if (status == "completed") return by(step).empty() ? done_words(step) : "taken as done" + by(step);
  if (std::string words = awaited_words(step, step); !words.empty()) return words;
  if (status == "pending" && flag(step, "received")) return "received, not begun";
  if (status == "skipped") return "skipped" + by(step);
  if (status != "failed") return status == "pending" ? "not begun" : status;
  const Json& error = member(step, "error");
  if (is_unknown(error) || call.any_unknown) return "unknown";
  const auto http = integer(error, "http_status").value_or(0);
  return http >= 400 && http < 500 && http != 429 ? "refused" : "failed";
}

std::string compensation_words(const Json& step, bool on_the_way_back) {
  const Json& compensation = member(step, "compensation");
  const std::string status = text(compensation, "status");
  if (const std::string words = awaited_words(compensation, step); !words.empty()) return "undoing, " + words;
  if (status == "completed") return "undone";
  if (status == "running") return "undoing";
  if (status == "retrying") return "retrying";
  if (status == "failed") return "NOT UNDONE";
  if (status == "skipped") return "taken as undone" + by(compensation);
  if (status == "pending" && on_the_way_back) return "to be undone";
  return "";
}

/// "12 of 12" where the limit matters and is known, else "12 attempts".
std::string attempts_text(std::int64_t attempts, std::optional<std::int64_t> most, bool limit_matters) {
  if (attempts == 0) return "";
  if (limit_matters && most && attempts <= *most && attempts > 1) return fmt::format("{} of {}", attempts, *most);
  return counted(attempts, "attempt");
}

std::string took_text(std::optional<Millis> took) { return took ? human_duration(*took) : ""; }

Row row_of(const Inspected& inspected, const History& history, const Json& step) {
  const std::string name = text(step, "name");
  const std::string status = text(step, "status");
  const Json& compensation = member(step, "compensation");
  const std::string undo = text(compensation, "status");
  const CallHistory& forward = history.call(name, "action");
  const CallHistory& backward = history.call(name, "compensation");

  Row row;
  row.step = name;
  row.action.words = action_words(step, forward);
  if (is_pivot(inspected.definition, name)) row.action.words += " (pivot)";
  row.action.attempts = attempts_text(integer(step, "attempts").value_or(0),
                                      max_attempts(inspected.definition, name, "action"), status == "retrying");
  const auto forward_took = between(time(step, "started_at"), time(step, "finished_at"));
  row.action.took = took_text(forward_took ? forward_took : forward.took());

  row.compensation.words = compensation_words(step, turned_back(inspected, history));
  row.compensation.attempts =
      attempts_text(integer(compensation, "attempts").value_or(0),
                    max_attempts(inspected.definition, name, "compensation"), undo == "failed" || undo == "retrying");
  row.compensation.took = took_text(backward.took());
  if (status == "pending") row.action.attempts.clear();
  if (text(step, "kind") == "saga") {  // Its attempts are its children: how many there were is a matter of their ids.
    row.action.attempts.clear();
    row.compensation.attempts.clear();
  }

  if (undo == "failed") {
    row.glyph = "✗", row.mood = Mood::kBad;
  } else if (undo == "completed" || undo == "skipped") {
    row.glyph = "↩", row.mood = Mood::kBack;
  } else if (undo == "running" || undo == "retrying") {
    row.glyph = "↻", row.mood = Mood::kBusy;
  } else if (status == "completed") {
    row.glyph = "✓", row.mood = Mood::kGood;
  } else if (status == "failed") {
    row.glyph = "✗", row.mood = Mood::kBad;
  } else if (status == "retrying") {
    row.glyph = "↻", row.mood = Mood::kBusy;
  } else if (status == "running" || status == "waiting") {
    row.glyph = "▸", row.mood = Mood::kBusy;
  } else {
    row.glyph = status == "skipped" ? "-" : "·";
  }
  return row;
}

/// The parallel groups that a step is in, from the outermost on, and in which of their branches.
std::vector<std::pair<std::string, std::int64_t>> places_of(const Json& step) {
  std::vector<std::pair<std::string, std::int64_t>> places;
  for (const Json& place : list(step, "groups"))
    places.emplace_back(text(place, "name"), integer(place, "branch").value_or(1));
  return places;
}

/// Draws branches into the column of steps: a line for each group, and where each of its branches begins.
class Branches {
 public:
  /// What stands above and before the step.
  struct Drawn {
    std::vector<std::string> headings;
    std::string prefix;
  };

  Drawn draw(const Json& step) {
    const auto places = places_of(step);
    std::size_t same = 0;  // Groups that the step before was in as well, in the same branch.
    while (same < places.size() && same < before_.size() && places[same] == before_[same]) ++same;
    Drawn drawn;
    for (std::size_t depth = 0; depth < places.size(); ++depth) {
      const bool in_group = depth < before_.size() && places[depth].first == before_[depth].first && depth <= same;
      if (depth >= same && !in_group) drawn.headings.push_back(drawn.prefix + places[depth].first + ", at once");
      drawn.prefix += depth < same ? "│ " : "├ ";
    }
    before_ = places;
    return drawn;
  }

 private:
  std::vector<std::pair<std::string, std::int64_t>> before_;
};

/// How wide the parts of a phase's cells are; rows without attempts may run across all of them.
struct PhaseWidths {
  std::size_t words = 0;
  std::size_t attempts = 0;
  std::size_t took = 0;

  void fit(const PhaseCell& cell) {
    if (cell.attempts.empty()) return;
    words = std::max(words, display_width(cell.words));
    attempts = std::max(attempts, display_width(cell.attempts));
    took = std::max(took, display_width(cell.took));
  }

  [[nodiscard]] std::string lay_out(const PhaseCell& cell) const {
    if (cell.attempts.empty()) return cell.words;
    std::string out = pad_right(cell.words, words) + "  " + pad_right(cell.attempts, attempts);
    if (took > 0) out += "  " + pad_left(cell.took, took);
    return out;
  }
};

std::string coloured(const Paint& paint, Mood mood, const std::string& line) {
  switch (mood) {
    case Mood::kGood:
      return paint.good(line);
    case Mood::kBad:
      return paint.bad(line);
    case Mood::kBack:
      return paint.warn(line);
    case Mood::kBusy:
      return paint.busy(line);
    case Mood::kQuiet:
      return paint.quiet(line);
  }
  return line;
}

}  // namespace

std::string render_steps(const Inspected& inspected, const History& history, const Page& page) {
  std::vector<Row> rows;
  Branches branches;
  for (const Json& step : list(inspected.saga, "steps")) {
    const Branches::Drawn drawn = branches.draw(step);
    for (const std::string& heading : drawn.headings) {
      Row row;
      row.glyph = " ";
      row.step = heading;
      rows.push_back(std::move(row));
    }
    rows.push_back(row_of(inspected, history, step));
    rows.back().step = drawn.prefix + rows.back().step;
  }
  if (rows.empty()) return "";

  std::size_t name_width = 4;
  PhaseWidths action_widths;
  PhaseWidths compensation_widths;
  bool any_compensation = false;
  for (const Row& row : rows) {
    name_width = std::max(name_width, display_width(row.step));
    action_widths.fit(row.action);
    compensation_widths.fit(row.compensation);
    any_compensation = any_compensation || !row.compensation.words.empty();
  }
  std::size_t action_width = 6;
  for (const Row& row : rows) action_width = std::max(action_width, display_width(action_widths.lay_out(row.action)));

  const Paint paint(page.colour);
  std::string header = "    " + pad_right("STEP", name_width) + "   " + pad_right("ACTION", action_width);
  if (any_compensation) header += "   COMPENSATION";
  header.erase(header.find_last_not_of(' ') + 1);
  std::string out = paint.quiet(fit(page, header, page.width)) + "\n";
  for (const Row& row : rows) {
    std::string line =
        pad_right(row.step, name_width) + "   " + pad_right(action_widths.lay_out(row.action), action_width);
    if (!row.compensation.words.empty()) line += "   " + compensation_widths.lay_out(row.compensation);
    line.erase(line.find_last_not_of(' ') + 1);
    line = fit(page, printable(line), page.width - std::min<std::size_t>(page.width, 4));
    const bool whole = row.mood == Mood::kBad || row.mood == Mood::kQuiet;
    out += " " + coloured(paint, row.mood, row.glyph) + "  " + (whole ? coloured(paint, row.mood, line) : line) + "\n";
  }
  return out;
}

}  // namespace saga::ctl
