// What a world is made of, drawn from its seed and then cut down by what a person, or the shrinking, left out.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <set>
#include <string>

#include "engine/runtime/runtime.h"
#include "store/group_committer.h"
#include "tests/sim/faults.h"
#include "workers/dispatcher/breaker.h"

namespace saga::sim {

/// What is left out, or planted. It changes nothing of what stays.
struct Cuts {
  std::bitset<kFaults> without;
  std::set<int> without_sagas;      ///< By number.
  std::optional<int> most_crashes;  ///< None: as drawn.
  bool disk_lies = false;           ///< Planted: it acknowledges what it has not synced.

  [[nodiscard]] std::string arguments() const;  ///< As the command line says it.
};

struct Plan {
  std::uint64_t seed = 0;
  int sagas = 0;
  int workflows = 0;
  int crashes = 0;
  Millis turmoil{0};                ///< How long things go wrong; then everything has to end.
  Millis arrivals{0};               ///< Over how long the sagas are started.
  std::array<int, kFaults> rate{};  ///< In percent of the occasions; what it means depends on the fault.
  Cuts cuts;
  runtime::RuntimeOptions runtime;
  store::CommitterOptions committer;
  workers::BreakerOptions breaker;
  int slowest_commit = 0;  ///< In ms, where nothing hangs.
  int instances = 1;       ///< Of a service.
  std::size_t max_in_flight = 200;

  [[nodiscard]] int of(Fault fault) const { return cuts.without[index_of(fault)] ? 0 : rate[index_of(fault)]; }

  [[nodiscard]] static Plan draw(std::uint64_t seed, const Cuts& cuts);
};

}  // namespace saga::sim
