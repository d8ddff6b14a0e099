// The real daemon, killed with -9 at the moment a start is acknowledged, again and again, while others start.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>

#include "base/json.h"
#include "tests/e2e/ledger_worker.h"
#include "tests/support/sagad_process.h"

namespace saga::testing {
namespace {

constexpr int kRounds = 200;
constexpr int kClients = 6;
constexpr int kBatch = 7;  ///< Sagas that the first client starts at once.

constexpr const char* kWorkflow = R"(
name: trip
version: 1
defaults:
  retry: { max_attempts: 10, initial_interval: 20ms }
  compensation_retry: { max_attempts: 100, initial_interval: 20ms }
steps:
  - { name: hotel, service: trips, action: /hotel, compensation: /hotel/cancel }
  - { name: flight, service: trips, action: /flight, compensation: /flight/cancel }
  - { name: car, service: trips, action: /car, compensation: /car/cancel }
)";

/// Where the daemon is now; clients wait here while it is being started again.
class Address {
 public:
  void set(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    port_ = port;
    changed_.notify_all();
  }
  std::uint16_t wait(const std::atomic<bool>& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return port_ != 0 || stop; });
    return port_;
  }
  void wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint16_t port_ = 0;  ///< 0: it is down. Guarded by mutex_.
};

class KillTest : public ::testing::Test {
 protected:
  std::unique_ptr<SagadProcess> start_sagad() {
    auto sagad = std::make_unique<SagadProcess>(std::vector<std::string>{
        "--store", "sqlite:" + folder_.path("saga.db"), "--workflows", folder_.path("workflows"), "--service",
        "trips=" + worker_.url(), "--log-level", "error"});
    EXPECT_TRUE(sagad->ready()) << sagad->child().stderr_text();
    return sagad;
  }

  void SetUp() override {
    std::filesystem::create_directory(folder_.path("workflows"));
    folder_.write("workflows/trip.yaml", kWorkflow);
  }

  /// Starts sagas until told to stop, each until it is acknowledged; the first client in batches. Every fifth one will
  /// have to be undone.
  void client(int number) {
    const bool in_batches = number == 0;
    for (int i = 0; !stop_;) {
      std::vector<std::string> ids;
      std::string body;
      for (int n = 0; n < (in_batches ? kBatch : 1); ++n, ++i) {
        ids.push_back(fmt::format("{}-{}-{}", i % 5 == 0 ? "undo" : "do", number, i));
        body +=
            fmt::format(R"({}{{"workflow":"trip","id":"{}","input":{{"n":{}}}}})", n == 0 ? "" : ",", ids.back(), i);
      }
      if (in_batches) body = R"({"sagas":[)" + body + "]}";
      while (!stop_) {
        const std::uint16_t port = address_.wait(stop_);
        if (port == 0) break;
        httplib::Client http("127.0.0.1", port);
        http.set_read_timeout(30);
        const auto answer = http.Post(in_batches ? "/v1/sagas/batch" : "/v1/sagas", body, "application/json");
        if (!answer) continue;  // It was killed: nobody knows; the same start again.
        if (answer->status != 200 && answer->status != 201) {
          ADD_FAILURE() << answer->status << " " << answer->body;
          stop_ = true;
          break;
        }
        if (in_batches) {
          const int started = Json::parse(answer->body)["started"];
          EXPECT_TRUE(started == 0 || started == kBatch) << "a kill left a part of a batch: " << answer->body;
        }
        for (const std::string& id : ids) acknowledged(id);
        break;
      }
    }
  }

  void acknowledged(const std::string& id) {
    const std::lock_guard lock(mutex_);
    accepted_.insert(id);
    if (--until_kill_ == 0 && victim_ != nullptr) {
      address_.set(0);
      victim_->child().kill(SIGKILL);
      killed_.notify_all();
    }
  }

  TempFolder folder_;
  LedgerWorker worker_{"car"};
  Address address_;
  std::atomic<bool> stop_{false};

  std::mutex mutex_;
  std::condition_variable killed_;
  std::set<std::string> accepted_;  ///< Guarded by mutex_, as the two below.
  int until_kill_ = 0;
  SagadProcess* victim_ = nullptr;
};

TEST_F(KillTest, NothingAcknowledgedIsLostAndEverySagaEndsAsItShould) {
  std::unique_ptr<SagadProcess> sagad = start_sagad();
  address_.set(sagad->port());
  std::vector<std::jthread> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back([this, i] { client(i); });

  std::set<std::string> checked;
  for (int round = 0; round < kRounds; ++round) {
    {
      std::unique_lock lock(mutex_);
      victim_ = sagad.get();
      until_kill_ = 1 + (round * 7) % 20;  // From the very first acknowledgement on.
      killed_.wait(lock, [this] { return until_kill_ <= 0 || stop_; });
      victim_ = nullptr;
    }
    ASSERT_FALSE(stop_);
    ASSERT_EQ(sagad->child().wait(), 128 + SIGKILL);
    sagad = start_sagad();
    ASSERT_FALSE(HasFailure());
    httplib::Client http("127.0.0.1", sagad->port());
    http.set_keep_alive(true);
    std::set<std::string> accepted;
    {
      const std::lock_guard lock(mutex_);
      accepted = accepted_;
    }
    for (const std::string& id : accepted) {
      if (!checked.insert(id).second) continue;
      const auto answer = http.Get("/v1/sagas/" + id);
      ASSERT_TRUE(answer) << id;
      ASSERT_EQ(answer->status, 200) << "acknowledged and lost: " << id;
    }
    address_.set(sagad->port());
  }
  stop_ = true;
  address_.wake();
  clients.clear();

  httplib::Client http("127.0.0.1", sagad->port());
  http.set_keep_alive(true);
  http.set_read_timeout(70);
  int undone = 0;
  for (const std::string& id : accepted_) {
    const auto answer = http.Get("/v1/sagas/" + id + "?wait=60s");
    ASSERT_TRUE(answer) << id;
    const Json saga = *parse_json(answer->body);
    const bool undo = id.starts_with("undo-");
    undone += undo ? 1 : 0;
    EXPECT_EQ(saga.at("status"), undo ? "compensated" : "completed") << answer->body;
  }
  const std::vector<LedgerEntry> ledger = worker_.entries();
  EXPECT_THAT(broken_promises(ledger, {"hotel", "flight", "car"}), ::testing::IsEmpty());
  EXPECT_GT(undone, 0);
  std::printf("%d kills, %zu sagas accepted, %d of them undone, %zu calls seen by the worker\n", kRounds,
              accepted_.size(), undone, ledger.size());
}

}  // namespace
}  // namespace saga::testing
