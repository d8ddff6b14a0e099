#include "engine/telemetry/observer.h"

namespace saga::telemetry {
namespace {

/// "process_payment, compensation: 503 gateway_down": where and why, as far as it is known.
std::string describe(const core::Failure& failure) {
  std::string text = failure.step;
  if (failure.phase) text += std::string(text.empty() ? "" : ", ") + std::string(workers::to_string(*failure.phase));
  if (!text.empty()) text += ": ";
  text += failure.code;
  if (!failure.message.empty() && failure.message != failure.code) text += " " + failure.message;
  return text;
}

}  // namespace

void EngineObserver::committed(const workflows::Workflow& workflow, const core::SagaState& after,
                               std::span<const core::Event> events) {
  metrics_.committed(workflow, after, events);
  for (const core::Event& event : events) {
    if (const auto* failed = std::get_if<core::SagaFailed>(&event.body)) {
      std::string steps;
      for (const core::StepIndex step : failed->not_undone) {
        steps += (steps.empty() ? "" : ",") + workflow.steps[step].name;
      }
      log_.warn("saga_failed", {{"saga_id", after.facts->id},
                                {"workflow", workflow.name},
                                {"not_undone", steps},
                                {"error", after.error ? describe(*after.error) : ""}});
    } else if (const auto* suspended = std::get_if<core::SagaSuspended>(&event.body)) {
      log_.warn("saga_suspended",
                {{"saga_id", after.facts->id},
                 {"workflow", workflow.name},
                 {"cause", core::to_string(suspended->cause)},
                 {"error", suspended->failure ? describe(*suspended->failure) : suspended->actor.reason}});
    } else if (log_.writes(LogLevel::kDebug)) {
      const std::string data = core::encode_event(workflow, event.body);
      log_.debug(core::type_name(event.body), {{"saga_id", after.facts->id}, {"data", data}});
    }
  }
}

void EngineObserver::corrupt(const std::string& saga_id, const std::string& problem) {
  log_.error("saga_corrupt", {{"saga_id", saga_id}, {"problem", problem}});
}

}  // namespace saga::telemetry
