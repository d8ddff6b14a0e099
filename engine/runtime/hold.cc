// `--hold`: every unfinished saga is suspended before anything else happens to it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/runtime/engine.h"

namespace saga::runtime {
namespace {

constexpr Timestamp kEver{std::numeric_limits<std::int64_t>::max()};
constexpr Millis kPatience{20};

}  // namespace

Result<bool> Engine::hold_some(const core::Actor& actor) {
  // Sagas leave what is due as they are held: the cursor is for those that stay, such as one that was suspended and
  // woken.
  if (held_page_.empty()) {
    auto page = store_.due(options_.shard, kEver, held_to_, std::min(options_.scan_batch, options_.max_live));
    if (!page) return tl::unexpected(page.error());
    if (page->empty()) {
      holding_.reset();
      held_to_.reset();
      return false;
    }
    holding_ = actor;
    held_to_ = store::DueCursor{page->back().wake_at, page->back().key};
    read_back(*page);
    held_page_ = std::move(*page);
  }
  const auto at_work = [this] {
    return !recovering_.empty() || !loading_.empty() || mailbox_->size() > 0 || commits_in_flight_.load() > 0;
  };
  if (options_.own_threads) {
    do turn(kPatience, true);
    while (at_work() && !store_.health().poisoned);
  } else {
    turn(Millis{0}, true);
    if (at_work() && !store_.health().poisoned) return true;
  }
  for (const store::DueSaga& saga : std::exchange(held_page_, {})) {
    const auto row = store_.find(saga.key);
    if (!row) return tl::unexpected(row.error());
    if (!row->head.ended && row->head.status != "suspended") {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("saga '{}' could not be suspended: it is {}", saga.id, row->head.status));
    }
  }
  return true;
}

}  // namespace saga::runtime
