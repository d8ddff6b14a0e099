// How a call gets a new connection. Not thread-safe: lives on the event loop's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "base/result.h"
#include "workers/dispatcher/instance.h"

namespace saga::workers {

/// Looks the instance's name up where it has to, and tries its addresses in turn until one takes a connection; no later
/// than `deadline`.
class Connector final : private Instance::Waiter, public net::Expiring {
 public:
  /// `user` is told when it is worth calling `go_on`, and gets the connection.
  Connector(Instance& instance, net::TimePoint deadline, Connection::User& user)
      : instance_(instance), deadline_(deadline), user_(user) {}
  ~Connector() override { instance_.leave(*this); }
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// The connection, or why there is none: `kOverloaded`, the process has no descriptor left for it; otherwise
  /// `kUnavailable`. Nothing, while it is not known yet.
  [[nodiscard]] std::optional<Result<std::unique_ptr<Connection>>> go_on();

 private:
  enum class Stage { kNew, kLookingUp, kTrying };

  void looked_up() override;
  void expire() override;
  /// The next address gets its share of the time left; false where no address or no time is left.
  [[nodiscard]] bool try_next();
  [[nodiscard]] Error why_not() const;

  Instance& instance_;
  const net::TimePoint deadline_;
  Connection::User& user_;
  Stage stage_ = Stage::kNew;
  bool expired_ = false;  ///< The look-up's time, or that of this address.
  std::optional<net::Deadline> limit_;
  std::vector<net::Endpoint> addresses_;
  std::size_t next_ = 0;
  std::unique_ptr<Connection> connection_;  ///< To the address before `next_`, while it is being opened.
  std::error_code error_;                   ///< Of the last that failed.
};

}  // namespace saga::workers
