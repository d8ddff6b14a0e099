// saga_sim: simulated worlds, one a seed. `saga_sim --seed 42 --story` tells one; `saga_sim --minutes 10 --jobs 2` runs
// as many as there is time for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <csignal>

#include "tests/sim/campaign.h"

namespace {

/// A broken invariant inside the engine aborts: which seed it was is said first.
void say_seeds(int) {
  for (const auto& seed : saga::sim::seeds_under_way()) {
    char text[64];
    const int length =
        std::snprintf(text, sizeof text, "saga_sim: it was seed %llu\n", static_cast<unsigned long long>(seed.load()));
    if (seed.load() != 0 && write(2, text, static_cast<std::size_t>(length)) < 0) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, say_seeds);
  CLI::App app{"Simulated worlds in which things go wrong, and what must hold all the same."};
  saga::sim::CampaignOptions options;
  std::optional<std::uint64_t> seed;
  bool story = false;
  std::vector<std::string> without;
  std::vector<int> without_sagas;
  app.add_option("--seed", seed, "This one only");
  app.add_flag("--story", story, "Tell what happens (with --seed)");
  app.add_option("--seeds", options.seeds, "How many");
  app.add_option("--from", options.from, "The first seed");
  app.add_option("--minutes", options.minutes, "For so long, at most");
  app.add_option("--jobs", options.jobs, "Side by side")->check(CLI::Range(std::size_t{1}, saga::sim::kMostJobs));
  app.add_flag("--expect-violation", options.expects_violation, "Succeed with the first one, fail without");
  app.add_option("--without", without, "Leave out these faults")->delimiter(',');
  app.add_option("--without-sagas", without_sagas, "Leave out these sagas, by number")->delimiter(',');
  app.add_option("--crashes", options.cuts.most_crashes, "At most so many");
  app.add_flag("--disk-lies", options.cuts.disk_lies, "Plant a disk that acknowledges what it has not synced");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : without) {
    const auto fault = saga::sim::fault_named(name);
    if (!fault) {
      fmt::print(stderr, "expected one of {} after --without, but it is '{}'\n",
                 fmt::join(saga::sim::kFaultNames, ", "), name);
      return 2;
    }
    options.cuts.without.set(saga::sim::index_of(*fault));
  }
  options.cuts.without_sagas.insert(without_sagas.begin(), without_sagas.end());
  if (seed) {
    options.from = *seed;
    options.seeds = 1;
  } else if (options.seeds == 0 && options.minutes == 0) {
    options.minutes = 1;
  }
  options.story = seed && story;
  return saga::sim::run_campaign(options);
}
