#include "workers/dispatcher/instance.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>

namespace saga::workers {
namespace {

/// A name is looked up again after this long: often enough to follow a service that moves, seldom enough not to be
/// felt by its calls.
constexpr std::chrono::seconds kAddressesFresh{5};

}  // namespace

/// Holds a call up until a look-up has ended or the call's time has come.
class Instance::Waiter final : public Expiring {
 public:
  explicit Waiter(asio::io_context& io) : event_(io.get_executor(), TimePoint::max()) {}
  void expire() override { wake(); }
  void wake() { event_.cancel(); }
  Awaitable<void> wait() {
    error_code cancelled;
    co_await event_.async_wait(into(cancelled));
  }

 private:
  Timer event_;
};

Instance::Instance(BaseUrl url, Network& network) : url_(std::move(url)), network_(network) {
  error_code error;
  const auto address = asio::ip::make_address(url_.host, error);
  literal_ = !error;
  if (literal_) addresses_.emplace_back(address, url_.port);
}

std::unique_ptr<Connection> Instance::take_idle() {
  const TimePoint now = SteadyClock::now();
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (last.until > now && last.connection->quiet()) return std::move(last.connection);
  }
  return nullptr;
}

void Instance::put_idle(std::unique_ptr<Connection> connection, std::chrono::milliseconds keep) {
  idle_.push_back({std::move(connection), SteadyClock::now() + keep});
}

void Instance::close_idle(TimePoint now, bool all) {
  std::erase_if(idle_, [&](const Idle& kept) { return all || kept.until <= now || !kept.connection->quiet(); });
}

Awaitable<Result<std::unique_ptr<Connection>>> Instance::connect(TimePoint deadline) {
  if (!literal_) {
    const Result<void> found = co_await find_addresses(deadline);
    if (!found) co_return tl::unexpected<Error>(found.error());
  }
  const std::vector<Endpoint> addresses = addresses_;
  error_code error = asio::error::host_not_found;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const TimePoint now = SteadyClock::now();
    if (now >= deadline) {
      error = asio::error::timed_out;
      break;
    }
    std::unique_ptr<Connection> connection =
        url_.tls ? network_.tls.make_connection(url_.host) : make_plain_connection(network_.io);
    // An address that swallows everything leaves the others their share.
    const auto share = (deadline - now) / static_cast<std::int64_t>(addresses.size() - i);
    const Deadline limit(network_.deadlines, now + share, *connection);
    error = co_await connection->open(addresses[i]);
    if (!error) co_return std::move(connection);
  }
  if (error == asio::error::timed_out)
    co_return fail(ErrorCode::kUnavailable, "it took longer than the call's timeout");
  if (error == asio::error::no_descriptors) co_return fail(ErrorCode::kOverloaded, error.message());
  co_return fail(ErrorCode::kUnavailable, error.message());
}

Awaitable<Result<void>> Instance::find_addresses(TimePoint deadline) {
  const TimePoint now = SteadyClock::now();
  if (!addresses_.empty() && now - found_at_ < kAddressesFresh) co_return Result<void>();
  if (!resolving_) {
    resolving_ = true;
    network_.resolver.resolve(url_.host, url_.port, [this](Resolver::Addresses found) { resolved(std::move(found)); });
  }
  Waiter waiter(network_.io);
  waiters_.push_back(&waiter);
  {
    const Deadline limit(network_.deadlines, deadline, waiter);
    co_await waiter.wait();
  }
  std::erase(waiters_, &waiter);
  // Where the name servers fail, or are slow, the last known addresses are better than none.
  if (!addresses_.empty()) co_return Result<void>();
  if (resolving_)
    co_return fail(ErrorCode::kUnavailable, "looking up '" + url_.host + "' took longer than the call's timeout");
  co_return fail(ErrorCode::kUnavailable, "looking up '" + url_.host + "' failed: " + resolve_problem_);
}

void Instance::resolved(Resolver::Addresses found) {
  resolving_ = false;
  if (found) {
    addresses_ = std::move(*found);
    found_at_ = SteadyClock::now();
  } else {
    resolve_problem_ = found.error().message;
  }
  for (Waiter* waiter : waiters_) waiter->wake();
}

}  // namespace saga::workers
