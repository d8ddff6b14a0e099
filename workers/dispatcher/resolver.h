// Host names to addresses, without holding up anyone: a look-up that hangs holds its own thread and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/connection.h"

namespace saga::workers {

class Resolver {
 public:
  using Addresses = Result<std::vector<Endpoint>>;

  /// The address that `host` is, if it is one and not a name.
  [[nodiscard]] static std::optional<Endpoint> literal(const std::string& host, std::uint16_t port);

  explicit Resolver(net::EventLoop& loop);
  ~Resolver() { stop(); }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `done` runs on the event loop's thread, once, unless the resolver is stopped before.
  void resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done);

  /// Nothing is reported any more. To be called before the event loop goes.
  void stop();

 private:
  struct Target;
  std::shared_ptr<Target> target_;
};

}  // namespace saga::workers
