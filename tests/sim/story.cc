#include "tests/sim/story.h"

#include <fmt/format.h>

namespace saga::sim {
namespace {

constexpr std::size_t kMostLines = 200'000;

}  // namespace

void Story::add(std::string line) {
  if (lines_.size() >= kMostLines) return;
  const std::int64_t ms = agenda_.now().ms - Agenda::kBegin.ms;
  lines_.push_back(fmt::format("{:>7}.{:03} {}", ms / 1000, ms % 1000, line));
}

}  // namespace saga::sim
