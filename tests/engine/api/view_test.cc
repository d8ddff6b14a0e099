// The JSON that clients see of sagas and events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/api/event_view.h"
#include "engine/api/saga_view.h"
#include "engine/core/decide.h"
#include "workflows/load.h"

namespace saga::api {
namespace {

using ::testing::ElementsAre;

constexpr const char* kDefinition = R"(
name: order
version: 2
steps:
  - name: reserve
    service: inventory
    action: /reserve
    compensation: /release
  - name: pay
    service: payment
    action: /pay
    input: { amount: "${ input.amount }" }
)";

workflows::WorkflowRef workflow() {
  static const auto loaded = workflows::load_workflows(kDefinition, "order.yaml");
  return loaded->front();
}

core::SagaState started() {
  auto facts = std::make_shared<core::SagaFacts>();
  facts->id = "order-1";
  facts->workflow = "order";
  facts->version = 2;
  facts->input = share({{"amount", 7}});
  facts->tags = {{"customer", "c-1"}};
  facts->created_at = Timestamp{1'800'000'000'000};
  facts->trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  return core::decide(*workflow(), {}, core::StartSaga{facts, "ann"}, {facts->created_at, 0, true}).after;
}

core::SagaState answered(const core::SagaState& state, core::StepIndex step, core::Phase phase, int status,
                         std::string body) {
  workers::Answered answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.content_type = "application/json";
  const int attempt =
      phase == core::Phase::kAction ? state.steps[step].action.attempts : state.steps[step].compensation.attempts;
  return core::decide(*workflow(), state, core::CallFinished{step, phase, attempt, answer, 12},
                      {state.updated_at + Millis{10}, 0, true})
      .after;
}

Json view(const core::SagaState& state) { return Json::parse(saga_json(*workflow(), state)); }

TEST(SagaView, HasTheFieldsOfTheContractInTheirOrder) {
  const auto ordered = nlohmann::ordered_json::parse(saga_json(*workflow(), started()));
  std::vector<std::string> keys;
  for (const auto& item : ordered.items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ElementsAre("id", "workflow", "version", "status", "needs_attention", "attention_since", "allowed",
                                "input", "output", "error", "stuck", "tags", "created_at", "started_at", "updated_at",
                                "finished_at", "deadline", "trace_id", "steps"));
  keys.clear();
  for (const auto& item : ordered["steps"][0].items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ElementsAre("name", "status", "attempts", "input", "output", "error", "started_at", "finished_at",
                                "due_at", "settled", "compensation"));
  keys.clear();
  for (const auto& item : ordered["steps"][0]["compensation"].items()) keys.push_back(item.key());
  EXPECT_THAT(keys, ElementsAre("status", "attempts", "error", "finished_at", "due_at", "settled"));
}

TEST(SagaView, ShowsARunningSaga) {
  const Json saga = view(started());
  EXPECT_EQ(saga["id"], "order-1");
  EXPECT_EQ(saga["version"], 2);
  EXPECT_EQ(saga["status"], "running");
  EXPECT_EQ(saga["input"], (Json{{"amount", 7}}));
  EXPECT_EQ(saga["tags"], (Json{{"customer", "c-1"}}));
  EXPECT_EQ(saga["created_at"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(saga["finished_at"], nullptr);
  EXPECT_EQ(saga["error"], nullptr);
  EXPECT_EQ(saga["needs_attention"], false);
  EXPECT_EQ(saga["steps"][0]["status"], "running");
  EXPECT_EQ(saga["steps"][0]["attempts"], 1);
  EXPECT_EQ(saga["steps"][0]["input"], (Json{{"amount", 7}}));
  EXPECT_EQ(saga["steps"][1]["status"], "pending");
  EXPECT_EQ(saga["steps"][1]["input"], nullptr) << "nothing is sent yet";
}

TEST(SagaView, ShowsARetryWithItsErrorAndDueTime) {
  const Json step =
      view(answered(started(), 0, core::Phase::kAction, 503, R"({"code":"busy","message":"later"})"))["steps"][0];
  EXPECT_EQ(step["status"], "retrying");
  EXPECT_EQ(step["error"]["code"], "busy");
  EXPECT_EQ(step["error"]["http_status"], 503);
  EXPECT_EQ(step["error"]["outcome"], "unknown");
  EXPECT_EQ(step["error"]["attempt"], 1);
  EXPECT_TRUE(step["due_at"].is_string());
}

TEST(SagaView, ShowsWhyItTurnedBackAndWhatWasUndone) {
  core::SagaState state = answered(started(), 0, core::Phase::kAction, 200, R"({"id":9})");
  state = answered(state, 1, core::Phase::kAction, 409, R"({"code":"declined"})");
  state = answered(state, 0, core::Phase::kCompensation, 200, "");
  const Json saga = view(state);
  EXPECT_EQ(saga["status"], "compensated");
  EXPECT_EQ(saga["error"]["step"], "pay");
  EXPECT_EQ(saga["error"]["code"], "declined");
  EXPECT_EQ(saga["steps"][0]["output"], (Json{{"id", 9}}));
  EXPECT_EQ(saga["steps"][0]["compensation"]["status"], "completed");
  EXPECT_EQ(saga["steps"][0]["compensation"]["error"], nullptr);
  EXPECT_EQ(saga["steps"][1]["compensation"]["status"], "none");
  EXPECT_TRUE(saga["finished_at"].is_string());
}

TEST(SagaView, ListItemsLeaveTheHeavyPartsOut) {
  JsonWriter json;
  write_saga(json, *workflow(), started(), Detail::kItem);
  const std::string text = json.take();
  const Json item = Json::parse(text);
  EXPECT_FALSE(item.contains("input") || item.contains("output") || item.contains("steps"));
  EXPECT_EQ(item["id"], "order-1");
}

TEST(SagaView, ShowsACorruptSagaFromItsRow) {
  store::SagaRow row;
  row.identity = {"order-1", "order", 2, {{"a", "b"}}, Timestamp{1}, 0};
  row.head.status = "running";
  row.head.attention_since = Timestamp{1'800'000'000'000};
  JsonWriter json;
  write_corrupt_saga(json, row, "event 3 does not follow", Detail::kFull);
  const std::string text = json.take();
  const Json saga = Json::parse(text);
  EXPECT_EQ(saga["status"], "suspended");
  EXPECT_EQ(saga["needs_attention"], true);
  EXPECT_EQ(saga["attention_since"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(saga["error"]["code"], "corrupt");
  EXPECT_EQ(saga["allowed"], (Json{"terminate"}));
  EXPECT_EQ(saga["stuck"][0]["code"], "corrupt");
  EXPECT_EQ(saga["steps"], Json::array());
}

Json event(const store::Record& record) {
  JsonWriter json;
  write_event(json, record);
  const std::string text = json.take();
  return Json::parse(text);
}

TEST(EventView, LiftsTheCommonFieldsOutOfTheData) {
  const Json shown = event({4, Timestamp{1'800'000'000'000}, "attempt_failed",
                            R"({"step":"pay","phase":"action","attempt":2,"code":"busy","due_at":1800000001000})"});
  EXPECT_EQ(shown, (Json{{"seq", 4},
                         {"at", "2027-01-15T08:00:00.000Z"},
                         {"type", "attempt_failed"},
                         {"step", "pay"},
                         {"phase", "action"},
                         {"attempt", 2},
                         {"actor", nullptr},
                         {"reason", nullptr},
                         {"data", {{"code", "busy"}, {"due_at", "2027-01-15T08:00:01.000Z"}}}}));
}

TEST(EventView, SaysWhoAndWhy) {
  const Json shown = event({9, Timestamp{0}, "operator_cancelled", R"({"actor":"bob@ops","reason":"asked"})"});
  EXPECT_EQ(shown["actor"], (Json{{"name", "bob@ops"}, {"verified", false}}));
  EXPECT_EQ(shown["reason"], "asked");
  EXPECT_EQ(shown["data"], Json::object());
}

TEST(EventView, ShowsWhatTheRulebookWrites) {
  core::SagaState state = started();
  const auto decision = core::decide(*workflow(), {}, core::StartSaga{state.facts, "ann"}, {state.updated_at, 0, true});
  std::int64_t seq = 0;
  for (const core::Event& e : decision.events) {
    const Json shown =
        event({++seq, e.at, std::string(core::type_name(e.body)), core::encode_event(*workflow(), e.body)});
    if (shown["type"] == "saga_accepted") {
      EXPECT_EQ(shown["actor"]["name"], "ann");
      EXPECT_EQ(shown["data"]["tags"], (Json{{"customer", "c-1"}}));
      EXPECT_EQ(shown["data"]["created_at"], "2027-01-15T08:00:00.000Z");
    }
    if (shown["type"] == "attempt_begun") {
      EXPECT_EQ(shown["step"], "reserve");
      EXPECT_EQ(shown["attempt"], 1);
    }
  }
  EXPECT_GE(seq, 2);
}

TEST(EventView, AFrameIsOneLineOfDataWithItsId) {
  const std::string frame = event_frame({7, Timestamp{0}, "saga_started", "{}"});
  EXPECT_TRUE(frame.starts_with("id: 7\ndata: {"));
  EXPECT_TRUE(frame.ends_with("}\n\n"));
  EXPECT_EQ(std::count(frame.begin(), frame.end(), '\n'), 3);
}

TEST(EventView, ADamagedRecordIsShownAsText) {
  EXPECT_EQ(event({1, Timestamp{0}, "x", "{broken"})["data"], (Json{{"text", "{broken"}}));
}

}  // namespace
}  // namespace saga::api
