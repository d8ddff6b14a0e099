#include "engine/runtime/purger.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace saga::runtime {
namespace {

using std::chrono::steady_clock;

/// Sagas looked at in one read.
constexpr std::size_t kPage = 500;
/// How many times as long as a piece took is left to others before the next one.
constexpr int kShareForOthers = 3;
constexpr Millis kShortestPause{2};
/// A round of `Retention`: long enough to be worth its scan, short enough to stop between.
constexpr Millis kRound{1'000};
/// Between two looks for what has become old enough: a part of the time it is kept, within these.
constexpr int kLooksPerKeep = 20;
constexpr Millis kShortestInterval{1'000};
constexpr Millis kLongestInterval{600'000};

Result<void> remove_page(store::Store& store, const store::PurgeFilter& filter, std::vector<store::SagaKey> roots,
                         std::size_t& removed, const std::function<void(Millis)>& pause) {
  while (!roots.empty()) {
    const auto begun = steady_clock::now();
    const auto piece = store.purge(roots, filter.ended_before);
    if (!piece) return tl::unexpected(piece.error());
    removed += piece->sagas;
    roots.erase(roots.begin(), roots.begin() + static_cast<std::ptrdiff_t>(piece->roots));
    const auto took = std::chrono::duration_cast<Millis>(steady_clock::now() - begun);
    pause(std::max(took * kShareForOthers, kShortestPause));
  }
  return {};
}

}  // namespace

Result<PurgeStep> purge_for(store::Store& store, const store::PurgeFilter& filter,
                            std::optional<store::PurgeCursor> from, PurgeMode mode, Millis budget,
                            const std::function<void(Millis)>& pause) {
  const auto until = steady_clock::now() + budget;
  PurgeStep step{0, from};
  do {
    auto page = store.purgeable(filter, step.next, kPage);
    if (!page) return tl::unexpected(page.error());
    step.next = page->next;
    if (mode == PurgeMode::kCount) {
      step.sagas += page->sagas;
    } else if (auto removed = remove_page(store, filter, std::move(page->roots), step.sagas, pause); !removed) {
      return tl::unexpected(removed.error());
    }
  } while (step.next && steady_clock::now() < until);
  return step;
}

std::string describe_purge(const store::PurgeFilter& filter, std::size_t sagas) {
  std::string text = fmt::format("{} saga{}", sagas, sagas == 1 ? "" : "s");
  if (filter.workflow) text += " of " + *filter.workflow;
  if (filter.version) text += fmt::format("/{}", *filter.version);
  if (!filter.statuses.empty()) text += fmt::format(" ({})", fmt::join(filter.statuses, ", "));
  return text + " that ended before " + format_time(filter.ended_before);
}

Retention::Retention(store::Store& store, const Clock& clock, Millis keep,
                     std::function<void(const std::string&)> purged)
    : store_(store), clock_(clock), keep_(keep), purged_(std::move(purged)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void Retention::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    round(stop);
    wait(std::clamp(keep_ / kLooksPerKeep, kShortestInterval, kLongestInterval), stop);
  }
}

void Retention::round(const std::stop_token& stop) {
  store::PurgeFilter filter;
  filter.ended_before = clock_.now() - keep_;
  std::size_t sagas = 0;
  std::optional<store::PurgeCursor> next;
  do {
    const auto step =
        purge_for(store_, filter, next, PurgeMode::kRemove, kRound, [this, &stop](Millis pause) { wait(pause, stop); });
    if (!step) break;
    sagas += step->sagas;
    next = step->next;
  } while (next && !stop.stop_requested());
  if (sagas > 0) purged_(describe_purge(filter, sagas));
}

void Retention::wait(Millis time, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace saga::runtime
