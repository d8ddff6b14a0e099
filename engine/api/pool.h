// A few threads for what blocks (reads of the store, rendering of large answers) and for what comes later (the end of a
// wait, a keep-alive), so that neither the I/O thread nor the engine thread does either.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/time.h"

namespace saga::api {

/// Thread-safe. Its queue is bounded by its users: a connection has one request at a time.
class Pool {
 public:
  using Task = std::function<void()>;
  /// Names a task of later; never 0.
  using Ticket = std::uint64_t;

  /// Without threads nothing runs but by `step`.
  explicit Pool(std::size_t threads);
  /// Runs what is queued, drops what is for later.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void post(Task task);
  Ticket post_after(Millis delay, Task task);
  /// The task will not begin; it may be running already.
  void cancel(Ticket ticket);

  /// Only without threads: runs the next task here, if one is to run now. False: none was.
  bool step();

 private:
  using Due = std::pair<std::chrono::steady_clock::time_point, Ticket>;

  void work();
  /// A task that is to run now; empty when the pool stops. Waits for one.
  [[nodiscard]] Task next();
  /// The same, empty when there is none. Under the lock.
  [[nodiscard]] Task take_due();

  std::mutex mutex_;  ///< Guards all below but the threads.
  std::condition_variable changed_;
  std::deque<Task> ready_;
  std::map<Due, Task> later_;
  std::map<Ticket, Due> tickets_;
  Ticket last_ticket_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace saga::api
