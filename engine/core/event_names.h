// The names events are stored and shown by. Internal to the core.
#pragma once

#include <array>
#include <string_view>
#include <variant>

#include "engine/core/event.h"

namespace saga::core {

/// In the order of `EventBody`.
inline constexpr std::array<std::string_view, std::variant_size_v<EventBody>> kTypeNames{
    "saga_accepted",    "saga_started",        "attempt_begun",      "attempt_failed",   "call_deferred",
    "step_completed",   "step_failed",         "step_skipped",       "stop_requested",   "compensation_begun",
    "step_compensated", "compensation_failed", "saga_completed",     "saga_compensated", "saga_failed",
    "saga_suspended",   "saga_resumed",        "operator_retried",   "operator_skipped", "operator_cancelled",
    "saga_terminated",  "call_taken",          "heartbeat_received", "wait_begun",       "signal_awaited",
    "signal_received",  "child_begun",         "child_suspended",    "child_resumed",    "child_undo_begun"};

}  // namespace saga::core
