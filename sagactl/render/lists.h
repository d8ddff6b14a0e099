// Tables and lines of everything that comes in numbers: sagas, events, workflows, services, counts.
#pragma once

#include <string>

#include "base/json.h"
#include "base/time.h"
#include "sagactl/render/text.h"

namespace saga::ctl {

/// `sagas`: an array of saga items. `attention`: the columns that say where each is stuck and since when.
[[nodiscard]] std::string render_sagas(const Json& sagas, bool attention, Timestamp now, const Page& page);

/// What needs attention, summed up: "process_payment compensation: 231 gateway_down, 9 timeout". `attention`: the array
/// of {workflow, step, phase, code, count} of the statistics. Lines, or "".
[[nodiscard]] std::string render_attention(const Json& attention);

/// One event on one line.
[[nodiscard]] std::string render_event(const Json& event, const Page& page);

/// `workflows`: an array of {name, version, description, …}.
[[nodiscard]] std::string render_workflows(const Json& workflows, const Page& page);

/// `answer`: {services: [{name, instances: [{url, health, breaker, …}]}], urls: [{url, …}]}. One row an instance.
[[nodiscard]] std::string render_services(const Json& answer, Timestamp now, const Page& page);

/// Counts by workflow and status, what needs attention, queues.
[[nodiscard]] std::string render_stats(const Json& stats, const Page& page);

/// The components of a health answer, one a line.
[[nodiscard]] std::string render_health(const Json& live, const Json& ready, const Page& page);

}  // namespace saga::ctl
