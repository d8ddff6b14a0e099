// One thread's event loop: sockets that are ready, times that have come, and what other threads hand over.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <system_error>
#include <vector>

#include "base/result.h"
#include "net/deadlines.h"

namespace saga::net {

/// That of the last system call that failed.
[[nodiscard]] std::error_code last_system_error();

/// Of epoll(7), edge-triggered. `run`'s thread uses everything; any other only what says so.
class EventLoop {
 public:
  /// Somebody who watches a socket.
  class Watcher {
   public:
    /// What came up on the socket since the last time, as epoll says it: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP,
    /// EPOLLERR. May destroy the watcher.
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  EventLoop() = default;
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Before anything else. `kOverloaded`: the process has no descriptor left for it.
  [[nodiscard]] Result<void> open();

  /// Until `stop`.
  void run();
  void stop();  ///< Any thread.

  /// Has `task` run on the loop's thread, after those posted before it, and after what came up on a socket before it
  /// was posted. Any thread.
  void post(std::function<void()> task);

  /// Tells `watcher` of what comes up on `socket`, beginning with what already has, until the socket is closed.
  [[nodiscard]] std::error_code watch(int socket, Watcher& watcher);

  /// To be called before the socket is closed: nothing that was seen reaches `watcher` any more.
  void forget(const Watcher& watcher);

  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }

 private:
  [[nodiscard]] bool take_posted();
  void tell(std::size_t count);
  [[nodiscard]] int wait_ms() const;
  void wake();

  int epoll_ = -1;
  int wake_up_ = -1;  ///< An eventfd: written to, it ends the wait.
  std::array<epoll_event, 256> batch_{};
  std::size_t batch_at_ = 0;  ///< Those of `batch_` from here to the end are still to be told.
  std::size_t batch_end_ = 0;
  Deadlines deadlines_;

  std::mutex mutex_;
  bool stopped_ = false;  ///< Guarded by `mutex_`, as the next.
  std::vector<std::function<void()>> posted_;
  std::vector<std::function<void()>> taken_;  ///< Of `posted_`, while they run; kept for its memory.
};

}  // namespace saga::net
