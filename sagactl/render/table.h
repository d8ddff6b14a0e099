// Rows for a terminal (aligned, cut to its width) or for a pipe (tab-separated, whole).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sagactl/render/paint.h"
#include "sagactl/render/text.h"

namespace saga::ctl {

struct Column {
  std::string title;
  bool right = false;  ///< Numbers.
  bool gives = false;  ///< Is cut when the terminal is too narrow; the last such column first.
};

/// A cell: its text, and how it is coloured once it has its width.
struct Cell {
  std::string text;
  std::function<std::string(const Paint&, const std::string&)> paint = nullptr;

  Cell(std::string t) : text(std::move(t)) {}  // NOLINT: a cell is mostly its text
  Cell(const char* t) : text(t) {}             // NOLINT
  Cell(std::string t, std::function<std::string(const Paint&, const std::string&)> p)
      : text(std::move(t)), paint(std::move(p)) {}
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(const Page& page) const;

 private:
  [[nodiscard]] std::string render_plain() const;
  [[nodiscard]] std::vector<std::size_t> widths(const Page& page) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace saga::ctl
