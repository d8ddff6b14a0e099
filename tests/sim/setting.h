// What every part of a simulated world shares: its plan, its time, its story, and where a violation is put down.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/agenda.h"
#include "tests/sim/chance.h"
#include "tests/sim/plan.h"
#include "tests/sim/story.h"

namespace saga::sim {

/// Something that must never happen did.
struct Violation {
  std::string invariant;  ///< "I4"
  std::string what;
};

/// How much happened.
struct Tally {
  std::uint64_t worlds = 0;
  std::uint64_t sagas = 0;  ///< Children included.
  std::uint64_t calls = 0;
  std::uint64_t commits = 0;
  std::uint64_t events = 0;
  std::uint64_t crashes = 0;  ///< However the process ended before its time.
  std::array<std::uint64_t, kFaults> faults{};
  std::array<std::uint64_t, 8> ended{};  ///< By `core::SagaStatus`.

  void add(const Tally& other);
};

struct Setting {
  Setting(const Plan& of, bool told) : plan(of), story(agenda, told) {}
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

  /// The first counts; what follows it may only be its consequence.
  void violated(std::string_view invariant, std::string what) {
    if (!violation) violation = Violation{std::string(invariant), std::move(what)};
  }
  void happened(Fault fault) { ++tally.faults[index_of(fault)]; }

  const Plan& plan;
  Agenda agenda;
  Story story;
  Tally tally;
  std::optional<Violation> violation;
  bool calm = false;  ///< Nothing goes wrong any more.
};

}  // namespace saga::sim
