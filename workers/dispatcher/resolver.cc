#include "workers/dispatcher/resolver.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

namespace saga::workers {
namespace {

Resolver::Addresses look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int problem = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (problem != 0) {
    return fail(ErrorCode::kUnavailable,
                problem == EAI_SYSTEM ? std::system_category().message(errno) : gai_strerror(problem));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Endpoint endpoint;
    if (at->ai_addrlen > sizeof endpoint.address) continue;
    std::memcpy(&endpoint.address, at->ai_addr, at->ai_addrlen);
    endpoint.size = at->ai_addrlen;
    endpoints.push_back(endpoint);
  }
  freeaddrinfo(found);
  if (endpoints.empty()) return fail(ErrorCode::kUnavailable, "the name has no address");
  return endpoints;
}

}  // namespace

/// Outlives the resolver while a look-up is under way, which nothing can interrupt.
struct Resolver::Target {
  std::mutex mutex;
  net::EventLoop* loop = nullptr;  ///< Guarded by `mutex`; none once the resolver is gone.
};

std::optional<Endpoint> Resolver::literal(const std::string& host, std::uint16_t port) {
  const Addresses found = look_up(host, port, AI_NUMERICHOST);
  return found ? std::optional(found->front()) : std::nullopt;
}

Resolver::Resolver(net::EventLoop& loop) : target_(std::make_shared<Target>()) { target_->loop = &loop; }

void Resolver::stop() {
  const std::lock_guard lock(target_->mutex);
  target_->loop = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done) {
  try {
    // Detached: joining could hold a shutdown up for as long as a name server stays silent.
    std::thread([target = target_, host, port, done] {
      auto addresses = look_up(host, port, 0);
      const std::lock_guard lock(target->mutex);
      if (target->loop == nullptr) return;
      target->loop->post([done, addresses = std::move(addresses)] { done(addresses); });
    }).detach();
  } catch (const std::system_error& problem) {
    target_->loop->post([done, text = std::string(problem.what())] { done(fail(ErrorCode::kUnavailable, text)); });
  }
}

}  // namespace saga::workers
