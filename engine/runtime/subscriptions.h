// Who wants to be told of a saga's commits: clients that wait for an end, and live event streams.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/runtime/runtime.h"

namespace saga::runtime {

/// Thread-safe. A subscriber that is being told while its handle is destroyed is told to the end.
class Subscriptions : public std::enable_shared_from_this<Subscriptions> {
 public:
  /// Kept while anybody may still be telling.
  using Told = std::shared_ptr<const Subscriber>;

  [[nodiscard]] std::unique_ptr<Runtime::Subscription> add(std::string saga_id, Interest interest,
                                                           Subscriber subscriber);
  /// Whom to tell of a commit of that saga. Where nobody has subscribed to such commits, without a look at the saga.
  [[nodiscard]] std::vector<Told> interested_in(const std::string& saga_id, bool at_rest) const;

 private:
  class Handle;
  struct Entry {
    Interest interest;
    Told subscriber;
  };

  mutable std::mutex mutex_;
  std::unordered_multimap<std::string, Entry> subscribers_;    ///< By saga. Guarded by mutex_.
  std::array<std::atomic<std::size_t>, kInterests> counts_{};  ///< By interest; readable without the mutex.
};

}  // namespace saga::runtime
