// The worker behind the examples of step kinds, by itself: what it books, what it cancels, and how its printer calls
// back.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "tests/examples/order-saga/worker_process.h"
#include "tests/support/local_server.h"

namespace order_saga {
namespace {

using saga::Json;

/// What the orchestrator's end of callbacks is: remembers what comes, answers what it is told to.
class Callbacks {
 public:
  explicit Callbacks(int status) : status_(status) {
    server_.http().Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      if (request.path.ends_with("/heartbeat")) {
        ++heartbeats_;
        response.status = 204;
        return;
      }
      came_.push_back(Json::parse(request.body));
      response.status = came_.size() == 1 ? 503 : status_;  // The first is not heard: it must come again.
      changed_.notify_all();
    });
    server_.listen();
  }

  [[nodiscard]] std::string url() const { return server_.url("/callback"); }

  /// The first `count` that came.
  std::vector<Json> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return came_.size() >= count; }));
    return came_;
  }
  [[nodiscard]] int heartbeats() {
    const std::lock_guard lock(mutex_);
    return heartbeats_;
  }

 private:
  const int status_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Json> came_;  ///< Guarded by mutex_, as the one below.
  int heartbeats_ = 0;
  saga::testing::LocalServer server_;
};

Answer print(const WorkerProcess& desk, const Step& step, const std::string& callback, const Json& input) {
  httplib::Headers headers = headers_of(step, "action");
  headers.emplace("Saga-Callback-Url", callback);
  const auto answer = desk.client().Post("/prints", headers, input.dump(), "application/json");
  EXPECT_TRUE(answer);
  if (answer && answer->status == 202) {
    EXPECT_EQ(answer->get_header_value("Saga-Async"), "true");
  }
  return answer_of(answer);
}

TEST(Desk, BooksOnceAndCancels) {
  const TempFolder folder;
  const WorkerProcess desk({DESK}, folder.path("desk.db"));
  const Step hotel{.saga = "t1", .name = "book_hotel"};
  EXPECT_EQ(act(desk, "/bookings", hotel, Json::object()).body, (Json{{"booking", "t1-book_hotel"}}));
  EXPECT_EQ(act(desk, "/bookings", hotel, Json::object()).status, 200);
  EXPECT_EQ(undo(desk, "/bookings/cancel", hotel, Json::object()).status, 204);
  const Json state = desk.state();
  EXPECT_EQ(state.at("bookings"), (Json{{{"saga", "t1"}, {"step", "book_hotel"}, {"status", "cancelled"}}}));
  EXPECT_EQ(state.at("diary").size(), 2U);
}

TEST(Desk, RefusesTheStepThatTheInputNames) {
  const TempFolder folder;
  const WorkerProcess desk({DESK}, folder.path("desk.db"));
  const Json input{{"refuse", "book_flight"}};
  EXPECT_EQ(act(desk, "/bookings", {.saga = "t1", .name = "book_hotel"}, input).status, 200);
  const Answer refused = act(desk, "/bookings", {.saga = "t1", .name = "book_flight"}, input);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body.at("code"), "refused_on_demand");
}

TEST(Desk, PrintsAndCallsBackUntilItIsHeard) {
  const TempFolder folder;
  Callbacks callbacks(204);
  const WorkerProcess desk({DESK}, folder.path("desk.db"));
  EXPECT_EQ(print(desk, {.saga = "b1", .name = "print"}, callbacks.url(), {{"pages", 2}}).status, 202);
  const Json expected{{"status", "succeeded"}, {"output", {{"pages", 2}}}};
  EXPECT_EQ(callbacks.wait(2), (std::vector<Json>{expected, expected}));
  EXPECT_GE(callbacks.heartbeats(), 1);
}

TEST(Desk, AJamIsAFailureAndTheJobIsTakenAnew) {
  const TempFolder folder;
  Callbacks callbacks(204);
  const WorkerProcess desk({DESK}, folder.path("desk.db"));
  const Step step{.saga = "b1", .name = "print"};
  EXPECT_EQ(print(desk, step, callbacks.url(), {{"pages", 1}, {"refuse", "print"}}).status, 202);
  EXPECT_EQ(callbacks.wait(2).at(1).at("error").at("code"), "paper_jam");
  EXPECT_EQ(print(desk, step, callbacks.url(), {{"pages", 1}}).status, 202);
  EXPECT_EQ(callbacks.wait(3).at(2).at("status"), "succeeded");
}

TEST(Desk, AJobOutlivesAKill) {
  const TempFolder folder;
  Callbacks callbacks(204);
  {
    WorkerProcess desk({DESK}, folder.path("desk.db"));
    EXPECT_EQ(print(desk, {.saga = "b1", .name = "print"}, callbacks.url(), {{"pages", 3}}).status, 202);
    EXPECT_EQ(desk.stop(SIGKILL), 128 + SIGKILL);
  }
  const WorkerProcess desk({DESK}, folder.path("desk.db"));
  EXPECT_EQ(callbacks.wait(2).at(1).at("output").at("pages"), 3);
}

TEST(Desk, StopsWhenTold) {
  const TempFolder folder;
  WorkerProcess desk({DESK}, folder.path("desk.db"));
  EXPECT_EQ(desk.stop(SIGTERM), 0);
}

}  // namespace
}  // namespace order_saga
