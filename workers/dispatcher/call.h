// One call while it is made. Not thread-safe: lives on the event loop's thread.
#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "workers/dispatcher/answer_reader.h"
#include "workers/dispatcher/connection.h"
#include "workers/dispatcher/connector.h"
#include "workers/dispatcher/dispatcher.h"
#include "workers/dispatcher/instance.h"
#include "workers/dispatcher/traffic.h"

namespace saga::workers {

/// A state machine: it gets a connection, kept or new, sends its request and reads the answer. Each time something has
/// become possible it goes on as far as it can.
class Call final : public Connection::User, public net::Expiring {
 public:
  /// The owner of all calls.
  class Owner {
   public:
    /// The call is over; to be destroyed by this.
    virtual void ended(Call& call, CallOutcome outcome) = 0;
    /// The process has no descriptor left: connections that nobody uses are to go.
    virtual void free_descriptors() = 0;
    [[nodiscard]] virtual const DispatcherOptions& options() const = 0;

   protected:
    ~Owner() = default;
  };

  /// Takes its time from now; does nothing before `go_on`.
  Call(Owner& owner, Instance& instance, std::unique_ptr<Attempt> attempt);
  ~Call() override = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// May destroy this.
  void go_on() override;

  // For the owner.
  std::list<Call>::iterator place;  ///< In a list of calls.
  [[nodiscard]] std::unique_ptr<Attempt> take_attempt() { return std::move(attempt_); }
  [[nodiscard]] std::chrono::microseconds took() const;

 private:
  void expire() override;
  /// How the call ended; nothing, while it has not.
  [[nodiscard]] std::optional<CallOutcome> advance();
  /// True once there is a connection; why there will be none; nothing, while that is not known.
  [[nodiscard]] std::optional<Result<void>> connect();
  void use(std::unique_ptr<Connection> connection);
  [[nodiscard]] CallOutcome outcome(Exchange exchange);
  [[nodiscard]] CallOutcome unreachable(const std::string& why) const;
  void keep_connection();

  Owner& owner_;
  Instance& instance_;
  std::unique_ptr<Attempt> attempt_;
  const net::TimePoint started_;  ///< When it left the queue.
  const net::TimePoint deadline_;
  std::string request_;

  std::unique_ptr<Connector> connector_;
  bool freed_descriptors_ = false;
  std::unique_ptr<Connection> connection_;
  bool kept_ = false;  ///< The connection has carried another call.
  bool sent_ = false;  ///< A byte may have left.
  std::optional<AnswerReader> reader_;
  std::optional<net::Deadline> limit_;
  bool expired_ = false;
};

}  // namespace saga::workers
