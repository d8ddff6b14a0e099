#include "sagactl/bulk/progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace saga::ctl {
namespace {

constexpr std::size_t kBar = 20;
constexpr Millis kBetweenDrawings{100};

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace

std::string render_progress(std::int64_t done, std::optional<std::int64_t> total, Millis elapsed,
                            const std::string& note, std::size_t width) {
  std::string line;
  if (total) {
    const auto filled = *total == 0 ? kBar : kBar * static_cast<std::size_t>(done) / static_cast<std::size_t>(*total);
    line = "[" + std::string(std::min(filled, kBar), '#') + std::string(kBar - std::min(filled, kBar), '.') + "]  ";
  }
  line += grouped(done);
  if (total) line += " of " + grouped(*total);
  if (elapsed.count() > 0) line += fmt::format("  {}/s", grouped(done * 1000 / elapsed.count()));
  if (!note.empty()) line += "  " + note;
  return elide(line, width);
}

Progress::Progress(Surroundings& world, std::optional<std::int64_t> total)
    : world_(world), total_(total), begun_(world.clock.now()) {}

Progress::~Progress() { clear(); }

void Progress::show(std::int64_t done, const std::string& note) {
  if (!world_.err_is_terminal) return;
  const Timestamp now = world_.clock.now();
  if (drawn_at_ && now - *drawn_at_ < kBetweenDrawings) return;
  drawn_at_ = now;
  drawn_ = true;
  const std::size_t width = world_.width > 1 ? world_.width - 1 : 1;  // A full line would wrap.
  world_.err << '\r' << render_progress(done, total_, now - begun_, note, width) << "\x1b[K" << std::flush;
}

void Progress::clear() {
  if (drawn_) world_.err << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace saga::ctl
