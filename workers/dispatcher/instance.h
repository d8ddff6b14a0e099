// One instance of a service: its addresses and the connections kept to it. Not thread-safe: lives on the event loop's
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
#include "workers/dispatcher/tls_client.h"

namespace saga::workers {

/// What every instance of a dispatcher uses.
struct Network {
  explicit Network(net::EventLoop& event_loop) : loop(event_loop), resolver(event_loop) {}

  net::EventLoop& loop;
  Resolver resolver;
  TlsClient tls;
};

class Instance {
 public:
  /// Waits for a look-up.
  class Waiter {
   public:
    virtual void looked_up() = 0;

   protected:
    ~Waiter() = default;
  };

  Instance(BaseUrl url, Network& network);

  [[nodiscard]] const BaseUrl& url() const { return url_; }
  [[nodiscard]] Network& network() { return network_; }

  /// A kept connection that is still good, the last used first. Null: there is none.
  [[nodiscard]] std::unique_ptr<Connection> take_idle();

  /// Keeps `connection` for the next call, for at most `keep`.
  void put_idle(std::unique_ptr<Connection> connection, std::chrono::milliseconds keep);

  /// Closes the kept connections that have been unused for too long or were closed by the worker.
  void close_idle(net::TimePoint now);
  void close_all_idle() { idle_.clear(); }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }

  /// A connection that is not open yet.
  [[nodiscard]] std::unique_ptr<Connection> make_connection();

  /// True while `addresses` can be used as they are.
  [[nodiscard]] bool knows_addresses() const;
  /// The newest known. An error where there are none: why.
  [[nodiscard]] Result<std::vector<net::Endpoint>> addresses() const;
  /// Looks them up, if nobody does already, and tells `waiter` once it is over, unless it has left.
  void await_addresses(Waiter& waiter);
  void leave(const Waiter& waiter);

  /// True when nothing of this instance is under way and it can be destroyed.
  [[nodiscard]] bool at_rest() const { return idle_.empty() && !resolving_; }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    net::TimePoint since;
    net::TimePoint until;
  };

  void resolved(Resolver::Addresses found);

  const BaseUrl url_;
  Network& network_;
  std::vector<Idle> idle_;  ///< The last used is at the back.

  std::vector<net::Endpoint> addresses_;
  bool literal_ = false;       ///< The host is an address itself.
  net::TimePoint found_at_{};  ///< When `addresses_` were looked up.
  bool resolving_ = false;
  std::string resolve_problem_;
  std::vector<Waiter*> waiters_;
  std::vector<Waiter*> told_;  ///< Those who are being told; the next is at the back.
};

}  // namespace saga::workers
