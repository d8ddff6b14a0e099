// The six workers as processes, called as the orchestrator calls them: what each does, undoes and refuses, repeats,
// disorder, and being killed in the middle.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <random>

#include "tests/examples/order-saga/worker_process.h"

namespace order_saga {
namespace {

using saga::Json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> program(const std::string& name) { return {std::string(WORKERS_DIR) + "/" + name}; }

const Json kOrder{{"customer_id", "ann"},       {"sku", "book"},    {"quantity", 2}, {"amount", 1200},
                  {"email", "ann@example.org"}, {"ship_to", "Rome"}};

Json order_with(const std::string& key, const Json& value) {
  Json order = kOrder;
  order[key] = value;
  return order;
}

Json compensation_of(const Json& input, const Json& output) { return {{"action_input", input}, {"output", output}}; }

/// Looks until `holds`, at most half a minute; what it last said.
bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

std::int64_t on_hand(const WorkerProcess& inventory, const std::string& sku) {
  const Json state = inventory.state();
  for (const Json& row : state.at("stock")) {
    if (row.at("sku") == sku) return row.at("on_hand").get<std::int64_t>();
  }
  return -1;
}

TEST(Inventory, ReservingTakesGoodsOnceAndReleasingPutsThemBackOnce) {
  const TempFolder folder;
  const WorkerProcess inventory(program("inventory"), folder.path("i.db"));
  EXPECT_THAT(inventory.ready_line(), StartsWith("inventory ready on http://127.0.0.1:"));
  const Step step{.saga = "o1", .name = "reserve_inventory"};
  const Json input{{"sku", "book"}, {"quantity", 2}};
  for (int i = 0; i < 2; ++i) {
    const Answer reserved = act(inventory, "/reservations", step, input);
    EXPECT_EQ(reserved.status, 200);
    EXPECT_EQ(reserved.body.at("reservation_id"), "r-o1");
    EXPECT_EQ(on_hand(inventory, "book"), 999'998);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(undo_by_delete(inventory, "/reservations/o1", step).status, 204);
    EXPECT_EQ(on_hand(inventory, "book"), 1'000'000);
  }
  EXPECT_EQ(act(inventory, "/reservations", step, input).body.at("code"), "compensated");
  EXPECT_EQ(on_hand(inventory, "book"), 1'000'000);
}

TEST(Inventory, WhatIsNotThereIsRefused) {
  const TempFolder folder;
  const WorkerProcess inventory(program("inventory"), folder.path("i.db"));
  for (const auto& [sku, quantity] : {std::pair{"sold-out", 1}, {"last-one", 2}, {"book", 1'000'001}}) {
    const Answer refused = act(inventory, "/reservations", {.saga = sku, .name = "reserve_inventory"},
                               {{"sku", sku}, {"quantity", quantity}});
    EXPECT_EQ(refused.status, 422) << sku;
    EXPECT_EQ(refused.body.at("code"), "out_of_stock") << sku;
  }
  EXPECT_EQ(
      act(inventory, "/reservations", {.saga = "x", .name = "reserve_inventory"}, {{"sku", "book"}, {"quantity", "2"}})
          .body.at("code"),
      "bad_input");
  EXPECT_EQ(inventory.state().at("reservations").size(), 0U);
}

TEST(Inventory, AReservationThatComesAfterItsReleaseTakesNothing) {
  const TempFolder folder;
  const WorkerProcess inventory(program("inventory"), folder.path("i.db"));
  const Step step{.saga = "o1", .name = "reserve_inventory", .outcome = "unknown"};
  EXPECT_EQ(undo_by_delete(inventory, "/reservations/o1", step).status, 204);
  const Answer late = act(inventory, "/reservations", step, {{"sku", "last-one"}, {"quantity", 1}});
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.body.at("code"), "compensated");
  EXPECT_EQ(on_hand(inventory, "last-one"), 1);
}

TEST(Inventory, OneKeyFromManyThreadsAtOnceTakesGoodsOnce) {
  const TempFolder folder;
  const WorkerProcess inventory(program("inventory"), folder.path("i.db"));
  std::vector<std::future<Answer>> calls;
  for (int i = 0; i < 12; ++i) {
    calls.push_back(std::async(std::launch::async, [&, i] {
      return act(inventory, "/reservations", {.saga = "o1", .name = "reserve_inventory", .attempt = i + 1},
                 {{"sku", "book"}, {"quantity", 1}});
    }));
  }
  for (auto& call : calls) EXPECT_EQ(call.get().status, 200);
  EXPECT_EQ(on_hand(inventory, "book"), 999'999);
}

TEST(Inventory, TheLastOneGoesToOneOfMany) {
  const TempFolder folder;
  const WorkerProcess inventory(program("inventory"), folder.path("i.db"));
  std::vector<std::future<Answer>> calls;
  for (int i = 0; i < 12; ++i) {
    calls.push_back(std::async(std::launch::async, [&, i] {
      return act(inventory, "/reservations", {.saga = "o" + std::to_string(i), .name = "reserve_inventory"},
                 {{"sku", "last-one"}, {"quantity", 1}});
    }));
  }
  int got = 0;
  for (auto& call : calls) got += call.get().status == 200 ? 1 : 0;
  EXPECT_EQ(got, 1);
  EXPECT_EQ(on_hand(inventory, "last-one"), 0);
}

// Whatever instant a kill hits: what was answered holds, what was not is whole or absent, and calling again makes it
// whole.
TEST(Inventory, KilledAtAnyInstantItKeepsWhatItAnsweredAndNoHalves) {
  const TempFolder folder;
  constexpr int kRounds = 8;
  constexpr int kThreads = 4;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::int64_t reserved = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::mutex mutex;
    std::map<std::string, Json> answered;  // Guarded by mutex.
    std::vector<std::string> asked;        // Guarded by mutex.
    std::atomic<int> answers{0};
    {
      WorkerProcess inventory(program("inventory"), folder.path("i.db"));
      std::vector<std::jthread> callers;
      for (int thread = 0; thread < kThreads; ++thread) {
        callers.emplace_back([&, thread] {
          for (int i = 0;; ++i) {
            const std::string saga = std::to_string(round) + "-" + std::to_string(thread) + "-" + std::to_string(i);
            {
              const std::lock_guard lock(mutex);
              asked.push_back(saga);
            }
            const Answer answer =
                act(inventory, "/reservations", {.saga = saga, .name = "r"}, {{"sku", "book"}, {"quantity", 1}});
            if (answer.status == 0) return;
            const std::lock_guard lock(mutex);
            answered[saga] = answer.body;
            ++answers;
          }
        });
      }
      const int enough = std::uniform_int_distribution<int>(1, 60)(random);
      EXPECT_TRUE(eventually([&] { return answers >= enough; }));
      inventory.stop(SIGKILL);
    }
    WorkerProcess inventory(program("inventory"), folder.path("i.db"));
    const std::int64_t after_kill = 1'000'000 - on_hand(inventory, "book") - reserved;
    EXPECT_GE(after_kill, static_cast<std::int64_t>(answered.size()));
    EXPECT_LE(after_kill, static_cast<std::int64_t>(asked.size()));
    for (const std::string& saga : asked) {
      const Answer again = act(inventory, "/reservations", {.saga = saga, .name = "r", .attempt = 2},
                               {{"sku", "book"}, {"quantity", 1}});
      ASSERT_EQ(again.status, 200) << saga;
      if (answered.contains(saga)) {
        EXPECT_EQ(again.body, answered.at(saga)) << saga;
      }
    }
    reserved += static_cast<std::int64_t>(asked.size());
    ASSERT_EQ(1'000'000 - on_hand(inventory, "book"), reserved);
  }
}

const Json kCharge{{"order", "o1"}, {"customer", "ann"}, {"amount", 99.5}};
Json charge_to(const std::string& customer) { return {{"order", "o1"}, {"customer", customer}, {"amount", 99.5}}; }
const Json kRefundByOrder{{"order", "o1"}, {"charge_id", nullptr}};
const Step kPay{.saga = "o1", .name = "process_payment", .outcome = "unknown"};

std::size_t charges(const WorkerProcess& payment) { return payment.state().at("gateway").at("charges").size(); }
std::size_t refunds(const WorkerProcess& payment) { return payment.state().at("gateway").at("refunds").size(); }

TEST(Payment, ChargesOnceAndRefundsOnce) {
  const TempFolder folder;
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  for (int i = 0; i < 2; ++i) {
    const Answer charged = act(payment, "/charges", kPay, kCharge);
    EXPECT_EQ(charged.status, 200);
    EXPECT_EQ(charged.body.at("charge_id"), "ch-o1");
  }
  EXPECT_EQ(charges(payment), 1U);
  EXPECT_EQ(payment.state().at("payments").at(0).at("status"), "charged");
  Step done = kPay;
  done.outcome = "done";
  for (int i = 0; i < 2; ++i) {
    const Answer refunded = undo(payment, "/refunds", done, {{"order", "o1"}, {"charge_id", "ch-o1"}});
    EXPECT_EQ(refunded.body.at("refund_id"), "re-o1");
  }
  EXPECT_EQ(refunds(payment), 1U);
  EXPECT_EQ(payment.state().at("gateway").at("refunds").at(0).at("amount"), 99.5);
  EXPECT_EQ(payment.state().at("payments").at(0).at("status"), "refunded");
  EXPECT_EQ(act(payment, "/charges", kPay, kCharge).body.at("code"), "compensated");
  EXPECT_EQ(charges(payment), 1U);
}

TEST(Payment, ADeclinedCardIsRefusedAndThereIsNothingToRefund) {
  const TempFolder folder;
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  const Answer declined = act(payment, "/charges", kPay, charge_to("cust-declined"));
  EXPECT_EQ(declined.status, 402);
  EXPECT_EQ(declined.body.at("code"), "card_declined");
  EXPECT_EQ(undo(payment, "/refunds", kPay, kRefundByOrder).status, 204);
  EXPECT_EQ(charges(payment), 0U);
}

TEST(Payment, AChargeWhoseAnswerWasLostIsRefundedByItsOrder) {
  const TempFolder folder;
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  Step step = kPay;
  step.timeout_ms = 50;
  const Answer lost = act(payment, "/charges", step, charge_to("cust-timeout"));
  EXPECT_EQ(lost.status, 503);
  EXPECT_EQ(lost.body.at("code"), "gateway_timeout");
  EXPECT_EQ(charges(payment), 1U);
  EXPECT_EQ(undo(payment, "/refunds", kPay, kRefundByOrder).body.at("refund_id"), "re-o1");
  EXPECT_EQ(refunds(payment), 1U);
}

TEST(Payment, WhileAChargeIsAtWorkItsRefundPromisesNothing) {
  const TempFolder folder;
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  auto charging = std::async(std::launch::async, [&] {
    Step step = kPay;
    step.timeout_ms = 3'000;
    return act(payment, "/charges", step, charge_to("cust-timeout"));
  });
  ASSERT_TRUE(eventually([&] { return charges(payment) == 1; }));
  Step hasty = kPay;
  hasty.timeout_ms = 20;
  const Answer early = undo(payment, "/refunds", hasty, kRefundByOrder);
  EXPECT_EQ(early.status, 425);
  EXPECT_EQ(early.body.at("code"), "at_work");
  EXPECT_EQ(refunds(payment), 0U);
  EXPECT_EQ(charging.get().status, 503);
  EXPECT_EQ(undo(payment, "/refunds", kPay, kRefundByOrder).status, 200);
  EXPECT_EQ(refunds(payment), 1U);
}

TEST(Payment, KilledInTheMiddleOfAChargeItStillRefundsIt) {
  const TempFolder folder;
  {
    WorkerProcess payment(program("payment"), folder.path("p.db"));
    auto charging =
        std::async(std::launch::async, [&] { return act(payment, "/charges", kPay, charge_to("cust-timeout")); });
    ASSERT_TRUE(eventually([&] { return charges(payment) == 1; }));
    payment.stop(SIGKILL);
    EXPECT_EQ(charging.get().status, 0);
  }
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  EXPECT_EQ(undo(payment, "/refunds", kPay, kRefundByOrder).body.at("refund_id"), "re-o1");
  EXPECT_EQ(refunds(payment), 1U);
}

TEST(Payment, ARefundThatCannotBeDoneIsDoneOnceTheGatewayIsUp) {
  const TempFolder folder;
  const WorkerProcess payment(program("payment"), folder.path("p.db"));
  EXPECT_EQ(act(payment, "/charges", kPay, charge_to("cust-norefund")).status, 200);
  const Answer down = undo(payment, "/refunds", kPay, kRefundByOrder);
  EXPECT_EQ(down.status, 503);
  EXPECT_EQ(down.body.at("code"), "gateway_down");
  EXPECT_EQ(down.body.at("retryable"), false);
  EXPECT_EQ(payment.client().Post("/admin/gateway", R"({"up":true})", "application/json")->status, 200);
  EXPECT_EQ(undo(payment, "/refunds", kPay, kRefundByOrder).status, 200);
  EXPECT_EQ(refunds(payment), 1U);
}

TEST(Orders, AnOrderIsPlacedAndCancelled) {
  const TempFolder folder;
  const WorkerProcess orders(program("orders"), folder.path("o.db"));
  const Step step{.saga = "o1", .name = "create_order"};
  const Answer placed = act(orders, "/orders", step, kOrder);
  EXPECT_EQ(placed.body, (Json{{"order_id", "o-o1"}}));
  EXPECT_EQ(orders.state().at("orders").at(0).at("status"), "placed");
  EXPECT_EQ(undo(orders, "/orders/cancel", step, compensation_of(kOrder, placed.body)).status, 200);
  EXPECT_EQ(orders.state().at("orders").size(), 1U);
  EXPECT_EQ(orders.state().at("orders").at(0).at("status"), "cancelled");
  EXPECT_EQ(act(orders, "/orders", {.saga = "o2", .name = "create_order"}, Json::object()).body.at("code"),
            "bad_input");
}

TEST(Shipping, ArrangesAndCancelsRefusesAtlantisAndWaitsForTheStorm) {
  const TempFolder folder;
  const WorkerProcess shipping(program("shipping"), folder.path("s.db"));
  const Step step{.saga = "o1", .name = "arrange_shipping"};
  EXPECT_EQ(act(shipping, "/shipments", step, kOrder).body.at("shipment_id"), "s-o1");
  EXPECT_EQ(undo(shipping, "/shipments/cancel", step, compensation_of(kOrder, nullptr)).status, 204);
  EXPECT_EQ(shipping.state().at("shipments").at(0).at("status"), "cancelled");

  const Answer refused =
      act(shipping, "/shipments", {.saga = "o2", .name = "arrange_shipping"}, order_with("ship_to", "atlantis"));
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body.at("code"), "shipping_unavailable");
  for (const int attempt : {1, 2, 3}) {
    const Answer stormy = act(shipping, "/shipments", {.saga = "o3", .name = "arrange_shipping", .attempt = attempt},
                              order_with("ship_to", "stormy-sea"));
    EXPECT_EQ(stormy.status, attempt < 3 ? 503 : 200);
  }
  EXPECT_EQ(shipping.state().at("shipments").size(), 2U);
}

TEST(Notification, SendsOnceAndReportsWhatBounces) {
  const TempFolder folder;
  const WorkerProcess notification(program("notification"), folder.path("n.db"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(act(notification, "/messages", {.saga = "o1", .name = "send_notification"}, kOrder).body.at("sent_to"),
              "ann@example.org");
  }
  const Answer bounced = act(notification, "/messages", {.saga = "o2", .name = "send_notification"},
                             order_with("email", "bounce@example.org"));
  EXPECT_EQ(bounced.body.at("code"), "mailbox_unknown");
  EXPECT_EQ(notification.state().at("messages").size(), 1U);
}

TEST(Loyalty, AwardsOnceToMembers) {
  const TempFolder folder;
  const WorkerProcess loyalty(program("loyalty"), folder.path("l.db"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(act(loyalty, "/points", {.saga = "o1", .name = "award_loyalty_points"}, kOrder).body.at("points"), 120);
  }
  EXPECT_EQ(act(loyalty, "/points", {.saga = "o2", .name = "award_loyalty_points"},
                order_with("customer_id", "cust-noloyalty"))
                .body.at("code"),
            "no_member");
  EXPECT_EQ(loyalty.state().at("points"), (Json::array({{{"customer", "ann"}, {"points", 120}}})));
}

TEST(EveryWorker, StopsOnSigtermWithZeroAndComesBackWithItsState) {
  const TempFolder folder;
  for (const char* name : {"inventory", "payment", "orders", "shipping", "notification", "loyalty"}) {
    Json before;
    {
      WorkerProcess worker(program(name), folder.path(name));
      EXPECT_THAT(worker.ready_line(), StartsWith(std::string(name) + " ready on http://127.0.0.1:"));
      before = worker.state();
      EXPECT_EQ(worker.stop(SIGTERM), 0) << name;
    }
    EXPECT_EQ(WorkerProcess(program(name), folder.path(name)).state(), before) << name;
  }
}

}  // namespace
}  // namespace order_saga
