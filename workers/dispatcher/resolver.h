// Host names to addresses, without holding up anyone: a look-up that hangs holds its own thread and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/endpoint.h"
#include "net/event_loop.h"

namespace saga::workers {

class Resolver {
 public:
  using Addresses = Result<std::vector<net::Endpoint>>;

  explicit Resolver(net::EventLoop& loop);
  /// Nothing is reported any more. Goes before the event loop.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `done` runs on the event loop's thread, once, unless the resolver has gone before.
  void resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done);

 private:
  struct Target;
  std::shared_ptr<Target> target_;
};

}  // namespace saga::workers
