// A worker that answers 202 and calls back, against an orchestrator that answers as it is told.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/local_server.h"
#include "tests/support/temp_folder.h"
#include "tests/workers/sdk/calls.h"
#include "workers/sdk/step_server.h"

namespace saga::workers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Answers callbacks with the statuses it was given, the last of them for ever.
class Orchestrator {
 public:
  explicit Orchestrator(std::vector<int> statuses) : statuses_(std::move(statuses)) {
    server_.http().Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      got_.push_back(request.path + " " + request.body);
      response.status = statuses_.front();
      if (statuses_.size() > 1) statuses_.erase(statuses_.begin());
      changed_.notify_all();
    });
    server_.listen();
  }

  [[nodiscard]] std::string url(const std::string& path) const { return server_.url(path); }
  /// The first `count` requests, when they have come.
  std::vector<std::string> await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return got_.size() >= count; });
    return got_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> statuses_;
  std::vector<std::string> got_;
  saga::testing::LocalServer server_;
};

class CallbackTest : public ::testing::Test {
 protected:
  CallbackTest() { serve(); }

  /// A worker that takes every call; over the same database as the one before.
  void serve() {
    server_.reset();
    store_.reset();
    auto opened =
        open_sqlite_store(folder_.path("worker.db"), "CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY)");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    server_ = std::make_unique<StepServer>(*store_);
    server_->action("POST", "/jobs", [](const StepCall& call, Transaction& tx) -> StepAnswer {
      tx.execute("INSERT INTO jobs VALUES (?)", call.key);
      return Taken{};
    });
    ASSERT_TRUE(server_->start());
  }

  void take_job(const std::string& callback_url) {
    httplib::Client client("127.0.0.1", server_->port());
    const auto answer = client.Post(
        "/jobs", {{"Idempotency-Key", "s1/cut/action"}, {"Saga-Callback-Url", callback_url}}, "{}", "application/json");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 202);
    EXPECT_EQ(answer->get_header_value("Saga-Async"), "true");
  }

  bool nothing_waits() {
    auto transaction = store_->begin(std::chrono::steady_clock::now() + std::chrono::seconds(20));
    return transaction && (*transaction)->callbacks(1).empty();
  }

  static StepAnswer cut(Transaction&) { return Done{Json{{"pieces", 2}}}; }

  saga::testing::TempFolder folder_;
  std::unique_ptr<BarrierStore> store_;
  std::unique_ptr<StepServer> server_;
};

TEST_F(CallbackTest, IsSentUntilItIsAnswered) {
  Orchestrator orchestrator({503, 500, 204});
  take_job(orchestrator.url("/v1/callbacks/s1/cut/action/1/x"));
  ASSERT_TRUE(server_->finish("s1/cut", Phase::kAction, cut));
  const std::string sent = R"(/v1/callbacks/s1/cut/action/1/x {"output":{"pieces":2},"status":"succeeded"})";
  EXPECT_THAT(orchestrator.await(3), ElementsAre(sent, sent, sent));
  EXPECT_TRUE(eventually([this] { return nothing_waits(); }));
}

TEST_F(CallbackTest, IsNotRepeatedOnceItComesTooLate) {
  Orchestrator orchestrator({410});
  take_job(orchestrator.url("/late"));
  ASSERT_TRUE(server_->finish("s1/cut", Phase::kAction, [](Transaction&) { return Refused{"blunt", "no edge"}; }));
  EXPECT_THAT(orchestrator.await(1), ElementsAre(HasSubstr(R"("code":"blunt")")));
  EXPECT_TRUE(eventually([this] { return nothing_waits(); }));
}

TEST_F(CallbackTest, IsSentByTheNextProcessWhereTheFirstOneDied) {
  // Nothing listens at the first one: what was finished then waits in the database.
  std::string nobody;
  {
    Orchestrator gone({204});
    nobody = gone.url("/v1/callbacks/s1/cut/action/1/x");
  }
  take_job(nobody);
  ASSERT_TRUE(server_->finish("s1/cut", Phase::kAction, cut));
  EXPECT_FALSE(nothing_waits());
  server_.reset();
  Orchestrator orchestrator({204});
  {
    auto transaction = store_->begin(std::chrono::steady_clock::now() + std::chrono::seconds(20));
    ASSERT_TRUE(transaction);
    (*transaction)->execute("UPDATE saga_callbacks SET url = ?", orchestrator.url("/moved"));
    (*transaction)->commit();
  }
  serve();
  EXPECT_THAT(orchestrator.await(1), ElementsAre(HasSubstr("/moved")));
  EXPECT_TRUE(eventually([this] { return nothing_waits(); }));
}

TEST_F(CallbackTest, AHeartbeatSaysWhetherAnybodyStillWaits) {
  Orchestrator orchestrator({204, 410, 500});
  EXPECT_EQ(server_->heartbeat("s1/cut", Phase::kAction).error().code, ErrorCode::kNotFound);
  take_job(orchestrator.url("/beat"));
  EXPECT_TRUE(server_->heartbeat("s1/cut", Phase::kAction));
  EXPECT_EQ(server_->heartbeat("s1/cut", Phase::kAction).error().code, ErrorCode::kConflict);
  EXPECT_EQ(server_->heartbeat("s1/cut", Phase::kAction).error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(orchestrator.await(3), ElementsAre("/beat/heartbeat ", "/beat/heartbeat ", "/beat/heartbeat "));
}

}  // namespace
}  // namespace saga::workers
