#include "workers/dispatcher/resolver.h"

#include <netdb.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

namespace saga::workers {
namespace {

Resolver::Addresses look_up(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int problem = getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  if (problem != 0) {
    return fail(ErrorCode::kUnavailable,
                problem == EAI_SYSTEM ? std::system_category().message(errno) : gai_strerror(problem));
  }
  std::vector<Endpoint> endpoints;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    endpoint.resize(at->ai_addrlen);
    endpoint.port(port);
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
  asio::io_context* io = nullptr;  ///< Guarded by `mutex`; none once the resolver is gone.
};

Resolver::Resolver(asio::io_context& io) : target_(std::make_shared<Target>()) { target_->io = &io; }

void Resolver::stop() {
  const std::lock_guard lock(target_->mutex);
  target_->io = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, std::function<void(Addresses)> done) {
  try {
    // Detached: joining could hold a shutdown up for as long as a name server stays silent.
    std::thread([target = target_, host, port, done]() mutable {
      auto addresses = look_up(host, port);
      const std::lock_guard lock(target->mutex);
      if (target->io == nullptr) return;
      asio::post(*target->io,
                 [done = std::move(done), addresses = std::move(addresses)]() mutable { done(std::move(addresses)); });
    }).detach();
  } catch (const std::system_error& problem) {
    asio::post(*target_->io, [done = std::move(done), text = std::string(problem.what())] {
      done(fail(ErrorCode::kUnavailable, text));
    });
  }
}

}  // namespace saga::workers
