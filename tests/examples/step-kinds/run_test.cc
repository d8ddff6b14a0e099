// Each example of a step kind run by the real daemon and the real worker, to its end and through a failure; judged by
// what the worker's own diary says was booked and cancelled, and in which order.
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "tests/examples/order-saga/worker_process.h"
#include "tests/support/sagad_process.h"

namespace order_saga {
namespace {

using saga::Json;
using saga::testing::SagadProcess;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::seconds kPatience{60};

class RunExamples : public ::testing::Test {
 protected:
  RunExamples()
      : desk_({DESK}, folder_.path("desk.db")),
        sagad_({"--store", "sqlite:" + folder_.path("saga.db"), "--workflows", EXAMPLES, "--service",
                "desk=http://127.0.0.1:" + std::to_string(desk_.port())}) {}

  void SetUp() override { ASSERT_TRUE(sagad_.ready()) << sagad_.child().stderr_text(); }

  Json call(const std::string& method, const std::string& path, const Json& body = nullptr) {
    httplib::Client http("127.0.0.1", sagad_.port());
    http.set_read_timeout(2 * kPatience);
    const auto answer = method == "GET" ? http.Get(path) : http.Post(path, body.dump(), "application/json");
    EXPECT_TRUE(answer) << path;
    if (!answer) return nullptr;
    EXPECT_LT(answer->status, 300) << path << " " << answer->body;
    return Json::parse(answer->body);
  }

  void start(const std::string& workflow, const std::string& id, const Json& input = Json::object()) {
    call("POST", "/v1/sagas", {{"workflow", workflow}, {"id", id}, {"input", input}});
  }
  Json saga(const std::string& id, const std::string& query = "") { return call("GET", "/v1/sagas/" + id + query); }
  Json ended(const std::string& id) {
    Json shown = saga(id, "?wait=60s");
    EXPECT_FALSE(shown.at("finished_at").is_null()) << shown.dump();
    return shown;
  }
  Json run(const std::string& workflow, const std::string& id, const Json& input = Json::object()) {
    start(workflow, id, input);
    return ended(id);
  }

  static Json step(const Json& saga, const std::string& name) {
    for (const Json& step : saga.at("steps")) {
      if (step.at("name") == name) return step;
    }
    ADD_FAILURE() << "no step " << name << " in " << saga.dump();
    return nullptr;
  }

  /// The step as it is when it waits.
  Json waiting(const std::string& id, const std::string& name) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    Json shown;
    while (std::chrono::steady_clock::now() < until) {
      shown = step(saga(id), name);
      if (shown.is_null() || shown.at("status") == "waiting") return shown;
      std::this_thread::yield();
    }
    ADD_FAILURE() << name << " of " << id << " never waited: " << shown.dump();
    return shown;
  }

  /// What the desk did for a saga, in order: "booked hotel".
  std::vector<std::string> diary(const std::string& id) {
    const Json state = desk_.state();
    std::vector<std::string> lines;
    for (const Json& line : state.at("diary")) {
      if (line.at("saga") == id)
        lines.push_back(line.at("did").get<std::string>() + " " + line.at("step").get<std::string>());
    }
    std::reverse(lines.begin(), lines.end());
    return lines;
  }

  static std::size_t place(const std::vector<std::string>& lines, const std::string& line) {
    const auto found = std::find(lines.begin(), lines.end(), line);
    EXPECT_NE(found, lines.end()) << line << " is not in the diary";
    return static_cast<std::size_t>(found - lines.begin());
  }

  TempFolder folder_;
  WorkerProcess desk_;
  SagadProcess sagad_;
};

const std::vector<std::string> kTripUndone{"booked book_hotel",    "booked book_dinner",    "booked book_flight",
                                           "cancelled book_hotel", "cancelled book_dinner", "cancelled book_flight"};

TEST_F(RunExamples, BranchesRunAtOnce) {
  const Json trip = run("trip", "trip-1");
  EXPECT_EQ(trip.at("status"), "completed");
  EXPECT_EQ(trip.at("output"), (Json{{"hotel", "trip-1-book_hotel"}, {"flight", "trip-1-book_flight"}}));
  const auto lines = diary("trip-1");
  EXPECT_THAT(lines, UnorderedElementsAre("booked book_hotel", "booked book_dinner", "booked book_flight",
                                          "booked send_itinerary"));
  EXPECT_LT(place(lines, "booked book_hotel"), place(lines, "booked book_dinner"));
  EXPECT_EQ(place(lines, "booked send_itinerary"), 3U) << "after both branches";
}

TEST_F(RunExamples, ABranchThatFailsStopsTheOtherAndAllIsUndone) {
  const Json trip = run("trip", "trip-2", {{"refuse", "book_flight"}});
  EXPECT_EQ(trip.at("status"), "compensated");
  EXPECT_EQ(trip.at("error").at("step"), "book_flight");
  // How far the other branch had come is a matter of moments; what was booked there is cancelled, the last first.
  const auto lines = diary("trip-2");
  if (std::count(lines.begin(), lines.end(), "booked book_dinner") != 0) {
    EXPECT_THAT(
        lines, ElementsAre("booked book_hotel", "booked book_dinner", "cancelled book_dinner", "cancelled book_hotel"));
  } else {
    EXPECT_THAT(lines, ElementsAre("booked book_hotel", "cancelled book_hotel"));
  }
}

TEST_F(RunExamples, AfterTheGroupItsBranchesAreUndoneEachInItsOrder) {
  const Json trip = run("trip", "trip-3", {{"refuse", "send_itinerary"}});
  EXPECT_EQ(trip.at("status"), "compensated");
  const auto lines = diary("trip-3");
  EXPECT_THAT(lines, ::testing::UnorderedElementsAreArray(kTripUndone));
  EXPECT_LT(place(lines, "cancelled book_dinner"), place(lines, "cancelled book_hotel"));
}

TEST_F(RunExamples, AWaitPasses) {
  start("cooling-off", "seat-1");
  EXPECT_TRUE(waiting("seat-1", "think_it_over").contains("due_at"));
  EXPECT_THAT(diary("seat-1"), ElementsAre("booked hold_seat"));
  EXPECT_EQ(ended("seat-1").at("status"), "completed");
  EXPECT_THAT(diary("seat-1"), ElementsAre("booked hold_seat", "booked issue_ticket"));
}

TEST_F(RunExamples, AWaitIsCancelled) {
  start("cooling-off", "seat-2");
  waiting("seat-2", "think_it_over");
  call("POST", "/v1/sagas/seat-2/cancel", {{"reason", "changed my mind"}});
  EXPECT_EQ(ended("seat-2").at("status"), "compensated");
  EXPECT_THAT(diary("seat-2"), ElementsAre("booked hold_seat", "cancelled hold_seat"));
}

TEST_F(RunExamples, ASignalLetsItGoOn) {
  start("expense", "expense-1");
  waiting("expense-1", "approval");
  EXPECT_THAT(diary("expense-1"), ElementsAre("booked set_aside"));
  call("POST", "/v1/sagas/expense-1/signals/approved", {{"payload", {{"by", "ann"}}}});
  const Json expense = ended("expense-1");
  EXPECT_EQ(expense.at("status"), "completed");
  EXPECT_EQ(expense.at("output"), (Json{{"approved_by", "ann"}}));
  EXPECT_THAT(diary("expense-1"), ElementsAre("booked set_aside", "booked pay_out"));
}

TEST_F(RunExamples, WhatFollowsASignalFails) {
  start("expense", "expense-2", {{"refuse", "pay_out"}});
  call("POST", "/v1/sagas/expense-2/signals/approved", {{"payload", {{"by", "ann"}}}});
  EXPECT_EQ(ended("expense-2").at("status"), "compensated");
  EXPECT_THAT(diary("expense-2"), ElementsAre("booked set_aside", "cancelled set_aside"));
}

TEST_F(RunExamples, AChildSagaIsAStep) {
  const Json holiday = run("holiday", "holiday-1");
  EXPECT_EQ(holiday.at("status"), "completed");
  EXPECT_EQ(holiday.at("output").at("flight"), "holiday-1~travel-book_flight");
  EXPECT_EQ(step(holiday, "travel").at("child"), "holiday-1~travel");
  EXPECT_THAT(diary("holiday-1"), ElementsAre("booked insure", "booked charge"));
  EXPECT_EQ(diary("holiday-1~travel").size(), 4U);
  EXPECT_EQ(saga("holiday-1~travel").at("status"), "completed");
}

TEST_F(RunExamples, ACompletedChildIsUndoneWithItsParent) {
  EXPECT_EQ(run("holiday", "holiday-2", {{"refuse", "charge"}}).at("status"), "compensated");
  EXPECT_EQ(saga("holiday-2~travel").at("status"), "compensated");
  EXPECT_THAT(diary("holiday-2"), ElementsAre("booked insure", "cancelled insure"));
  std::vector<std::string> expected = kTripUndone;
  expected.emplace_back("booked send_itinerary");  // It has nothing to undo.
  EXPECT_THAT(diary("holiday-2~travel"), ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(RunExamples, AChildThatFailsIsUndoneByItself) {
  const Json holiday = run("holiday", "holiday-3", {{"refuse", "book_flight"}});
  EXPECT_EQ(holiday.at("status"), "compensated");
  EXPECT_EQ(holiday.at("error").at("code"), "child_failed");
  EXPECT_EQ(saga("holiday-3~travel").at("status"), "compensated");
  EXPECT_THAT(diary("holiday-3"), ElementsAre("booked insure", "cancelled insure"));
  int open = 0;
  for (const std::string& line : diary("holiday-3~travel")) open += line.starts_with("booked") ? 1 : -1;
  EXPECT_EQ(open, 0) << "as much cancelled as booked";
}

TEST_F(RunExamples, ALongStepCallsBack) {
  start("brochure", "brochure-1", {{"pages", 5}});
  waiting("brochure-1", "print");
  const Json brochure = ended("brochure-1");
  EXPECT_EQ(brochure.at("status"), "completed");
  EXPECT_EQ(brochure.at("output"), (Json{{"pages", 5}}));
  EXPECT_THAT(diary("brochure-1"), ElementsAre("booked reserve_paper", "taken print", "booked mail"));
  EXPECT_EQ(desk_.state().at("prints"),
            (Json{{{"key", "brochure-1/print"}, {"status", "printed"}, {"printed", 5}, {"pages", 5}}}));
}

TEST_F(RunExamples, ALongStepCallsBackThatItFailed) {
  const Json brochure = run("brochure", "brochure-2", {{"refuse", "print"}, {"pages", 1}});
  EXPECT_EQ(brochure.at("status"), "compensated");
  EXPECT_EQ(brochure.at("error").at("code"), "paper_jam");
  EXPECT_THAT(diary("brochure-2"), ElementsAre("booked reserve_paper", "taken print", "cancelled reserve_paper"));
}

TEST_F(RunExamples, ALongStepIsUndoneLikeAnyOther) {
  EXPECT_EQ(run("brochure", "brochure-3", {{"refuse", "mail"}, {"pages", 1}}).at("status"), "compensated");
  EXPECT_THAT(diary("brochure-3"),
              ElementsAre("booked reserve_paper", "taken print", "cancelled print", "cancelled reserve_paper"));
  EXPECT_EQ(desk_.state().at("prints").at(0).at("status"), "cancelled");
}

TEST_F(RunExamples, ALongStepIsCancelledWhileItGoesOn) {
  start("brochure", "brochure-4", {{"pages", 100'000}});
  waiting("brochure-4", "print");
  call("POST", "/v1/sagas/brochure-4/cancel", {{"reason", "too long"}});
  EXPECT_EQ(ended("brochure-4").at("status"), "compensated");
  EXPECT_THAT(diary("brochure-4"),
              ElementsAre("booked reserve_paper", "taken print", "cancelled print", "cancelled reserve_paper"));
}

}  // namespace
}  // namespace order_saga
