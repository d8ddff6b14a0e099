// Many worlds, one seed after the other and several side by side, what they come to together, and what is printed of
// one in which something is violated: the seed, the invariant, the story, and the smallest world that still shows it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tests/sim/world.h"

namespace saga::sim {

inline constexpr std::size_t kMostJobs = 64;

struct CampaignOptions {
  std::uint64_t from = 1;
  std::uint64_t seeds = 0;  ///< 0: as many as there is time for.
  double minutes = 0;       ///< 0: as long as it takes.
  int jobs = 1;             ///< Up to `kMostJobs`.
  bool story = false;
  bool expects_violation = false;  ///< Ends with the first one, which is what it is for; without one it has failed.
  Cuts cuts;
};

/// The exit status: 0, or 1 when something was violated; the other way round where that is expected.
int run_campaign(const CampaignOptions& options);

/// Of each job the seed that it is at; 0: none.
[[nodiscard]] std::array<std::atomic<std::uint64_t>, kMostJobs>& seeds_under_way();

}  // namespace saga::sim
