#include "tests/sim/campaign.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/shrink.h"

namespace saga::sim {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kLastLines = 400;  ///< Of a story that is told because of a violation.

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options), next_(options.from) {}

  int run() {
    std::vector<std::jthread> threads;
    for (int job = 1; job < options_.jobs; ++job)
      threads.emplace_back([this, job] { work(static_cast<std::size_t>(job)); });
    work(0);
    threads.clear();
    summarise();
    return (violations_ == 0) == options_.expects_violation ? 1 : 0;
  }

 private:
  [[nodiscard]] bool is_time_over() const {
    return options_.minutes > 0 && SteadyClock::now() - begun_ > std::chrono::duration<double>(options_.minutes * 60);
  }

  void work(std::size_t job) {
    Definitions definitions;
    while (!is_time_over() && violations_ < (options_.expects_violation ? 1 : kMostViolations)) {
      const std::uint64_t seed = next_.fetch_add(1);
      if (options_.seeds > 0 && seed >= options_.from + options_.seeds) return;
      seeds_under_way()[job].store(seed);
      const Report report = World(Plan::draw(seed, options_.cuts), definitions, options_.story).run();
      seeds_under_way()[job].store(0);
      const std::lock_guard lock(mutex_);
      tally_.add(report.tally);
      if (options_.story) tell(report, report.story.size());
      if (report.violation) show(seed, report, definitions);
    }
  }

  void show(std::uint64_t seed, const Report& report, Definitions& definitions) {
    ++violations_;
    fmt::print("VIOLATION {} in seed {}: {}\n", report.violation->invariant, seed, report.violation->what);
    std::fflush(stdout);
    if (options_.expects_violation) return;
    const Shrunk shrunk = shrink(seed, options_.cuts, report.violation->invariant, definitions);
    if (!options_.story) tell(shrunk.report, kLastLines);
    fmt::print("shrunk after {} tries: {}: {}\n", shrunk.tries, shrunk.report.violation->invariant,
               shrunk.report.violation->what);
    fmt::print("again: saga_sim --seed {}{} --story\n", seed, shrunk.cuts.arguments());
    std::fflush(stdout);
  }

  static void tell(const Report& report, std::size_t most) {
    const std::size_t all = report.story.size();
    for (std::size_t i = all > most ? all - most : 0; i < all; ++i) fmt::print("{}\n", report.story[i]);
  }

  void summarise() const {
    const double took = std::chrono::duration<double>(SteadyClock::now() - begun_).count();
    std::string faults;
    for (std::size_t i = 0; i < kFaults; ++i) faults += fmt::format(" {}={}", kFaultNames[i], tally_.faults[i]);
    std::string ended;
    for (const auto status : {core::SagaStatus::kCompleted, core::SagaStatus::kCompensated, core::SagaStatus::kFailed,
                              core::SagaStatus::kTerminated}) {
      ended += fmt::format(" {}={}", core::to_string(status), tally_.ended[static_cast<std::size_t>(status)]);
    }
    fmt::print(
        "saga_sim: {} seeds from {}, {} sagas ({}), {} calls, {} commits, {} events, {} process deaths; faults:{}; "
        "{:.1f} s, {:.0f} sagas/s; {} violations\n",
        tally_.worlds, options_.from, tally_.sagas, ended.substr(std::min<std::size_t>(1, ended.size())), tally_.calls,
        tally_.commits, tally_.events, tally_.crashes, faults, took, static_cast<double>(tally_.sagas) / took,
        violations_.load());
  }

  static constexpr int kMostViolations = 5;

  const CampaignOptions options_;
  const SteadyClock::time_point begun_ = SteadyClock::now();
  std::atomic<std::uint64_t> next_;
  std::atomic<int> violations_{0};
  std::mutex mutex_;  ///< Guards the rest.
  Tally tally_;
};

}  // namespace

std::array<std::atomic<std::uint64_t>, kMostJobs>& seeds_under_way() {
  static std::array<std::atomic<std::uint64_t>, kMostJobs> seeds{};
  return seeds;
}

int run_campaign(const CampaignOptions& options) { return Campaign(options).run(); }

}  // namespace saga::sim
