// The clients: an open loop of starts, each repeated with the same ids until it is answered, and what they know in the
// end. An answer that nobody expects is a complaint.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/torture/plan.h"

namespace saga::torture {

/// From a kill to the first new saga: one that was first sent after the kill and answered 201.
class Outages {
 public:
  void killed(std::int64_t at_ns);
  void accepted(std::int64_t first_sent_ns, std::int64_t now_ns);
  /// One was accepted since the last kill.
  [[nodiscard]] bool over() const;
  /// By the time of the kill. 0: none was accepted after it.
  [[nodiscard]] std::map<std::int64_t, std::int64_t> accepted_at() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::int64_t> accepted_at_;  ///< Guarded by mutex_.
};

class Load {
 public:
  Load(std::uint16_t port, std::uint64_t seed, double rate);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void start();
  /// While held, nothing new is begun, and what would have been due comes as much later.
  void hold(bool held);
  /// Nothing new is begun; what was sent is repeated until it is answered. Call `stop` for that to end.
  void finish();
  /// Gives up what is not answered.
  void stop();

  /// How many of the clients' requests are not answered.
  [[nodiscard]] int unanswered() const { return unanswered_; }
  [[nodiscard]] Outages& outages() { return outages_; }
  [[nodiscard]] const Outages& outages() const { return outages_; }

  /// Of the sagas that were accepted, and (`Ending::kNothing`) of those that were refused. After `stop`.
  [[nodiscard]] std::map<std::string, Plan> take_known() { return std::move(known_); }
  [[nodiscard]] std::vector<std::string> complaints() const;
  [[nodiscard]] std::int64_t started() const { return next_; }

 private:
  void client();
  /// False when told to stop before it was answered.
  bool send(const Start& start);
  void settle(const Start& start, int status, const std::string& body, std::int64_t first_sent_ns);
  void complain(const std::string& what);
  /// Until start number `n` is due. False when there is to be no more.
  bool await_turn(std::int64_t n);
  /// True when told to stop.
  bool pause(std::chrono::milliseconds time);
  [[nodiscard]] std::string body_of(const Start& start);

  const std::uint16_t port_;
  const std::uint64_t seed_;
  const double rate_;
  Outages outages_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<int> unanswered_{0};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::steady_clock::time_point begin_;  ///< Guarded by mutex_, as all below. Put off by what was held.
  std::optional<std::chrono::steady_clock::time_point> held_since_;
  bool finishing_ = false;
  bool stopped_ = false;
  std::map<std::string, Plan> known_;
  std::vector<std::string> recent_;  ///< Accepted ids to clash with.
  std::vector<std::string> complaints_;
  std::vector<std::jthread> clients_;
};

}  // namespace saga::torture
