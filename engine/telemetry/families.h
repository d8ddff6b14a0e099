// The metric families behind `Metrics`; included by its sources only, so that nobody else compiles prometheus-cpp.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "engine/telemetry/metrics.h"

namespace saga::telemetry {

struct Metrics::Families {
  explicit Families(const std::string& version);

  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& started;
  prometheus::Family<prometheus::Counter>& ended;
  prometheus::Family<prometheus::Histogram>& saga_duration;
  prometheus::Family<prometheus::Counter>& attempts;
  prometheus::Family<prometheus::Histogram>& attempt_duration;
  prometheus::Family<prometheus::Counter>& operator_calls;
  prometheus::Family<prometheus::Counter>& http_requests;
  prometheus::Family<prometheus::Histogram>& http_duration;
  prometheus::Histogram& commit_duration;
  prometheus::Histogram& commit_batch;
  /// All kinds from the beginning: a rate needs a 0 to start from.
  std::map<ErrorCode, prometheus::Counter*> store_errors;
};

/// Counts what happens to sagas. Its handles are looked up once a workflow and reached by the step's index from then
/// on. One thread.
class Metrics::Sagas {
 public:
  explicit Sagas(Families& families) : families_(families) {}

  void committed(const workflows::Workflow& workflow, const core::SagaState& after,
                 std::span<const core::Event> events);

 private:
  static constexpr std::size_t kResults = 3;  ///< done, not_done, unknown.
  static constexpr std::size_t kEndings = 4;  ///< completed, compensated, failed, terminated.
  struct Call {
    std::array<prometheus::Counter*, kResults> attempts{};
    prometheus::Histogram* duration = nullptr;
  };
  struct Step {
    std::array<Call, 2> phases{};
  };
  struct PerWorkflow {
    std::string label;
    prometheus::Counter* started = nullptr;
    std::array<prometheus::Counter*, kEndings> ended{};
    std::array<prometheus::Histogram*, kEndings> duration{};
    std::vector<Step> steps;
  };

  PerWorkflow& handles(const workflows::Workflow& workflow);
  [[nodiscard]] Step make_step(const std::string& workflow_label, const workflows::Step& step);
  void attempt_ended(const Call& call, core::Outcome outcome, std::int64_t duration_ms);
  void saga_ended(PerWorkflow& handles, std::size_t ending, const core::SagaState& after, Timestamp at);

  Families& families_;
  std::unordered_map<const workflows::Workflow*, PerWorkflow> workflows_;
  std::map<std::string, bool, std::less<>> names_;
};

/// Counts HTTP requests; a handle is made when its labels first occur.
class Metrics::Requests {
 public:
  explicit Requests(Families& families) : families_(families) {}

  void answered(std::string_view route, std::string_view method, int status, std::chrono::microseconds duration);

 private:
  Families& families_;
  std::mutex mutex_;  ///< Guards both maps.
  std::map<std::tuple<std::string_view, std::string_view, int>, prometheus::Counter*> counters_;
  std::map<std::pair<std::string_view, std::string_view>, prometheus::Histogram*> durations_;
};

/// The families worked out at a scrape: sagas, services, store, process.
[[nodiscard]] std::vector<prometheus::MetricFamily> gauge_families(const Gauges& gauges);
/// The usual `process_*`, as far as /proc can be read.
[[nodiscard]] std::vector<prometheus::MetricFamily> process_families();

}  // namespace saga::telemetry
