// A socket that clients connect to. Lives on the event loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/event_loop.h"

namespace saga::api {

class Listener final : private net::EventLoop::Watcher, public net::Expiring {
 public:
  /// Gets a client's socket, which never blocks, and owns it.
  using Accepted = std::function<void(int socket)>;

  Listener(net::EventLoop& loop, Accepted accepted) : loop_(loop), accepted_(std::move(accepted)) {}
  ~Listener() override { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Listens from now on; accepts once the loop runs, which this precedes. `kUnavailable`: another process listens
  /// there; `kInvalid`: not an address to listen on.
  [[nodiscard]] Result<void> open(const std::string& host, std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void close();

 private:
  void ready(std::uint32_t events) override;
  void expire() override;
  void accept();

  net::EventLoop& loop_;
  const Accepted accepted_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::optional<net::Deadline> pause_;
};

}  // namespace saga::api
