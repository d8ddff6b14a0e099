// Simulated worlds as part of every test run: some seeds in a row, those that found something once, and that a seed is
// always the same world.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/sim/shrink.h"

namespace saga::sim {
namespace {

constexpr std::uint64_t kFirst = 1'000'000;
constexpr std::uint64_t kInARow = SIM_TEST_SEEDS;

Report run(std::uint64_t seed, Definitions& definitions, bool told = false) {
  return World(Plan::draw(seed, {}), definitions, told).run();
}

std::string told(std::uint64_t seed, const Report& report) {
  if (!report.violation) return {};
  return fmt::format("seed {}: {}: {}", seed, report.violation->invariant, report.violation->what);
}

TEST(Simulator, NothingIsViolatedInWorldsInARow) {
  Definitions definitions;
  Tally tally;
  for (std::uint64_t seed = kFirst; seed < kFirst + kInARow; ++seed) {
    const Report report = run(seed, definitions);
    ASSERT_EQ(told(seed, report), "") << "again: saga_sim --seed " << seed;
    tally.add(report.tally);
  }
  // That things do go wrong in them, and of every kind.
  for (std::size_t i = 0; i < kFaults; ++i) EXPECT_GT(tally.faults[i], 0U) << kFaultNames[i];
  for (const auto status : {core::SagaStatus::kCompleted, core::SagaStatus::kCompensated, core::SagaStatus::kFailed,
                            core::SagaStatus::kTerminated}) {
    EXPECT_GT(tally.ended[static_cast<std::size_t>(status)], 0U) << core::to_string(status);
  }
}

TEST(Simulator, SeedsThatFoundSomethingFindNothingAnyMore) {
  Definitions definitions;
  std::ifstream file(SIM_SEEDS);
  int seeds = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::uint64_t seed = 0;
    if (!(words >> seed)) continue;
    ++seeds;
    EXPECT_EQ(told(seed, run(seed, definitions)), "") << line;
  }
  EXPECT_GT(seeds, 0);
}

TEST(Simulator, ASeedIsAlwaysTheSameWorld) {
  Definitions definitions;
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::uint64_t hash = run(seed, definitions).hash;
    Definitions others;
    EXPECT_EQ(run(seed, others, true).hash, hash) << "seed " << seed;
    hashes.insert(hash);
  }
  EXPECT_EQ(hashes.size(), 12U) << "and every seed another";
}

TEST(Simulator, ADiskThatLiesIsFoundOutAndTheWorldMadeSmaller) {
  Definitions definitions;
  Cuts cuts;
  cuts.disk_lies = true;
  const Report report = World(Plan::draw(3, cuts), definitions, false).run();
  ASSERT_TRUE(report.violation);
  const Shrunk shrunk = shrink(3, cuts, report.violation->invariant, definitions);
  ASSERT_TRUE(shrunk.report.violation);
  EXPECT_EQ(shrunk.report.violation->invariant, report.violation->invariant);
  EXPECT_LT(shrunk.report.tally.sagas, 4U);
  EXPECT_GT(shrunk.cuts.without.count(), kFaults / 2);
  EXPECT_FALSE(shrunk.report.story.empty());
}

TEST(Simulator, WhatIsLeftOutLeavesTheRestAsItWas) {
  Cuts cuts;
  cuts.without_sagas = {0, 1, 2};
  const Plan plan = Plan::draw(7, {});
  const Plan cut = Plan::draw(7, cuts);
  EXPECT_EQ(cut.sagas, plan.sagas);
  EXPECT_EQ(cut.rate, plan.rate);
  EXPECT_EQ(cuts.arguments(), " --without-sagas 0,1,2");
}

}  // namespace
}  // namespace saga::sim
