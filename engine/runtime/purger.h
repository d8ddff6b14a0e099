// Purging as it is done beside running sagas: in small pieces, with pauses between them, so that commits hardly notice.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"
#include "store/store.h"

namespace saga::runtime {

enum class PurgeMode { kCount, kRemove };

/// How far one call came.
struct PurgeStep {
  std::size_t sagas = 0;                   ///< Removed, or counted; children included.
  std::optional<store::PurgeCursor> next;  ///< Where to go on; none at the end.
};

/// Removes or counts what `filter` takes, from `from` on, until the end or until about `budget` is over. `pause` lets
/// time pass between pieces. Blocks on the store.
[[nodiscard]] Result<PurgeStep> purge_for(store::Store& store, const store::PurgeFilter& filter,
                                          std::optional<store::PurgeCursor> from, PurgeMode mode, Millis budget,
                                          const std::function<void(Millis)>& pause);

/// "240 sagas of order-saga/1 that ended before 2026-10-24T03:21:20.000Z", for the record.
[[nodiscard]] std::string describe_purge(const store::PurgeFilter& filter, std::size_t sagas);

/// `--retention`: removes, at the start and then again and again, what ended longer ago than `keep`. A thread of its
/// own; a store that cannot be written is tried again the next time.
class Retention {
 public:
  /// `purged` is told what a round removed, if anything, as `describe_purge` says it, on that thread.
  Retention(store::Store& store, const Clock& clock, Millis keep, std::function<void(const std::string&)> purged);
  ~Retention() = default;
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  void run(const std::stop_token& stop);
  void round(const std::stop_token& stop);
  void wait(Millis time, const std::stop_token& stop);

  store::Store& store_;
  const Clock& clock_;
  const Millis keep_;
  const std::function<void(const std::string&)> purged_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::jthread thread_;  ///< Last: it uses everything above.
};

}  // namespace saga::runtime
