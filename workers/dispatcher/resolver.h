// Host names to addresses, without holding up anyone: a look-up that hangs holds its own thread and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/asio.h"

namespace saga::workers {

class Resolver {
 public:
  using Addresses = Result<std::vector<Endpoint>>;

  explicit Resolver(asio::io_context& io);
  ~Resolver() { stop(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `done` runs on the thread of the io_context, once, unless the resolver is stopped before.
  void resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done);

  /// Nothing is reported any more. To be called before the io_context goes.
  void stop();

 private:
  struct Target;
  std::shared_ptr<Target> target_;
};

}  // namespace saga::workers
