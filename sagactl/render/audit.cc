#include "sagactl/render/audit.h"

#include "sagactl/render/paint.h"
#include "sagactl/render/table.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

/// RFC 3339 in a pipe; on a terminal, where the column's title says UTC, what tells it from now: the time of day, with
/// the day in front, or the date of another year.
std::string when(const Json& entry, Timestamp now, const Page& page) {
  const auto at = time(entry, "at");
  if (!at) return text(entry, "at");
  const std::string shown = format_time(*at);
  if (!page.terminal) return shown;
  const std::string today = format_time(now).substr(0, 10);
  if (shown.substr(0, 10) == today) return shown.substr(11, 8);
  return shown.substr(0, 4) == today.substr(0, 4) ? shown.substr(5, 5) + " " + shown.substr(11, 5)
                                                  : shown.substr(0, 10);
}

Cell result_cell(const Json& entry) {
  const std::string result = text(entry, "result");
  return {result, [result](const Paint& paint, const std::string& shown) {
            return result == "refused" ? paint.bad(shown) : result == "nothing" ? paint.quiet(shown) : shown;
          }};
}

/// What says most on a line that has little room: why it was refused, else why it was called for.
std::string why(const Json& entry) {
  const std::string reason = text(entry, "reason");
  const std::string detail = text(entry, "detail");
  return detail.empty() || (text(entry, "result") != "refused" && !reason.empty()) ? reason : detail;
}

}  // namespace

std::string render_audit(const Json& entries, Timestamp now, const Page& page) {
  std::vector<Column> columns{{page.terminal ? "AT UTC" : "AT"}, {"ACTOR"}, {"VERB"}, {"SAGA"}, {"STEP"}, {"RESULT"}};
  if (page.terminal) {
    columns.push_back({"WHY", false, true});
  } else {
    columns.insert(columns.end(), {{"REASON"}, {"DETAIL"}});
  }
  Table table(std::move(columns));
  for (const Json& entry : entries) {
    const std::string actor = text(entry, "actor");
    std::vector<Cell> row{when(entry, now, page), flag(entry, "verified") ? actor : actor + " (unverified)",
                          text(entry, "verb"),    text(entry, "saga"),
                          text(entry, "step"),    result_cell(entry)};
    if (page.terminal) {
      row.emplace_back(why(entry));
    } else {
      row.emplace_back(text(entry, "reason"));
      row.emplace_back(text(entry, "detail"));
    }
    table.add(std::move(row));
  }
  return table.render(page);
}

}  // namespace saga::ctl
