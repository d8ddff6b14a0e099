// What Prometheus reads. Counters are fed by what is durable; gauges are worked out at the scrape. No label is ever an
// id or a worker's code: workflows and steps by their registered names, `_other` beyond 200 workflows.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/event.h"
#include "engine/core/state.h"
#include "store/store.h"
#include "workers/dispatcher/dispatcher.h"
#include "workflows/workflow.h"

namespace saga::telemetry {

/// The gauges' values at the moment of a scrape.
struct Gauges {
  std::vector<store::StatusCount> sagas;
  std::vector<workers::ServiceStatus> services;
  std::optional<std::size_t> overdue;  ///< None: could not be found out.
  std::size_t store_queue = 0;
  std::int64_t store_bytes = 0;
};

class Metrics {
 public:
  static constexpr std::size_t kMaxWorkflows = 200;

  explicit Metrics(const std::string& version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// Events that are durable, and the state after them. One thread (the engine's): it looks nothing up by a label.
  /// Every `workflow` outlives this object, as registered ones do.
  void committed(const workflows::Workflow& workflow, const core::SagaState& after,
                 std::span<const core::Event> events);

  // ---- from any thread ------------------------------------------------------------------------------------------

  void store_committed(const store::CommitFacts& commit);
  void store_failed(ErrorCode code);
  /// `result`: "done", "refused", "failed".
  void operator_called(std::string_view verb, std::string_view result);
  /// `route` is the pattern ("/v1/sagas/{id}"), a static text.
  void http_answered(std::string_view route, std::string_view method, int status, std::chrono::microseconds duration);

  /// All of it as Prometheus text.
  [[nodiscard]] std::string text(const Gauges& gauges) const;

 private:
  struct Families;
  class Sagas;
  class Requests;
  std::unique_ptr<Families> families_;
  std::unique_ptr<Sagas> sagas_;
  std::unique_ptr<Requests> requests_;
};

}  // namespace saga::telemetry
