#include "tests/torture/plan.h"

#include <fmt/format.h>

#include <array>
#include <initializer_list>

namespace saga::torture {

std::size_t pick(Random& random, std::size_t below) { return static_cast<std::size_t>(random() % below); }

bool chance(Random& random, double probability) {
  return static_cast<double>(random() >> 11) < probability * static_cast<double>(1ULL << 53);
}

namespace {

constexpr std::size_t kBatch = 5;
constexpr double kDies = 0.0004;  ///< Of all sagas: a worker kills itself over one, about every ten seconds.

std::string one_of(Random& random, std::initializer_list<const char*> names) {
  return *(names.begin() + pick(random, names.size()));
}

/// What passes, sooner or later.
std::string passing(Random& random, const std::string& step) {
  if (chance(random, 0.02)) return "throws";
  if (step == "pay" && chance(random, 0.3)) return "gateway";
  if (step == "proof" || step == "label") return one_of(random, {"flaky", "busy", "late"});
  return one_of(random, {"flaky", "busy", "slow", "late"});
}

/// The steps of `workflow` (`before_pivot`: those whose refusal turns the saga back).
std::vector<std::string> steps_of(const std::string& workflow, bool before_pivot) {
  if (workflow == "order" && before_pivot) return {"reserve", "pay", "pack", "label", "create", "ship"};
  if (workflow == "order") return {"reserve", "pay", "pack", "label", "create", "ship", "points"};
  if (workflow == "quick") return {"reserve", "pay", "confirm"};
  if (workflow == "print") return {"proof", "bind"};
  if (workflow == "loan") return {"reserve", "confirm"};
  return {"reserve", "proof", "bind", "pay"};  // bundle, with its child.
}

std::string draw_workflow(Random& random) {
  const std::size_t n = pick(random, 100);
  if (n < 30) return "order";
  if (n < 60) return "quick";
  if (n < 63) return "risky";
  if (n < 75) return "print";
  if (n < 77) return "forgetful";
  if (n < 90) return "loan";
  return "bundle";
}

Plan draw_saga(Random& random, std::string id) {
  Plan plan;
  plan.id = std::move(id);
  plan.workflow = draw_workflow(random);
  Json trouble = Json::object();
  if (plan.workflow == "risky") {
    trouble[chance(random, 0.5) ? "pay" : "ship"] = "lost";
    plan.ending = Ending::kEither;
  } else if (plan.workflow == "forgetful") {
    trouble["proof"] = "drop";
    plan.ending = Ending::kCompensated;
  } else {
    const auto steps = steps_of(plan.workflow, false);
    if (chance(random, 0.3)) {
      const std::string& step = steps[pick(random, steps.size())];
      trouble[step] = passing(random, step);
    }
    if (chance(random, 0.25)) {
      const auto turning = steps_of(plan.workflow, true);
      trouble[turning[pick(random, turning.size())]] = chance(random, 0.3) ? "refuse409" : "refuse";
      plan.ending = Ending::kCompensated;
    }
    if (plan.workflow == "order" && chance(random, 0.1)) trouble["notify"] = "refuse";
    if (chance(random, kDies)) trouble["reserve"] = "die";
    if (chance(random, kDies)) trouble["pay"] = "die_mid";
    if (trouble.contains("proof") && trouble["proof"] == "refuse409") trouble["proof"] = "refuse";
    // Whatever took the place of a refusal passes.
    plan.ending = Ending::kCompleted;
    for (const auto& step : steps_of(plan.workflow, true)) {
      const std::string what = trouble.value(step, "");
      if (what == "refuse" || what == "refuse409") plan.ending = Ending::kCompensated;
    }
  }
  if (plan.ending != Ending::kCompleted && chance(random, 0.3)) {
    const std::string step = one_of(random, {"reserve", "pay", "proof"});
    trouble[step + "_undo"] = one_of(random, {"flaky", "slow", "late", "throws"});
  }
  if (plan.ending != Ending::kCompleted && chance(random, kDies)) trouble["reserve_undo"] = "die";
  plan.input = {{"amount", 1 + pick(random, 10'000)}, {"trouble", std::move(trouble)}};
  return plan;
}

}  // namespace

Start draw_start(std::uint64_t seed, std::int64_t n) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32)};
  Random random(sequence);
  Start start;
  const std::size_t kind = pick(random, 100);
  if (kind == 0) start.kind = StartKind::kClashing;
  if (kind == 1) start.kind = StartKind::kBatchClash;
  if (kind == 2) start.kind = StartKind::kUnfit;
  if (kind == 3) start.kind = StartKind::kUnknown;
  if (kind == 4 || kind == 5) start.kind = StartKind::kBatch;
  const bool many = start.kind == StartKind::kBatch || start.kind == StartKind::kBatchClash;
  const bool refused =
      start.kind == StartKind::kBatchClash || start.kind == StartKind::kUnfit || start.kind == StartKind::kUnknown;
  for (std::size_t i = 0; i < (many ? kBatch : 1); ++i) {
    start.sagas.push_back(draw_saga(random, fmt::format("{}{}-{}", refused ? "refused" : "t", n, i)));
    if (refused) start.sagas.back().ending = Ending::kNothing;
  }
  Plan& first = start.sagas.front();
  if (start.kind == StartKind::kUnknown) first.workflow = "no-such-workflow";
  if (start.kind == StartKind::kUnfit) {
    first.workflow = "order";
    first.input.erase("amount");
  }
  return start;
}

}  // namespace saga::torture
