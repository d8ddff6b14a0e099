// A worker whose calls wait until the test opens its gate, and that counts what was done by key.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "tests/support/local_server.h"

namespace saga::faults {

/// Answers every call 200. Thread-safe.
class GatedWorker {
 public:
  GatedWorker() {
    server_.http().new_task_queue = [] { return new httplib::ThreadPool(64); };
    server_.http().Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      std::unique_lock lock(mutex_);
      ++calls_[request.get_header_value("Idempotency-Key")];
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      response.set_content("{}", "application/json");
    });
    server_.listen();
  }
  ~GatedWorker() { set_open(true); }
  [[nodiscard]] std::string url() const { return server_.url(); }

  void set_open(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  /// True once calls of `keys` different keys have come.
  bool wait_for_keys(std::size_t keys) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{60}, [&] { return calls_.size() >= keys; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;                  ///< Guarded by mutex_, as what follows.
  std::map<std::string, int> calls_;  ///< By Idempotency-Key.
  testing::LocalServer server_;
};

}  // namespace saga::faults
