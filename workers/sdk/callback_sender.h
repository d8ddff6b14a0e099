// Tells the orchestrator how calls that were taken have ended: sends what stands in the worker's database until it is
// answered, so that neither a crash of the worker nor an orchestrator that is away loses it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "workers/sdk/barrier.h"

namespace saga::workers {

/// A thread that sends what waits, oldest first, and rests while nothing does. Thread-safe.
class CallbackSender {
 public:
  /// `store` outlives the sender. Begins with what an earlier process has left.
  explicit CallbackSender(BarrierStore& store);
  ~CallbackSender();  ///< What was not answered stays for the next one.
  CallbackSender(const CallbackSender&) = delete;
  CallbackSender& operator=(const CallbackSender&) = delete;

  /// There is something new to send.
  void wake();

 private:
  void run(const std::stop_token& stop);
  /// True when nothing waits any more.
  [[nodiscard]] bool send_all(const std::stop_token& stop);

  BarrierStore& store_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool news_ = true;  ///< Guarded by mutex_.
  std::jthread thread_;
};

/// One POST to `url`/heartbeat. `kConflict`: nobody waits for the call any more. `kUnavailable`: no such answer came.
[[nodiscard]] Result<void> send_heartbeat(const std::string& url);

}  // namespace saga::workers
