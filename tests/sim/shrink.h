// The smallest world that still shows a violation: faults, sagas and crashes are left out one after the other for as
// long as it does.
#pragma once

#include "tests/sim/world.h"

namespace saga::sim {

struct Shrunk {
  Cuts cuts;
  Report report;  ///< With its story.
  int tries = 0;
};

/// The same invariant has to be violated, whatever else changes.
[[nodiscard]] Shrunk shrink(std::uint64_t seed, const Cuts& cuts, const std::string& invariant,
                            Definitions& definitions);

}  // namespace saga::sim
