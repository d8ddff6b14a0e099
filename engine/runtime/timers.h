// When which saga has to be looked at again. One time a saga; a later call replaces an earlier one.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "store/store.h"

namespace saga::runtime {

/// A heap in which replaced entries are dropped when they come up. Engine thread only.
class Timers {
 public:
  void arm(store::SagaKey saga, Timestamp at) {
    auto [entry, is_new] = armed_.try_emplace(saga, at);
    if (!is_new && entry->second == at) return;
    entry->second = at;
    heap_.push({at, saga});
  }

  void disarm(store::SagaKey saga) { armed_.erase(saga); }

  /// The earliest one due at `now`, disarmed; none if nothing is due.
  std::optional<store::SagaKey> pop_due(Timestamp now) {
    drop_replaced();
    if (heap_.empty() || heap_.top().at > now) return std::nullopt;
    const store::SagaKey saga = heap_.top().saga;
    heap_.pop();
    armed_.erase(saga);
    return saga;
  }

  [[nodiscard]] std::optional<Timestamp> earliest() {
    drop_replaced();
    if (heap_.empty()) return std::nullopt;
    return heap_.top().at;
  }

 private:
  struct Entry {
    Timestamp at;
    store::SagaKey saga;
    bool operator>(const Entry& o) const { return at != o.at ? at > o.at : saga > o.saga; }
  };

  void drop_replaced() {
    while (!heap_.empty()) {
      const auto armed = armed_.find(heap_.top().saga);
      if (armed != armed_.end() && armed->second == heap_.top().at) return;
      heap_.pop();
    }
  }

  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
  std::unordered_map<store::SagaKey, Timestamp> armed_;
};

}  // namespace saga::runtime
