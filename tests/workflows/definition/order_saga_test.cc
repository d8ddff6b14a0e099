// The definition that the guide begins with, read whole: every value it sets and every default it leaves.
#include <gmock/gmock.h>

#include <string>

#include "tests/workflows/loading.h"

namespace saga::workflows {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kOrderSaga = R"yaml(
name: order-saga            # [a-z0-9][a-z0-9_-]*, at most 64
version: 1                  # whole number >= 1; a registered version never changes
description: Place an order across six services
deadline: 10m               # from acceptance (or start_at); past it the saga compensates. Default: none
input_schema:               # JSON Schema draft 7, local $ref; an input that does not fit is refused at the start
  type: object
  required: [customer_id, sku, quantity, amount]
defaults:                   # for every step that does not say its own; merged key by key. Shown: the built-in values
  timeout: 5s               # of one attempt, connecting included
  retry: { max_attempts: 10, initial_interval: 200ms, multiplier: 2.0, max_interval: 30s, jitter: 0.2 }
  compensation_retry: { max_attempts: 100, initial_interval: 500ms, multiplier: 2.0, max_interval: 5m, jitter: 0.2 }
steps:
  - name: reserve_inventory          # [a-z][a-z0-9_]*, at most 48: an expression reads it without quoting
    service: inventory               # a logical name (section 6), or `url: http://host:port` in its place
    action: /reservations            # short for { method: POST, path: /reservations }
    compensation: { method: DELETE, path: "/reservations/${ saga.id }", accept: [404] }   # 404: nothing there, so it is undone
    input: { sku: "${ input.sku }", quantity: "${ input.quantity }" }
  - name: process_payment
    service: payment
    action: { method: POST, path: /charges, headers: { X-Currency: EUR } }
    compensation: { path: /refunds, input: { order: "${ saga.id }", charge_id: "${ output.charge_id }" } }  # null after a timeout
    timeout: 2s
    retry: { max_attempts: 3, non_retryable: [card_declined, 402] }
    input: { order: "${ saga.id }", customer: "${ input.customer_id }", amount: "${ input.amount }" }
  - name: create_order
    service: orders
    action: /orders
    compensation: /orders/cancel
  - name: arrange_shipping
    service: shipping
    action: /shipments
    compensation: /shipments/cancel
    pivot: true                      # once it is done, the saga only goes forward
  - name: send_notification
    service: notification
    action: /messages
    on_failure: continue             # best effort: its failure is recorded and does not stop the saga
  - name: award_loyalty_points
    service: loyalty
    action: /points
    on_failure: continue
    when: "${ input.amount >= 1000 }"   # false: the step is skipped
output: { order_id: "${ steps.create_order.output.order_id }" }
)yaml";

/// A saga whose first steps have given what its last ones read.
class OrderScope final : public Scope {
 public:
  [[nodiscard]] const Json* input() const override { return &input_; }
  [[nodiscard]] StepFacts step(std::size_t index) const override {
    return {"completed", index == 2 ? &order_ : nullptr};
  }
  [[nodiscard]] Json saga(std::string_view name) const override { return name == "id" ? Json("order-42") : Json(); }
  [[nodiscard]] const Json* output() const override { return &charge_; }

 private:
  Json input_{{"customer_id", "c-1"}, {"sku", "a/b"}, {"quantity", 2}, {"amount", 1000}};
  Json order_{{"order_id", "o-7"}};
  Json charge_{{"charge_id", 99}};
};

/// The call as text: method, path, accepted statuses.
std::string shown(const Call& call) {
  std::string text = call.method + " " + call.path.source();
  for (const int status : call.accept) text += " " + std::to_string(status);
  return text;
}

class OrderSaga : public testing::Test {
 protected:
  void SetUp() override {
    workflow_ = load_one(kOrderSaga);
    ASSERT_TRUE(workflow_);
    ASSERT_EQ(workflow_->steps.size(), 6U);
  }

  [[nodiscard]] const Step& step(std::size_t index) const { return workflow_->steps[index]; }

  WorkflowRef workflow_;
  OrderScope scope_;
};

TEST_F(OrderSaga, HeadIsRead) {
  EXPECT_EQ(workflow_->name, "order-saga");
  EXPECT_EQ(workflow_->version, 1);
  EXPECT_EQ(workflow_->description, "Place an order across six services");
  EXPECT_EQ(workflow_->deadline, Millis{600'000});
  EXPECT_TRUE(workflow_->input_schema.has_value());
  EXPECT_EQ(workflow_->on_compensation_failure, OnCompensationFailure::kContinue);
  EXPECT_EQ(workflow_->pivot, 3U);
  EXPECT_EQ(workflow_->source, kOrderSaga);
}

TEST_F(OrderSaga, DefinitionIsTheDocumentAsParsed) {
  const Json& definition = workflow_->definition;
  EXPECT_EQ(definition["input_schema"],
            (Json{{"type", "object"}, {"required", {"customer_id", "sku", "quantity", "amount"}}}));
  EXPECT_EQ(definition["steps"].size(), 6U);
  EXPECT_EQ(definition["steps"][1]["retry"], (Json{{"max_attempts", 3}, {"non_retryable", {"card_declined", 402}}}));
  EXPECT_EQ(definition["defaults"]["compensation_retry"]["max_interval"], "5m");
}

TEST_F(OrderSaga, StepsGoWhereTheySay) {
  std::vector<std::string> lines;
  for (const Step& step : workflow_->steps) {
    lines.push_back(step.name + " @ " + step.service + ": " + shown(step.action) +
                    (step.compensation ? " | " + shown(*step.compensation) : ""));
    EXPECT_EQ(step.kind, StepKind::kCall);
    EXPECT_EQ(step.url, "");
    EXPECT_EQ(step.total_timeout, std::nullopt);
    EXPECT_FALSE(step.error_code.has_value());
  }
  EXPECT_THAT(
      lines,
      ElementsAre("reserve_inventory @ inventory: POST /reservations | DELETE /reservations/${ saga.id } 404",
                  "process_payment @ payment: POST /charges | POST /refunds",
                  "create_order @ orders: POST /orders | POST /orders/cancel",
                  "arrange_shipping @ shipping: POST /shipments | POST /shipments/cancel",
                  "send_notification @ notification: POST /messages", "award_loyalty_points @ loyalty: POST /points"));
}

TEST_F(OrderSaga, OneStepIsThePivotAndTwoMayFail) {
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(step(i).pivot, i == 3);
    EXPECT_EQ(step(i).on_failure, i < 4 ? OnFailure::kCompensate : OnFailure::kContinue);
    EXPECT_EQ(step(i).when.has_value(), i == 5);
  }
  EXPECT_EQ(step(5).when->evaluate(scope_), Json(true));
}

TEST_F(OrderSaga, RetriesAreTheStepsOwnOverTheDefaults) {
  const RetryPolicy defaults{10, Millis{200}, 2.0, Millis{30'000}, 0.2, {}};
  const RetryPolicy payment{3, Millis{200}, 2.0, Millis{30'000}, 0.2, {"card_declined", "402"}};
  const RetryPolicy undoing{100, Millis{500}, 2.0, Millis{300'000}, 0.2, {}};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(step(i).retry, i == 1 ? payment : defaults) << i;
    EXPECT_EQ(step(i).has_own_retry, i == 1) << i;
    EXPECT_EQ(step(i).compensation_retry, undoing) << i;
    EXPECT_EQ(step(i).timeout, Millis{i == 1 ? 2'000 : 5'000}) << i;
  }
}

TEST_F(OrderSaga, ExpressionsGiveWhatTheSagaHolds) {
  EXPECT_EQ(step(0).action.input->evaluate(scope_), (Json{{"sku", "a/b"}, {"quantity", 2}}));
  EXPECT_EQ(step(0).compensation->path.evaluate_text(scope_, Template::Use::kPath), "/reservations/order-42");
  EXPECT_FALSE(step(0).compensation->input.has_value());
  EXPECT_EQ(step(1).action.input->evaluate(scope_),
            (Json{{"order", "order-42"}, {"customer", "c-1"}, {"amount", 1000}}));
  ASSERT_EQ(step(1).action.headers.size(), 1U);
  EXPECT_EQ(step(1).action.headers[0].first, "X-Currency");
  EXPECT_EQ(step(1).action.headers[0].second.evaluate_text(scope_, Template::Use::kHeader), "EUR");
  EXPECT_EQ(step(1).compensation->input->evaluate(scope_), (Json{{"order", "order-42"}, {"charge_id", 99}}));
  EXPECT_FALSE(step(2).action.input.has_value());
  EXPECT_THAT(step(2).action.headers, IsEmpty());
  EXPECT_EQ(workflow_->output->evaluate(scope_), (Json{{"order_id", "o-7"}}));
}

TEST_F(OrderSaga, JsonOfTheSameContentIsTheSameWorkflow) {
  const WorkflowRef json = load_one(dump_json(workflow_->definition));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->definition, workflow_->definition);
  EXPECT_EQ(json->steps[1].retry, workflow_->steps[1].retry);
  EXPECT_EQ(json->source, dump_json(workflow_->definition));
}

}  // namespace
}  // namespace saga::workflows
