// What is worked out at a scrape, and so never goes stale: a status that no saga has any more has no series.
#include <map>
#include <set>

#include "engine/telemetry/families.h"

namespace saga::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

MetricFamily family(std::string name, std::string help) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = prometheus::MetricType::Gauge;
  return made;
}

void add(MetricFamily& family, const std::vector<std::pair<std::string, std::string>>& labels, double value) {
  ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

struct Count {
  std::int64_t sagas = 0;
  std::int64_t needing_attention = 0;
};

}  // namespace

std::vector<MetricFamily> gauge_families(const Gauges& gauges) {
  std::set<std::string> names;
  std::map<std::pair<std::string, std::string>, Count> counts;
  std::map<std::string, Timestamp> oldest;
  for (const store::StatusCount& row : gauges.sagas) {
    const bool known = names.contains(row.workflow) || names.size() < Metrics::kMaxWorkflows;
    if (known) names.insert(row.workflow);
    const std::string workflow = known ? row.workflow : "_other";
    Count& count = counts[{workflow, row.status}];
    count.sagas += row.sagas;
    count.needing_attention += row.needing_attention;
    if (row.oldest_attention) {
      const auto [at, is_new] = oldest.try_emplace(workflow, *row.oldest_attention);
      if (!is_new) at->second = std::min(at->second, *row.oldest_attention);
    }
  }

  std::vector<MetricFamily> families;
  MetricFamily sagas = family("sagad_sagas", "Sagas, by status.");
  MetricFamily attention = family("sagad_sagas_needing_attention", "Sagas that wait for an operator.");
  for (const auto& [key, count] : counts) {
    add(sagas, {{"workflow", key.first}, {"status", key.second}}, static_cast<double>(count.sagas));
    add(attention, {{"workflow", key.first}, {"status", key.second}}, static_cast<double>(count.needing_attention));
  }
  MetricFamily since =
      family("sagad_oldest_attention_timestamp_seconds", "Since when the longest waiting saga needs attention.");
  for (const auto& [workflow, at] : oldest) add(since, {{"workflow", workflow}}, static_cast<double>(at.ms) / 1e3);
  MetricFamily overdue = family("sagad_sagas_overdue", "Sagas due for over 10 s that nobody has taken up.");
  if (gauges.overdue) add(overdue, {}, static_cast<double>(*gauges.overdue));
  MetricFamily calls = family("sagad_calls_in_flight", "Calls of workers under way.");
  for (const workers::ServiceStatus& service : gauges.services) {
    add(calls, {{"service", service.name}}, static_cast<double>(service.in_flight));
  }
  MetricFamily queue = family("sagad_store_queue_length", "Appends that wait for a commit.");
  add(queue, {}, static_cast<double>(gauges.store_queue));
  MetricFamily size = family("sagad_store_size_bytes", "What the store takes on disk.");
  add(size, {}, static_cast<double>(gauges.store_bytes));
  for (MetricFamily* made : {&sagas, &attention, &since, &overdue, &calls, &queue, &size}) families.push_back(std::move(*made));
  return families;
}

}  // namespace saga::telemetry
