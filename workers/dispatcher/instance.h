// One instance of a service: its addresses and the connections kept to it. Not thread-safe: lives on the dispatcher
// thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/base_url.h"
#include "workers/dispatcher/connection.h"
#include "workers/dispatcher/resolver.h"
#include "workers/dispatcher/tls_connection.h"

namespace saga::workers {

/// What every instance of a dispatcher uses.
struct Network {
  explicit Network(asio::io_context& context) : io(context), deadlines(context), resolver(context), tls(context) {}

  asio::io_context& io;
  Deadlines deadlines;
  Resolver resolver;
  TlsClient tls;
};

class Instance {
 public:
  Instance(BaseUrl url, Network& network);

  [[nodiscard]] const BaseUrl& url() const { return url_; }

  /// A kept connection that is still good, the last used first. Null: there is none.
  [[nodiscard]] std::unique_ptr<Connection> take_idle();

  /// Keeps `connection` for the next call, for at most `keep`.
  void put_idle(std::unique_ptr<Connection> connection, std::chrono::milliseconds keep);

  /// Closes the kept connections that have been unused for too long or were closed by the worker; all of them if `all`.
  void close_idle(TimePoint now, bool all = false);
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

  /// A new connection, tried at each address in turn; no later than `deadline`. The error says why there is none.
  [[nodiscard]] Awaitable<Result<std::unique_ptr<Connection>>> connect(TimePoint deadline);

  /// True when nothing of this instance is under way and it can be destroyed.
  [[nodiscard]] bool at_rest() const { return idle_.empty() && !resolving_; }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    TimePoint until;
  };
  class Waiter;

  /// Brings `addresses_` up to date; an error where there are none.
  [[nodiscard]] Awaitable<Result<void>> find_addresses(TimePoint deadline);
  void resolved(Resolver::Addresses found);

  const BaseUrl url_;
  Network& network_;
  std::vector<Idle> idle_;  ///< The last used is at the back.

  std::vector<Endpoint> addresses_;
  bool literal_ = false;  ///< The host is an address itself.
  TimePoint found_at_{};  ///< When `addresses_` were looked up.
  bool resolving_ = false;
  std::string resolve_problem_;
  std::vector<Waiter*> waiters_;
};

}  // namespace saga::workers
