// The real sagad and clients that come in thousands, are slow, or are gone before they have their answer.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "tests/faults/client.h"
#include "tests/faults/gated_worker.h"
#include "tests/support/http_socket.h"

namespace saga::faults {
namespace {

using ::testing::HasSubstr;
using testing::HttpSocket;
using testing::SagadProcess;
using testing::TempFolder;

constexpr const char* kWorkflow = R"(
name: order
version: 1
defaults: { timeout: 10m }
steps:
  - { name: pay, service: payment, action: /pay, compensation: /refund }
)";

std::string request(const std::string& method, const std::string& target, const std::string& body = "") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}", method, target, body.size(), body);
}

std::string start_of(const std::string& id) { return fmt::format(R"({{"workflow":"order","id":"{}"}})", id); }

class BadClients : public ::testing::Test {
 protected:
  void SetUp() override {
    sagad_ = std::make_unique<SagadProcess>(
        std::vector<std::string>{"--store", "memory", "--workflows", folder_.write("order.yaml", kWorkflow),
                                 "--service", "payment=" + worker_.url(), "--log-level", "error"});
    ASSERT_TRUE(sagad_->ready()) << sagad_->child().stderr_text();
    client_ = std::make_unique<Client>(*sagad_);
  }
  [[nodiscard]] std::size_t open_files() const {
    const std::filesystem::directory_iterator files(fmt::format("/proc/{}/fd", sagad_->child().pid()));
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
  void expect_no_more_open_files_than(std::size_t before) {
    EXPECT_TRUE(Client::await([&] { return open_files() <= before; })) << open_files() << " of " << before;
  }

  GatedWorker worker_;
  TempFolder folder_;
  std::unique_ptr<SagadProcess> sagad_;
  std::unique_ptr<Client> client_;
};

TEST_F(BadClients, TenThousandConnectionsAreServedAndTheNextIsToldToComeLater) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  // Half of its descriptors, and not more than ten thousand; ours are as many.
  const std::size_t most = std::min<std::size_t>(10'000, files.rlim_max / 2);
  const std::size_t before = open_files();
  {
    std::vector<HttpSocket> clients;
    clients.reserve(most);
    for (std::size_t i = 0; i < most; ++i) {
      clients.emplace_back(sagad_->port());
      ASSERT_TRUE(clients.back().connected()) << i;
      ASSERT_TRUE(clients.back().send(request("GET", "/health/live")));
      ASSERT_EQ(clients.back().read_answer().status, 200) << i;
    }
    for (int i = 0; i < 20; ++i) {
      HttpSocket more(sagad_->port());
      const auto refused = more.read_answer();
      EXPECT_EQ(refused.status, 503);
      EXPECT_THAT(refused.head, HasSubstr("Retry-After: "));
      EXPECT_THAT(refused.body, HasSubstr("connections already"));
    }
    // Those that are there go on, and so do the calls of workers.
    for (std::size_t i = 0; i < most; i += most / 20) {
      clients[i].send(request("POST", "/v1/sagas?wait=60s", start_of(fmt::format("s-{}", i))));
      const auto answer = clients[i].read_answer();
      EXPECT_EQ(answer.status, 201) << answer.body;
      EXPECT_THAT(answer.body, HasSubstr(R"("status":"completed")"));
    }
  }
  expect_no_more_open_files_than(before + 2);
  EXPECT_EQ(client_->start("order", "after"), 201);
}

TEST_F(BadClients, SlowOnesHoldNobodyUpAndAreTakenWhenTheyAreThrough) {
  std::vector<HttpSocket> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(sagad_->port());
    const std::string whole = request("POST", "/v1/sagas", start_of(fmt::format("slow-{}", i)));
    // Half of them in the middle of the header, half in the middle of the body.
    const std::size_t part = i % 2 == 0 ? 20 : whole.size() - 10;
    ASSERT_TRUE(slow.back().send(whole.substr(0, part)));
  }
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client_->start("order", fmt::format("quick-{}", i)), 201);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(client_->get(fmt::format("/v1/sagas/slow-{}", i)).status, 404);
    const std::string whole = request("POST", "/v1/sagas", start_of(fmt::format("slow-{}", i)));
    const std::size_t part = i % 2 == 0 ? 20 : whole.size() - 10;
    for (const char byte : whole.substr(part)) ASSERT_TRUE(slow[static_cast<std::size_t>(i)].send({&byte, 1}));
    ASSERT_EQ(slow[static_cast<std::size_t>(i)].read_answer().status, 201) << i;
  }
}

TEST_F(BadClients, OnesThatLeaveInTheMiddleOfARequestLeaveNothingBehind) {
  const std::size_t before = open_files();
  for (int i = 0; i < 200; ++i) {
    HttpSocket client(sagad_->port());
    const std::string whole = request("POST", "/v1/sagas", start_of(fmt::format("gone-{}", i)));
    ASSERT_TRUE(client.send(whole.substr(0, 1 + static_cast<std::size_t>(i) * (whole.size() - 2) / 200)));
    if (i % 2 == 0) client.reset();
  }
  expect_no_more_open_files_than(before + 2);
  EXPECT_EQ(client_->get("/v1/sagas").json()["sagas"].size(), 0U);
  EXPECT_EQ(client_->start("order", "after"), 201);
}

TEST_F(BadClients, OnesThatLeaveWhileTheyWaitStopNoSaga) {
  const std::size_t before = open_files();
  worker_.set_open(false);
  for (int i = 0; i < 60; ++i) {
    HttpSocket client(sagad_->port());
    ASSERT_TRUE(client.send(request("POST", "/v1/sagas?wait=60s", start_of(fmt::format("s-{}", i)))));
    ASSERT_TRUE(worker_.wait_for_keys(static_cast<std::size_t>(i) + 1));
    if (i % 2 == 0) client.reset();
  }
  std::vector<HttpSocket> streams;
  for (int i = 0; i < 60; ++i) {
    streams.emplace_back(sagad_->port());
    streams.back().send(
        fmt::format("GET /v1/sagas/s-{}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n", i));
    ASSERT_THAT(streams.back().read_until("\r\n\r\n"), HasSubstr(" 200 "));
  }
  streams.clear();
  // The calls of the worker stay; all clients are let go of long before their waits end.
  expect_no_more_open_files_than(before + 62);
  worker_.set_open(true);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(client_->status_at_rest(fmt::format("s-{}", i)), "completed");
  // Connections to the worker may be kept.
  expect_no_more_open_files_than(before + 62);
}

}  // namespace
}  // namespace saga::faults
