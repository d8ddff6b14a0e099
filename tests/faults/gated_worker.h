// A worker whose calls wait until the test opens its gate, and that counts what was done by key.
#pragma once

#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace saga::faults {

/// Answers every call 200. Thread-safe.
class GatedWorker {
 public:
  GatedWorker() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(64); };
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      std::unique_lock lock(mutex_);
      ++calls_[request.get_header_value("Idempotency-Key")];
      changed_.notify_all();
      changed_.wait(lock, [this] { return open_; });
      response.set_content("{}", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::jthread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~GatedWorker() {
    set_open(true);
    server_.stop();
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

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
  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;                  ///< Guarded by mutex_, as what follows.
  std::map<std::string, int> calls_;  ///< By Idempotency-Key.
  std::jthread thread_;
};

}  // namespace saga::faults
