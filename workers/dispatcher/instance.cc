#include "workers/dispatcher/instance.h"

#include <algorithm>

namespace saga::workers {
namespace {

/// A name is looked up again after this long: often enough to follow a service that moves, seldom enough not to be
/// felt by its calls.
constexpr std::chrono::seconds kAddressesFresh{5};
/// Nobody closes a connection that was used so lately without the event loop having told of it by now; one that has
/// been idle for longer is looked at before it carries a call.
constexpr std::chrono::seconds kSurelyOpen{1};

}  // namespace

Instance::Instance(BaseUrl url, Network& network) : url_(std::move(url)), network_(network) {
  if (const auto address = net::literal_endpoint(url_.host, url_.port)) {
    literal_ = true;
    addresses_.push_back(*address);
  }
}

std::unique_ptr<Connection> Instance::take_idle() {
  const net::TimePoint now = net::SteadyClock::now();
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (last.until <= now) continue;
    const bool lately = now - last.since < kSurelyOpen;
    if (lately ? last.connection->quiet() : last.connection->quiet_now()) return std::move(last.connection);
  }
  return nullptr;
}

void Instance::put_idle(std::unique_ptr<Connection> connection, std::chrono::milliseconds keep) {
  connection->serve(nullptr);
  const net::TimePoint now = net::SteadyClock::now();
  idle_.push_back({std::move(connection), now, now + keep});
}

void Instance::close_idle(net::TimePoint now) {
  std::erase_if(idle_, [&](const Idle& kept) { return kept.until <= now || !kept.connection->quiet(); });
}

std::unique_ptr<Connection> Instance::make_connection() {
  return std::make_unique<Connection>(network_.loop, url_.tls, url_.tls ? network_.tls.session(url_.host) : nullptr);
}

bool Instance::knows_addresses() const {
  return literal_ || (!addresses_.empty() && net::SteadyClock::now() - found_at_ < kAddressesFresh);
}

Result<std::vector<net::Endpoint>> Instance::addresses() const {
  // Where the name servers fail, or are slow, the last known addresses are better than none.
  if (!addresses_.empty()) return addresses_;
  if (resolving_)
    return fail(ErrorCode::kUnavailable, "looking up '" + url_.host + "' took longer than the call's timeout");
  return fail(ErrorCode::kUnavailable, "looking up '" + url_.host + "' failed: " + resolve_problem_);
}

void Instance::await_addresses(Waiter& waiter) {
  waiters_.push_back(&waiter);
  if (resolving_) return;
  resolving_ = true;
  network_.resolver.resolve(url_.host, url_.port, [this](Resolver::Addresses found) { resolved(std::move(found)); });
}

void Instance::leave(const Waiter& waiter) {
  std::erase(waiters_, &waiter);
  std::erase(told_, &waiter);
}

void Instance::resolved(Resolver::Addresses found) {
  resolving_ = false;
  if (found) {
    addresses_ = std::move(*found);
    found_at_ = net::SteadyClock::now();
  } else {
    resolve_problem_ = found.error().message;
  }
  // Who is told may end, and the next call may wait for another look-up.
  told_.assign(waiters_.rbegin(), waiters_.rend());
  waiters_.clear();
  while (!told_.empty()) {
    Waiter& next = *told_.back();
    told_.pop_back();
    next.looked_up();
  }
}

}  // namespace saga::workers
