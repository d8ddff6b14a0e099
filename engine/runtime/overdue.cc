// How many sagas are due and not worked on, found out beside the recovery that should have taken them up: it may be
// what has stopped.
#include <future>

#include "engine/runtime/engine.h"

namespace saga::runtime {
namespace {

constexpr Millis kTolerated{10'000};
constexpr std::size_t kPage = 1'000;
/// A busy saga stays due in the store for as long as it is worked on, so that this bounds what a scrape reads.
constexpr std::size_t kMostPages = 100;
constexpr std::size_t kMostChecked = 1'000;
constexpr std::chrono::seconds kPatience{1};

}  // namespace

Result<std::size_t> Engine::count_overdue() {
  const Timestamp until = clock_.now() - kTolerated;
  std::optional<store::DueCursor> after;
  std::size_t overdue = 0;
  for (std::size_t pages = 0; pages < kMostPages; ++pages) {
    const auto due = store_.due(options_.shard, until, after, kPage);
    if (!due) return tl::unexpected(due.error());
    if (due->empty()) break;
    after = store::DueCursor{due->back().wake_at, due->back().key};
    AbsentAsked asked{{}, std::make_shared<std::promise<std::vector<store::SagaKey>>>()};
    for (const store::DueSaga& saga : *due) asked.sagas.push_back(saga.key);
    std::future<std::vector<store::SagaKey>> answer = asked.answer->get_future();
    if (options_.own_threads) {
      mailbox_->post(std::move(asked));
    } else {
      take(std::move(asked));
    }
    if (answer.wait_for(kPatience) != std::future_status::ready) {
      overdue += due->size();
      break;
    }
    for (const store::SagaKey key : answer.get()) {
      if (overdue >= kMostChecked) {
        ++overdue;
        continue;
      }
      // It may have ended or gone to sleep since the first look, and be absent for that.
      const auto still = store_.find(key);
      if (still && still->head.wake_at && *still->head.wake_at <= until) ++overdue;
    }
    if (due->size() < kPage) break;
  }
  return overdue;
}

}  // namespace saga::runtime
