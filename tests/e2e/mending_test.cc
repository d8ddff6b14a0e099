// For each way a saga can stop: it stops there, `sagactl inspect` says why and what can be done, a command pasted from
// that page mends it, it ends well, and the worker's own ledger agrees. With the real `sagad` and `sagactl`.
#include <sqlite3.h>

#include "tests/e2e/mending.h"

namespace saga::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Failed: a compensation could not be done.

class Failed : public Mending {
 protected:
  void SetUp() override {
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    shop_.break_down("/charge/undo", {503, "gateway_down"});
    begin("order", "o1");
    page_ = inspect("o1", "Not undone   charge: 503 gateway_down");
    EXPECT_THAT(page_.text, HasSubstr("Turned back  ship: 422 no_carrier"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(Failed, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo", "/charge/undo"));
}

TEST_F(Failed, IsMendedBySkip) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

TEST_F(Failed, IsEndedByTerminate) {
  take(page_, "sagactl terminate o1 --reason TEXT");
  expect_end("o1", "terminated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

// Suspended because a compensation failed.

class StoppedUndoing : public Mending {
 protected:
  void SetUp() override {
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    shop_.break_down("/charge/undo", {503, "gateway_down"});
    begin("stops-undoing", "o1");
    page_ = inspect("o1", "a compensation failed, and the definition says to stop there");
    EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(StoppedUndoing, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/charge/undo", "/reserve/undo"));
}

TEST_F(StoppedUndoing, IsMendedBySkip) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/reserve/undo"));
}

// Suspended because a step failed, and the definition says so.

class StoppedAtAStep : public Mending {
 protected:
  void SetUp() override {
    start_sagad();
    shop_.break_down("/charge", {402, "card_declined"});
    begin("stops-at-charge", "o1");
    page_ = inspect("o1", "a step failed, and the definition says to stop there");
    EXPECT_THAT(page_.text, HasSubstr("charge: 402 card_declined"));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(StoppedAtAStep, IsMendedByRetry) {
  take(page_, "sagactl retry o1");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedBySkippingItAsDone) {
  take(page_, "sagactl skip o1 --step charge --output '{}' --reason TEXT");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedByLeavingItOut) {
  take(page_, "sagactl skip o1 --step charge --reason TEXT");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(StoppedAtAStep, IsMendedByCancel) {
  take(page_, "sagactl cancel o1 --reason TEXT");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

// Nobody knows whether the pivot happened.

class PivotUnknown : public Mending {
 protected:
  /// `happens`: what nobody knows.
  Inspection stop(const std::string& workflow, bool happens) {
    start_sagad();
    shop_.break_down("/pay", {500, "bank_hung_up", happens});
    shop_.break_down("/pay/undo", {503, "bank_closed"});
    begin(workflow, "t1");
    Inspection page = inspect("t1", "nobody knows whether the pivot happened");
    shop_.mend();
    return page;
  }
};

TEST_F(PivotUnknown, IsMendedByRetryWhenItHappened) {
  take(stop("transfer", true), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedByRetryWhenItDidNot) {
  take(stop("transfer", false), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedBySayingThatItHappened) {
  take(stop("transfer", true), "sagactl skip t1 --step pay --output '{}' --reason TEXT");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PivotUnknown, IsMendedBySayingThatItDidNot) {
  const Inspection page = stop("transfer", false);
  EXPECT_THAT(page.commands, Not(Contains("sagactl skip t1 --step pay --reason TEXT")));  // It cannot be left out.
  take(page, "sagactl cancel t1 --reason TEXT");
  expect_end("t1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

TEST_F(PivotUnknown, WhoseOwnCompensationFailedIsMendedByRetry) {
  take(stop("revocable-transfer", false), "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

// Past the pivot nothing leads back.

class PastThePivot : public Mending {
 protected:
  void SetUp() override {
    start_sagad();
    shop_.break_down("/ship", {422, "no_carrier"});
    begin("transfer", "t1");
    page_ = inspect("t1", "ship: 422 no_carrier");
    EXPECT_THAT(page_.text, HasSubstr("no way leads back"));
    EXPECT_THAT(verbs_of(page_), Not(Contains("cancel")));
    shop_.mend();
  }
  Inspection page_;
};

TEST_F(PastThePivot, IsMendedByRetry) {
  take(page_, "sagactl retry t1");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay", "/ship"));
}

TEST_F(PastThePivot, IsMendedBySkip) {
  take(page_, "sagactl skip t1 --step ship --reason TEXT");
  expect_end("t1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/pay"));
}

// Signals and operators.

TEST_F(Mending, ASignalThatNobodySendsIsSentByHand) {
  start_sagad();
  begin("loan", "l1");
  take(inspect("l1", "approval awaits the signal 'approved'"), "sagactl signal l1 approved --payload JSON");
  expect_end("l1", "completed");
  EXPECT_EQ(saga("l1")["steps"][1]["output"], (Json{{"by", "ann"}}));
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

TEST_F(Mending, WhatAnOperatorSuspendedIsResumed) {
  start_sagad();
  begin("loan", "l1");
  take(inspect("l1", "approval awaits the signal 'approved'"), "sagactl suspend l1");
  const Inspection suspended = inspect("l1", "Suspended    by ann");
  take(suspended, "sagactl signal l1 approved --payload JSON");  // It is kept until then.
  EXPECT_EQ(saga("l1").value("status", ""), "suspended");
  take(suspended, "sagactl resume l1");
  expect_end("l1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/ship"));
}

// What a saga waits for without an end.

TEST_F(Mending, AServiceWithoutAnInstanceIsGivenOne) {
  start_sagad({});
  begin("order", "o1");
  const Inspection page = inspect("o1", "reserve goes on by itself once shop has an instance");
  EXPECT_THAT(page.text, HasSubstr("needs attention"));
  stop_sagad();
  start_sagad();
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/charge", "/ship"));
}

TEST_F(Mending, ACompensationThatFailedTenTimesIsRetriedNow) {
  start_sagad();
  shop_.break_down("/ship", {422, "no_carrier"});
  shop_.break_down("/reserve/undo", {503, "gateway_down", false, 3600, 10});
  begin("patient", "o1");
  const Inspection page = inspect("o1", R"(reserve, compensation: gateway_down "answered 503", 10 attempts)");
  EXPECT_THAT(page.text, HasSubstr("needs attention"));
  shop_.mend();
  take(page, "sagactl retry o1");
  expect_end("o1", "compensated");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve/undo"));
}

class OpenBreaker : public Mending {
 protected:
  /// The config with a breaker that opens after three faults.
  std::vector<std::string> breaker_open_for(const std::string& duration) {
    return {"--config", folder_.write("sagad.yaml",
                                      fmt::format("services: {{ shop: {{ urls: [{0}], breaker: {{ consecutive_faults: "
                                                  "3, open_for: {1}, max_open_for: {1} }} }} }}\n",
                                                  shop_.url(), duration))};
  }
};

TEST_F(OpenBreaker, ClosesByItselfOnceTheWorkerIsMended) {
  start_sagad(breaker_open_for("1s"));
  shop_.break_down("/reserve", {503, "gateway_down"});
  begin("stubborn", "o1");
  const Inspection page = inspect("o1", "needs attention");
  shop_.mend();
  take(page, "sagactl wait o1");
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve"));
}

TEST_F(OpenBreaker, IsClosedByARestart) {
  start_sagad(breaker_open_for("1h"));
  shop_.break_down("/reserve", {503, "gateway_down"});
  begin("stubborn", "o1");
  const Inspection page = inspect("o1", "needs attention");
  EXPECT_THAT(page.text, HasSubstr("breaker"));
  shop_.mend();
  take(page, "sagactl retry o1");  // Accepted, though the breaker holds the call back still.
  EXPECT_THAT(inspect("o1", "needs attention").text, HasSubstr("breaker"));
  EXPECT_THAT(shop_.effects(), IsEmpty());
  stop_sagad();
  start_sagad(breaker_open_for("1h"));
  expect_end("o1", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve"));
}

// Children.

TEST_F(Mending, ASuspendedChildIsMendedWhereItsParentPointsTo) {
  start_sagad();
  shop_.break_down("/charge", {402, "card_declined"});
  begin("kit", "k1");
  const Inspection parent = inspect("k1", "the child saga of kitting, which waits for an operator");
  EXPECT_THAT(parent.text, HasSubstr("needs attention"));
  shop_.mend();
  take(parent, "sagactl inspect k1~kitting");
  const Inspection child = inspect("k1~kitting", "charge: 402 card_declined");
  EXPECT_THAT(child.commands, Contains("sagactl inspect k1"));
  take(child, "sagactl retry k1~kitting");
  expect_end("k1", "completed");
  expect_end("k1~kitting", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve", "/charge", "/ship", "/label"));
}

TEST_F(Mending, AFailedChildIsMendedWhereItsParentPointsTo) {
  start_sagad();
  shop_.break_down("/ship", {422, "no_carrier"});
  shop_.break_down("/charge/undo", {503, "gateway_down"});
  begin("bundle", "b1");
  const Inspection parent = inspect("b1", "FAILED");  // Before, it proposes to wait.
  EXPECT_THAT(parent.text, HasSubstr("Not undone   ordering"));
  shop_.mend();
  take(parent, "sagactl inspect b1~ordering");
  const Inspection child = inspect("b1~ordering", "Not undone   charge: 503 gateway_down");
  take(child, "sagactl retry b1~ordering");
  expect_end("b1~ordering", "compensated");
  take(parent, "sagactl retry b1");
  expect_end("b1", "compensated");
  EXPECT_THAT(shop_.effects(),
              ElementsAre("/reserve", "/reserve", "/charge", "/reserve/undo", "/reserve/undo", "/charge/undo"));
}

// A record that does not replay.

TEST_F(Mending, ACorruptSagaIsTerminatedAndTheOthersGoOn) {
  start_sagad();
  begin("loan", "l1");
  begin("loan", "l2");
  inspect("l1", "approval awaits the signal");
  inspect("l2", "approval awaits the signal");
  stop_sagad();
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.path("saga.db").c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "UPDATE journal SET events = '[[1' WHERE n = (SELECT MIN(n) FROM journal WHERE seq > 1 AND "
                         "saga = (SELECT key FROM sagas WHERE id = 'l1'))",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_changes(database), 1);
  sqlite3_close(database);
  start_sagad();
  const Inspection page = inspect("l1", "corrupt");
  EXPECT_THAT(page.commands, ElementsAre("sagactl terminate l1 --reason TEXT"));
  take(page, "sagactl terminate l1 --reason TEXT");
  expect_end("l1", "terminated");
  take(inspect("l2", "approval awaits the signal"), "sagactl signal l2 approved --payload JSON");
  expect_end("l2", "completed");
  EXPECT_THAT(shop_.effects(), ElementsAre("/reserve", "/reserve", "/ship"));
}

}  // namespace
}  // namespace saga::testing
