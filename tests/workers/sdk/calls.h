// What the tests of workers share: a call as the orchestrator would send it, waiting for a condition.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "workers/sdk/step_call.h"

namespace saga::workers {

/// Looks until `holds`, at most half a minute; what it last said.
inline bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

inline StepCall make_call(const std::string& saga, const std::string& step, Phase phase,
                          std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  StepCall call;
  call.saga_id = saga;
  call.step = step;
  call.phase = phase;
  call.key = saga + "/" + step;
  call.idempotency_key = call.key + (phase == Phase::kAction ? "/action" : "/compensation");
  call.outcome = ActionOutcome::kUnknown;
  call.timeout = timeout;
  call.deadline = std::chrono::steady_clock::now() + timeout;
  return call;
}

}  // namespace saga::workers
