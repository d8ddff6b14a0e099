#include "sagactl/render/table.h"

#include <algorithm>

#include "base/check.h"

namespace saga::ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;  // A column that gives keeps this much, so that a row still says something.

}  // namespace

void Table::add(std::vector<Cell> row) {
  SAGA_CHECK(row.size() == columns_.size(), "one cell a column");
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::render_plain() const {
  std::string out;
  for (std::size_t i = 0; i < columns_.size(); ++i) out += (i ? "\t" : "") + columns_[i].title;
  out += '\n';
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i ? "\t" : "") + row[i].text;
    out += '\n';
  }
  return out;
}

std::vector<std::size_t> Table::widths(const Page& page) const {
  std::vector<std::size_t> width;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = display_width(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i].text));
    width.push_back(widest);
  }
  std::size_t total = kGap * (width.size() - 1);
  for (const std::size_t w : width) total += w;
  for (std::size_t i = columns_.size(); i-- > 0 && total > page.width;) {
    if (!columns_[i].gives || width[i] <= kNarrowest) continue;
    const std::size_t cut = std::min(total - page.width, width[i] - kNarrowest);
    width[i] -= cut;
    total -= cut;
  }
  return width;
}

std::string Table::render(const Page& page) const {
  if (!page.terminal) return render_plain();
  const Paint paint(page.colour);
  const std::vector<std::size_t> width = widths(page);
  std::string out;

  const auto line = [&](const auto& text_of, const auto& paint_of) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string text = elide(text_of(i), width[i]);
      const std::string spaces(width[i] - std::min(width[i], display_width(text)), ' ');
      if (columns_[i].right) out += spaces;
      out += paint_of(i, text);
      if (i + 1 == columns_.size()) break;
      if (!columns_[i].right) out += spaces;
      out.append(kGap, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  };

  line([&](std::size_t i) { return columns_[i].title; },
       [&](std::size_t, const std::string& t) { return paint.quiet(t); });
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return row[i].text; },
         [&](std::size_t i, const std::string& t) { return row[i].paint ? row[i].paint(paint, t) : t; });
  }
  return out;
}

}  // namespace saga::ctl
