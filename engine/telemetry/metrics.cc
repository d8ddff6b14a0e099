#include "engine/telemetry/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

#include "engine/telemetry/families.h"

namespace saga::telemetry {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets kSagaSeconds{0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600, 21600, 86400};
const Buckets kCallSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
const Buckets kCommitSeconds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5};
const Buckets kBatch{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

constexpr std::array<std::string_view, 7> kMethods{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};

/// What may pass (a full disk, another's lock), what ends the process (a failed sync), what a record says against
/// itself, and the rest.
constexpr std::array<std::pair<ErrorCode, std::string_view>, 4> kStoreErrors{{{ErrorCode::kUnavailable, "unavailable"},
                                                                              {ErrorCode::kPoisoned, "poisoned"},
                                                                              {ErrorCode::kCorruption, "corruption"},
                                                                              {ErrorCode::kInternal, "internal"}}};

double seconds(std::chrono::microseconds duration) { return static_cast<double>(duration.count()) / 1e6; }

}  // namespace

Metrics::Families::Families(const std::string& version)
    : started(BuildCounter().Name("sagad_sagas_started_total").Help("Sagas accepted.").Register(registry)),
      ended(BuildCounter().Name("sagad_sagas_ended_total").Help("Sagas that ended, by how.").Register(registry)),
      saga_duration(BuildHistogram()
                        .Name("sagad_saga_duration_seconds")
                        .Help("From a saga's start to its end.")
                        .Register(registry)),
      attempts(BuildCounter()
                   .Name("sagad_attempts_total")
                   .Help("Calls of workers that ended, by outcome.")
                   .Register(registry)),
      attempt_duration(BuildHistogram()
                           .Name("sagad_attempt_duration_seconds")
                           .Help("How long one call of a worker took.")
                           .Register(registry)),
      operator_calls(BuildCounter()
                         .Name("sagad_operator_calls_total")
                         .Help("Operator calls, by how they ended.")
                         .Register(registry)),
      http_requests(
          BuildCounter().Name("sagad_http_requests_total").Help("HTTP requests answered.").Register(registry)),
      http_duration(BuildHistogram()
                        .Name("sagad_http_request_duration_seconds")
                        .Help("From a request's last byte to its answer; waits included.")
                        .Register(registry)),
      commit_duration(BuildHistogram()
                          .Name("sagad_store_commit_duration_seconds")
                          .Help("One commit of the store, its sync included.")
                          .Register(registry)
                          .Add({}, kCommitSeconds)),
      commit_batch(BuildHistogram()
                       .Name("sagad_store_commit_batch_size")
                       .Help("Appends that shared one commit.")
                       .Register(registry)
                       .Add({}, kBatch)) {
  prometheus::BuildGauge()
      .Name("sagad_build_info")
      .Help("1; the version is its label.")
      .Register(registry)
      .Add({{"version", version}})
      .Set(1);
  auto& errors =
      BuildCounter().Name("sagad_store_errors_total").Help("Failures of the database itself.").Register(registry);
  for (const auto& [code, kind] : kStoreErrors) store_errors[code] = &errors.Add({{"kind", std::string(kind)}});
}

Metrics::Metrics(const std::string& version)
    : families_(std::make_unique<Families>(version)),
      sagas_(std::make_unique<Sagas>(*families_)),
      requests_(std::make_unique<Requests>(*families_)) {}

Metrics::~Metrics() = default;

void Metrics::committed(const workflows::Workflow& workflow, const core::SagaState& after,
                        std::span<const core::Event> events) {
  sagas_->committed(workflow, after, events);
}

void Metrics::store_committed(const store::CommitFacts& commit) {
  families_->commit_duration.Observe(seconds(commit.duration));
  families_->commit_batch.Observe(static_cast<double>(commit.appends));
}

void Metrics::store_failed(ErrorCode code) {
  const auto counter = families_->store_errors.find(code);
  (counter == families_->store_errors.end() ? families_->store_errors.at(ErrorCode::kInternal) : counter->second)
      ->Increment();
}

void Metrics::operator_called(std::string_view verb, std::string_view result) {
  families_->operator_calls.Add({{"verb", std::string(verb)}, {"result", std::string(result)}}).Increment();
}

void Metrics::http_answered(std::string_view route, std::string_view method, int status,
                            std::chrono::microseconds duration) {
  requests_->answered(route, method, status, duration);
}

std::string Metrics::text(const Gauges& gauges) const {
  auto families = families_->registry.Collect();
  for (auto& family : gauge_families(gauges)) families.push_back(std::move(family));
  for (auto& family : process_families()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

void Metrics::Requests::answered(std::string_view route, std::string_view method, int status,
                                 std::chrono::microseconds duration) {
  const auto* known = std::find(kMethods.begin(), kMethods.end(), method);
  const std::string_view label = known == kMethods.end() ? "other" : *known;
  const std::lock_guard lock(mutex_);
  auto& counter = counters_[{route, label, status}];
  if (counter == nullptr) {
    counter = &families_.http_requests.Add(
        {{"route", std::string(route)}, {"method", std::string(label)}, {"code", std::to_string(status)}});
  }
  auto& histogram = durations_[{route, label}];
  if (histogram == nullptr) {
    histogram =
        &families_.http_duration.Add({{"route", std::string(route)}, {"method", std::string(label)}}, kCallSeconds);
  }
  counter->Increment();
  histogram->Observe(seconds(duration));
}

// ---- sagas ----------------------------------------------------------------------------------------------------------

namespace {

constexpr std::array<std::string_view, 4> kEndingNames{"completed", "compensated", "failed", "terminated"};
constexpr std::array<std::string_view, 3> kResultNames{"done", "not_done", "unknown"};

std::size_t result_index(core::Outcome outcome) {
  return outcome == core::Outcome::kDone ? 0 : outcome == core::Outcome::kNotDone ? 1 : 2;
}

}  // namespace

Metrics::Sagas::PerWorkflow& Metrics::Sagas::handles(const workflows::Workflow& workflow) {
  const auto [at, is_new] = workflows_.try_emplace(&workflow);
  PerWorkflow& made = at->second;
  if (!is_new) return made;
  const bool known = names_.contains(workflow.name) || names_.size() < kMaxWorkflows;
  if (known) names_.emplace(workflow.name, true);
  made.label = known ? workflow.name : "_other";
  made.started = &families_.started.Add({{"workflow", made.label}});
  for (std::size_t i = 0; i < kEndings; ++i) {
    const prometheus::Labels labels{{"workflow", made.label}, {"status", std::string(kEndingNames[i])}};
    made.ended[i] = &families_.ended.Add(labels);
    made.duration[i] = &families_.saga_duration.Add(labels, kSagaSeconds);
  }
  for (const workflows::Step& step : workflow.steps) made.steps.push_back(make_step(made.label, step));
  return made;
}

Metrics::Sagas::Step Metrics::Sagas::make_step(const std::string& workflow_label, const workflows::Step& step) {
  Step made;
  for (const core::Phase phase : {core::Phase::kAction, core::Phase::kCompensation}) {
    if (phase == core::Phase::kCompensation && !step.compensation) continue;
    Call& call = made.phases[static_cast<std::size_t>(phase)];
    const std::string phase_label(workers::to_string(phase));
    for (std::size_t i = 0; i < kResults; ++i) {
      call.attempts[i] = &families_.attempts.Add({{"workflow", workflow_label},
                                                  {"step", workflow_label == "_other" ? workflow_label : step.name},
                                                  {"phase", phase_label},
                                                  {"result", std::string(kResultNames[i])}});
    }
    // A step that names its URL has no logical service.
    call.duration = &families_.attempt_duration.Add(
        {{"service", step.service.empty() ? "_url" : step.service}, {"phase", phase_label}}, kCallSeconds);
  }
  return made;
}

void Metrics::Sagas::attempt_ended(const Call& call, core::Outcome outcome, std::int64_t duration_ms) {
  if (call.duration == nullptr) return;
  call.attempts[result_index(outcome)]->Increment();
  call.duration->Observe(static_cast<double>(duration_ms) / 1e3);
}

void Metrics::Sagas::saga_ended(PerWorkflow& handles, std::size_t ending, const core::SagaState& after, Timestamp at) {
  handles.ended[ending]->Increment();
  const Timestamp from = after.started_at.value_or(after.facts->created_at);
  handles.duration[ending]->Observe(static_cast<double>(std::max<std::int64_t>(0, (at - from).count())) / 1e3);
}

void Metrics::Sagas::committed(const workflows::Workflow& workflow, const core::SagaState& after,
                               std::span<const core::Event> events) {
  PerWorkflow& counted = handles(workflow);
  for (const core::Event& event : events) {
    const core::EventBody& body = event.body;
    if (std::holds_alternative<core::SagaAccepted>(body)) {
      counted.started->Increment();
    } else if (const auto* done = std::get_if<core::StepCompleted>(&body)) {
      attempt_ended(counted.steps[done->step].phases[0], core::Outcome::kDone, done->duration_ms);
    } else if (const auto* undone = std::get_if<core::StepCompensated>(&body)) {
      attempt_ended(counted.steps[undone->step].phases[1], core::Outcome::kDone, undone->duration_ms);
    } else if (const auto* failed = std::get_if<core::AttemptFailed>(&body)) {
      attempt_ended(counted.steps[failed->step].phases[static_cast<std::size_t>(failed->phase)],
                    failed->failure.outcome, failed->duration_ms);
    } else if (std::holds_alternative<core::SagaCompleted>(body)) {
      saga_ended(counted, 0, after, event.at);
    } else if (std::holds_alternative<core::SagaCompensated>(body)) {
      saga_ended(counted, 1, after, event.at);
    } else if (std::holds_alternative<core::SagaFailed>(body)) {
      saga_ended(counted, 2, after, event.at);
    } else if (std::holds_alternative<core::SagaTerminated>(body)) {
      saga_ended(counted, 3, after, event.at);
    }
  }
}

}  // namespace saga::telemetry
