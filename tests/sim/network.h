// The wire between the orchestrator and its workers: what becomes of each call is drawn from the seed, the call's key
// and its attempt. A call that has left goes on when the process that made it dies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "tests/sim/workers.h"

namespace saga::sim {

/// One attempt on its way.
struct Flight {
  std::uint64_t number = 0;  ///< Within its world.
  int process = 0;
  std::shared_ptr<const WireCall> call;
  bool ended = false;  ///< Its end has been reported, or nobody is left to be told.
};
using FlightRef = std::shared_ptr<Flight>;

class Network {
 public:
  /// How the orchestrator sees a flight end; called again for an answer that comes after it was given up.
  using Landed = std::function<void(const FlightRef&, const End&, bool again)>;

  Network(Setting& setting, Workers& workers, Landed landed)
      : setting_(setting), workers_(workers), landed_(std::move(landed)) {}

  void carry(const FlightRef& flight);

 private:
  void deliver(const FlightRef& flight, const std::shared_ptr<Chance>& chance, bool answer_is_lost);
  void land(const FlightRef& flight, const End& end);

  Setting& setting_;
  Workers& workers_;
  Landed landed_;
};

}  // namespace saga::sim
