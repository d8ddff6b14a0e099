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

std::string action_words(const Json& step, const CallHistory& call) {
  const std::string status = text(step, "status");
  if (status == "completed") return by(step).empty() ? "done" : "taken as done" + by(step);
  if (status == "skipped") return "skipped" + by(step);
  if (status != "failed") return status == "pending" ? "not begun" : status;
  const Json& error = member(step, "error");
  if (is_unknown(error) || call.any_unknown) return "unknown";
  const auto http = integer(error, "http_status").value_or(0);
  return http >= 400 && http < 500 && http != 429 ? "refused" : "failed";
}

std::string compensation_words(const Json& compensation, bool on_the_way_back) {
  const std::string status = text(compensation, "status");
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

std::optional<Millis> between(std::optional<Timestamp> from, std::optional<Timestamp> to) {
  if (!from || !to) return std::nullopt;
  return *to - *from;
}

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

  row.compensation.words = compensation_words(compensation, turned_back(inspected, history));
  row.compensation.attempts =
      attempts_text(integer(compensation, "attempts").value_or(0),
                    max_attempts(inspected.definition, name, "compensation"), undo == "failed" || undo == "retrying");
  row.compensation.took = took_text(backward.took());
  if (status == "pending") row.action.attempts.clear();

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
  for (const Json& step : list(inspected.saga, "steps")) rows.push_back(row_of(inspected, history, step));
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
