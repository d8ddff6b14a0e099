#include "workflows/document/problems.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace saga::workflows {

namespace {
/// A hostile file has one in every other byte; keeping so many serves nobody.
constexpr std::size_t kMostKept = 1'000;
}  // namespace

void Problems::add(TextPosition position, std::string message) {
  if (found_.size() == kMostKept) return;
  found_.push_back({file_, position, std::move(message)});
}

std::vector<Problem> Problems::take() {
  std::stable_sort(found_.begin(), found_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.position.line, a.position.column) < std::tie(b.position.line, b.position.column);
  });
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  if (found_.size() > kMost) found_.resize(kMost);
  return std::exchange(found_, {});
}

}  // namespace saga::workflows
