// The table of services: one row an instance, what is wrong with it at its end.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sagactl/render/lists.h"
#include "sagactl/render/paint.h"
#include "sagactl/render/table.h"
#include "sagactl/render/view.h"

namespace saga::ctl {
namespace {

/// What stands for the name of a service in the rows of steps that name a URL.
constexpr const char* kByUrl = "(by url)";

Cell health_cell(const Json& instance, Timestamp now, const Page& page) {
  const std::string health = text(instance, "health");
  if (health == "unknown") return {"not called yet", [](const Paint& paint, const auto& s) { return paint.quiet(s); }};
  if (health == "healthy") return {health, [](const Paint& paint, const auto& s) { return paint.good(s); }};
  if (health != "failing") return {health};
  std::string shown = health;
  if (const auto since = time(instance, "since")) {
    shown += page.terminal ? " " + human_duration(now - *since) : " since " + format_time(*since);
  }
  return {shown, [](const Paint& paint, const auto& s) { return paint.bad(s); }};
}

Cell breaker_cell(const Json& instance, Timestamp now, const Page& page) {
  const std::string breaker = text(instance, "breaker");
  if (breaker == "half_open") return {"half-open", [](const Paint& paint, const auto& s) { return paint.warn(s); }};
  if (breaker != "open") return {breaker};
  std::string shown = breaker;
  if (const auto until = time(instance, "open_until")) {
    shown +=
        page.terminal ? " for " + human_duration(std::max(*until - now, Millis{0})) : " until " + format_time(*until);
  }
  return {shown, [](const Paint& paint, const auto& s) { return paint.bad(s); }};
}

void add_instance(Table& table, const std::string& name, const Json& instance, std::string in_flight,
                  std::string queued, Timestamp now, const Page& page) {
  const bool fails = integer(instance, "consecutive_faults").value_or(0) > 0;
  table.add({name, text(instance, "url"), health_cell(instance, now, page), breaker_cell(instance, now, page),
             fails ? text(instance, "consecutive_faults") : "", std::move(in_flight), std::move(queued),
             fails ? text(instance, "last_error") : ""});
}

}  // namespace

std::string render_services(const Json& answer, Timestamp now, const Page& page) {
  Table table({{"SERVICE"},
               {"INSTANCE", false, true},
               {"HEALTH"},
               {"BREAKER"},
               {"FAULTS", true},
               {"IN FLIGHT", true},
               {"QUEUED", true},
               {"LAST ERROR", false, true}});
  for (const Json& service : list(answer, "services")) {
    std::string in_flight = text(service, "in_flight");
    if (const auto most = integer(service, "max_in_flight"); most && *most > 0)
      in_flight += fmt::format(" of {}", *most);
    std::string queued = text(service, "queued");
    const Json& instances = list(service, "instances");
    if (instances.empty()) {
      table.add({text(service, "name"),
                 Cell("none: its steps wait", [](const Paint& paint, const auto& s) { return paint.bad(s); }), "", "",
                 "", in_flight, queued, ""});
    }
    for (const Json& instance : instances) {  // The calls are the service's: they stand in its first row.
      add_instance(table, text(service, "name"), instance, std::exchange(in_flight, ""), std::exchange(queued, ""), now,
                   page);
    }
  }
  for (const Json& instance : list(answer, "urls")) add_instance(table, kByUrl, instance, "", "", now, page);
  return table.render(page);
}

}  // namespace saga::ctl
