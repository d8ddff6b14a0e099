#include "tests/sim/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "tests/sim/chance.h"

namespace saga::sim {

std::string Cuts::arguments() const {
  std::string text;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (without[i]) names.push_back(kFaultNames[i]);
  }
  if (!names.empty()) text += fmt::format(" --without {}", fmt::join(names, ","));
  if (!without_sagas.empty()) text += fmt::format(" --without-sagas {}", fmt::join(without_sagas, ","));
  if (disk_lies) text += " --disk-lies";
  if (most_crashes) text += fmt::format(" --crashes {}", *most_crashes);
  return text;
}

Plan Plan::draw(std::uint64_t seed, const Cuts& cuts) {
  Chance chance(seed, "plan");
  Plan plan;
  plan.seed = seed;
  plan.cuts = cuts;
  plan.sagas = chance.between(20, 60);
  plan.workflows = chance.between(2, 6);
  plan.turmoil = chance.millis(5'000, 60'000);
  plan.arrivals = Millis{plan.turmoil.count() * chance.between(10, 90) / 100};
  plan.crashes = chance.one_in(6) ? 0 : chance.between(1, 7);

  // Not every fault in every world: what one hides another shows.
  for (std::size_t i = 0; i < kFaults; ++i) {
    const int strength = chance.one_of({0, 1, 1, 3, 3, 8, 20});
    plan.rate[i] = chance.one_in(3) ? 0 : strength;
  }
  plan.rate[index_of(Fault::kAnswer)] = chance.one_of({0, 3, 10, 10, 25, 40});
  plan.rate[index_of(Fault::kCallback)] = chance.one_of({0, 10, 30, 60});
  plan.rate[index_of(Fault::kCompensation)] = chance.one_of({0, 0, 3, 15, 40});
  plan.rate[index_of(Fault::kTerminate)] = chance.one_of({0, 0, 1, 5});

  plan.runtime.seed = chance.next();
  plan.runtime.scan_interval = chance.one_of({Millis{1'000}, Millis{1'000}, Millis{4'000}});
  plan.runtime.scan_ahead = 3 * plan.runtime.scan_interval;
  plan.runtime.sleep_after = chance.one_of({Millis{60'000}, Millis{60'000}, Millis{20'000}, Millis{50'000}});
  const bool small = plan.of(Fault::kSmallQueues) > 0;
  const int queued = chance.between(2, 12);
  const int batch = chance.between(1, 10);
  const int live = chance.between(6, 30);
  if (small) {
    plan.committer.max_queued = static_cast<std::size_t>(queued);
    plan.committer.max_batch = static_cast<std::size_t>(batch);
    if (chance.one_in(3)) plan.runtime.max_live = static_cast<std::size_t>(live);
    plan.runtime.scan_batch = static_cast<std::size_t>(chance.between(1, 8));
  }
  plan.breaker.consecutive_faults = chance.one_of<std::size_t>({20, 20, 3, 5});
  plan.slowest_commit = chance.one_of({0, 1, 3, 10, 40});
  plan.instances = chance.one_of({1, 1, 2, 3});
  plan.max_in_flight = chance.one_of<std::size_t>({200, 200, 1, 3});
  return plan;
}

}  // namespace saga::sim
