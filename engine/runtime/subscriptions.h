// Who wants to be told of a saga's commits: clients that wait for an end, and live event streams.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/runtime/runtime.h"

namespace saga::runtime {

/// Thread-safe. A subscriber that is being told while its handle is destroyed is told to the end.
class Subscriptions : public std::enable_shared_from_this<Subscriptions> {
 public:
  [[nodiscard]] std::unique_ptr<Runtime::Subscription> add(std::string saga_id, Subscriber subscriber);
  void tell(const std::string& saga_id, const CommitNotice& notice) const;
  [[nodiscard]] bool any() const { return count_.load(std::memory_order_acquire) > 0; }

 private:
  class Handle;
  using Map = std::multimap<std::string, std::shared_ptr<const Subscriber>>;

  mutable std::mutex mutex_;
  Map subscribers_;                    ///< Guarded by mutex_.
  std::atomic<std::size_t> count_{0};  ///< Their number, readable without the mutex.
};

}  // namespace saga::runtime
