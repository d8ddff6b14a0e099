// An HTTP server inside a test, on a free port.
#pragma once

#include <httplib.h>

#include <string>
#include <thread>

namespace saga::testing {

/// Stands last among the members of its owner: its end waits for the handlers that are running.
class LocalServer {
 public:
  LocalServer() : port_(http_.bind_to_any_port("127.0.0.1")) {}
  ~LocalServer() { http_.stop(); }
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  [[nodiscard]] httplib::Server& http() { return http_; }

  /// Once, when the handlers are set.
  void listen() {
    thread_ = std::jthread([this] { http_.listen_after_bind(); });
    while (!http_.is_running()) std::this_thread::yield();  // One that is stopped before it listens never ends.
  }

  [[nodiscard]] std::string url(const std::string& path = "") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  httplib::Server http_;
  const int port_;
  std::jthread thread_;
};

}  // namespace saga::testing
