// Counts and logs what the runtime made durable.
#pragma once

#include "engine/runtime/runtime.h"
#include "engine/telemetry/log.h"
#include "engine/telemetry/metrics.h"

namespace saga::telemetry {

/// Called on the engine thread. `metrics` and `log` outlive it.
class EngineObserver final : public runtime::RuntimeObserver {
 public:
  EngineObserver(Metrics& metrics, Log& log) : metrics_(metrics), log_(log) {}

  void committed(const workflows::Workflow& workflow, const core::SagaState& after,
                 std::span<const core::Event> events) override;
  void corrupt(const std::string& saga_id, const std::string& problem) override;

 private:
  Metrics& metrics_;
  Log& log_;
};

}  // namespace saga::telemetry
