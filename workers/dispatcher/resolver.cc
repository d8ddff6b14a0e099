#include "workers/dispatcher/resolver.h"

#include <mutex>
#include <system_error>
#include <thread>

namespace saga::workers {

/// Outlives the resolver while a look-up is under way, which nothing can interrupt.
struct Resolver::Target {
  std::mutex mutex;
  net::EventLoop* loop = nullptr;  ///< Guarded by `mutex`; none once the resolver is gone.
};

Resolver::Resolver(net::EventLoop& loop) : target_(std::make_shared<Target>()) { target_->loop = &loop; }

Resolver::~Resolver() {
  const std::lock_guard lock(target_->mutex);
  target_->loop = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done) {
  try {
    // Detached: joining could hold a shutdown up for as long as a name server stays silent.
    std::thread([target = target_, host, port, done] {
      auto addresses = net::look_up(host, port);
      const std::lock_guard lock(target->mutex);
      if (target->loop == nullptr) return;
      target->loop->post([done, addresses = std::move(addresses)] { done(addresses); });
    }).detach();
  } catch (const std::system_error& problem) {
    target_->loop->post([done, text = std::string(problem.what())] { done(fail(ErrorCode::kUnavailable, text)); });
  }
}

}  // namespace saga::workers
