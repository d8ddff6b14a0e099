// What can go wrong in a simulated world, by name, and how often it did.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace saga::sim {

enum class Fault : std::uint8_t {
  kUnreachable,    ///< No connection to the worker.
  kLostBefore,     ///< A call lost before its effect: silence, or the connection's end.
  kLostAfter,      ///< The same after its effect.
  kLateCall,       ///< It reaches the worker when nobody waits for it any more.
  kLateAnswer,     ///< The answer comes after the call was given up.
  kTwice,          ///< The call reaches the worker twice.
  kAnswer,         ///< A worker's answer that is not "done": every row of the protocol's table.
  kCallback,       ///< Callbacks that come late, twice, early, from an older attempt, or never.
  kCompensation,   ///< A compensation that fails for good.
  kNoInstance,     ///< A service that a process is not told of.
  kStoreFails,     ///< Commits refused for a while.
  kStoreHangs,     ///< Commits that take seconds.
  kStorePoisoned,  ///< A sync that fails: nobody knows what of it is on the disk.
  kCrash,          ///< The process dies at some point between two steps of its own.
  kDrain,          ///< The process is told to stop.
  kClockJump,      ///< The wall clock jumps, either way.
  kOperator,       ///< Somebody cancels, suspends, resumes, retries, skips.
  kTerminate,      ///< Somebody terminates.
  kClient,         ///< Starts repeated, clashing, given up; signals early, twice, of another payload.
  kSmallQueues,    ///< A store queue and a memory of a few sagas.
};
inline constexpr std::size_t kFaults = 20;

inline constexpr std::array<std::string_view, kFaults> kFaultNames{
    "unreachable", "lost_before",  "lost_after",  "late_call",   "late_answer", "twice",          "answer",
    "callback",    "compensation", "no_instance", "store_fails", "store_hangs", "store_poisoned", "crash",
    "drain",       "clock_jump",   "operator",    "terminate",   "client",      "small_queues"};

[[nodiscard]] constexpr std::size_t index_of(Fault fault) { return static_cast<std::size_t>(fault); }
[[nodiscard]] constexpr std::string_view name_of(Fault fault) { return kFaultNames[index_of(fault)]; }

[[nodiscard]] constexpr std::optional<Fault> fault_named(std::string_view name) {
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (kFaultNames[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

}  // namespace saga::sim
