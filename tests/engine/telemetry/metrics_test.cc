#include "engine/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "engine/telemetry/observer.h"

namespace saga::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

workflows::Workflow make_workflow(const std::string& name) {
  workflows::Workflow workflow;
  workflow.name = name;
  workflows::Step step;
  step.name = "pay";
  step.service = "payment";
  step.compensation = workflows::Call{};
  workflow.steps.push_back(std::move(step));
  return workflow;
}

core::SagaState state_of(const workflows::Workflow& workflow) {
  auto facts = std::make_shared<core::SagaFacts>();
  facts->id = "s-1";
  facts->workflow = workflow.name;
  facts->created_at = Timestamp{1'000};
  core::SagaState state;
  state.facts = std::move(facts);
  state.started_at = Timestamp{1'000};
  return state;
}

core::Failure failure(core::Outcome outcome) {
  core::Failure made;
  made.code = "secret-worker-code";
  made.outcome = outcome;
  return made;
}

TEST(Metrics, CountWhatEventsSay) {
  Metrics metrics("1.2.3");
  const workflows::Workflow workflow = make_workflow("order");
  const Timestamp at{3'000};
  const std::vector<core::Event> events{
      {at, core::SagaAccepted{}},
      {at, core::AttemptFailed{0, core::Phase::kAction, failure(core::Outcome::kUnknown), true, std::nullopt, 40}},
      {at, core::AttemptFailed{0, core::Phase::kAction, failure(core::Outcome::kNotDone), true, std::nullopt, 40}},
      {at, core::StepCompleted{0, 3, 200, nullptr, 20}},
      {at, core::StepCompensated{0, 1, 200, 10}},
      {at, core::CallDeferred{0, core::Phase::kAction, "none"}},
      {at, core::SagaCompensated{}}};
  metrics.committed(workflow, state_of(workflow), events);
  const std::string text = metrics.text({});
  for (const char* line : {R"(sagad_build_info{version="1.2.3"} 1)", R"(sagad_sagas_started_total{workflow="order"} 1)",
                           R"(sagad_sagas_ended_total{status="compensated",workflow="order"} 1)",
                           R"(sagad_saga_duration_seconds_sum{status="compensated",workflow="order"} 2)",
                           R"(sagad_attempts_total{phase="action",result="unknown",step="pay",workflow="order"} 1)",
                           R"(sagad_attempts_total{phase="action",result="not_done",step="pay",workflow="order"} 1)",
                           R"(sagad_attempts_total{phase="action",result="done",step="pay",workflow="order"} 1)",
                           R"(sagad_attempts_total{phase="compensation",result="done",step="pay",workflow="order"} 1)",
                           R"(sagad_attempt_duration_seconds_count{phase="action",service="payment"} 3)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("s-1")));
  EXPECT_THAT(text, Not(HasSubstr("secret-worker-code")));
}

TEST(Metrics, BeyondTwoHundredWorkflowsAreOther) {
  Metrics metrics("1");
  std::vector<workflows::Workflow> workflows;
  for (int i = 0; i < 205; ++i) workflows.push_back(make_workflow("w" + std::to_string(i)));
  Gauges gauges;
  for (const auto& workflow : workflows) {
    metrics.committed(workflow, state_of(workflow), std::vector<core::Event>{{Timestamp{1}, core::SagaAccepted{}}});
    gauges.sagas.push_back({workflow.name, "running", 1, 0, std::nullopt});
  }
  const std::string text = metrics.text(gauges);
  EXPECT_THAT(text, HasSubstr(R"(sagad_sagas_started_total{workflow="_other"} 5)"));
  EXPECT_THAT(text, HasSubstr(R"(sagad_sagas{workflow="_other",status="running"} 5)"));
  EXPECT_THAT(text, Not(HasSubstr("\"w204\"")));
}

TEST(Metrics, GaugesAreAsTheStoreSays) {
  Metrics metrics("1");
  Gauges gauges;
  gauges.sagas = {{"order", "failed", 3, 3, Timestamp{5'000}}, {"order", "suspended", 1, 1, Timestamp{2'500}}};
  gauges.services = {{"payment", {}, 200, 7, 1}};
  gauges.store_queue = 4;
  gauges.store_bytes = 8192;
  const std::string text = metrics.text(gauges);
  for (const char* line :
       {R"(sagad_sagas{workflow="order",status="failed"} 3)",
        R"(sagad_sagas_needing_attention{workflow="order",status="suspended"} 1)",
        R"(sagad_oldest_attention_timestamp_seconds{workflow="order"} 2.5)",
        R"(sagad_calls_in_flight{service="payment"} 7)", "sagad_store_queue_length 4", "sagad_store_size_bytes 8192",
        "process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(metrics.text({}), Not(HasSubstr("status=\"failed\""))) << "what is gone has no series";
}

TEST(Metrics, StoreErrorsAreCountedByKindFromNought) {
  Metrics metrics("1");
  for (const char* kind : {"unavailable", "poisoned", "corruption", "internal"}) {
    EXPECT_THAT(metrics.text({}), HasSubstr("sagad_store_errors_total{kind=\"" + std::string(kind) + "\"} 0"));
  }
  metrics.store_failed(ErrorCode::kUnavailable);
  metrics.store_failed(ErrorCode::kUnavailable);
  metrics.store_failed(ErrorCode::kUnsupported);
  EXPECT_THAT(metrics.text({}), HasSubstr("sagad_store_errors_total{kind=\"unavailable\"} 2"));
  EXPECT_THAT(metrics.text({}), HasSubstr("sagad_store_errors_total{kind=\"internal\"} 1")) << "no kind of its own";
}

TEST(Metrics, OverdueIsShownWhereItIsKnown) {
  Metrics metrics("1");
  EXPECT_THAT(metrics.text({}), Not(HasSubstr("sagad_sagas_overdue 0")));
  Gauges gauges;
  gauges.overdue = 0;
  EXPECT_THAT(metrics.text(gauges), HasSubstr("sagad_sagas_overdue 0"));
}

TEST(Metrics, CommitsAndRequestsAreCounted) {
  Metrics metrics("1");
  metrics.store_committed({std::chrono::microseconds{1'500}, 12});
  metrics.http_answered("/v1/sagas", "POST", 201, std::chrono::microseconds{2'000});
  metrics.http_answered("/v1/sagas", "BREW", 405, std::chrono::microseconds{10});
  metrics.operator_called("cancel", "done");
  const std::string text = metrics.text({});
  for (const char* line : {"sagad_store_commit_duration_seconds_sum 0.0015", "sagad_store_commit_batch_size_sum 12",
                           R"(sagad_http_requests_total{code="201",method="POST",route="/v1/sagas"} 1)",
                           R"(sagad_http_requests_total{code="405",method="other",route="/v1/sagas"} 1)",
                           R"(sagad_http_request_duration_seconds_count{method="POST",route="/v1/sagas"} 1)",
                           R"(sagad_operator_calls_total{result="done",verb="cancel"} 1)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Observer, LogsSagasThatNeedAttentionOnly) {
  Metrics metrics("1");
  std::vector<std::string> lines;
  Log log(LogFormat::kText, LogLevel::kInfo, [&](std::string_view line) { lines.emplace_back(line); });
  EngineObserver observer(metrics, log);
  const workflows::Workflow workflow = make_workflow("order");
  core::SagaState state = state_of(workflow);
  observer.committed(
      workflow, state,
      std::vector<core::Event>{{Timestamp{1}, core::SagaAccepted{}}, {Timestamp{1}, core::SagaCompleted{}}});
  EXPECT_TRUE(lines.empty());
  state.error = core::Failure{"pay", core::Phase::kAction, "timeout", "after 2s", 0, 3, core::Outcome::kUnknown};
  observer.committed(workflow, state, std::vector<core::Event>{{Timestamp{1}, core::SagaFailed{{0}}}});
  observer.corrupt("s-2", "event 3");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(
      lines[0],
      HasSubstr(R"(warn saga_failed saga_id=s-1 workflow=order not_undone=pay error="pay, action: timeout after 2s")"));
  EXPECT_THAT(lines[1], HasSubstr("error saga_corrupt saga_id=s-2"));
}

}  // namespace
}  // namespace saga::telemetry
