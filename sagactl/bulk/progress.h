// What a person sees while many things are done: one line that is drawn over itself on stderr, and only on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "sagactl/context.h"

namespace saga::ctl {

/// "[#########...........]  4,500 of 10,000  900/s  3 refused"; without `total` no bar. At most `width` columns.
[[nodiscard]] std::string render_progress(std::int64_t done, std::optional<std::int64_t> total, Millis elapsed,
                                          const std::string& note, std::size_t width);

class Progress {
 public:
  Progress(Surroundings& world, std::optional<std::int64_t> total);
  /// Takes its line away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Draws, but not more often than an eye can follow.
  void show(std::int64_t done, const std::string& note);
  /// Takes the line away, so that something else can be written; the next `show` draws it again.
  void clear();

 private:
  Surroundings& world_;
  const std::optional<std::int64_t> total_;
  const Timestamp begun_;
  std::optional<Timestamp> drawn_at_;
  bool drawn_ = false;
};

}  // namespace saga::ctl
