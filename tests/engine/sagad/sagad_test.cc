// The real binary, from its ready line to its exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/json.h"
#include "tests/support/http_socket.h"
#include "tests/support/sagad_process.h"

namespace saga::sagad {
namespace {

using ::testing::HasSubstr;
using testing::HttpSocket;
using ::testing::MatchesRegex;
using testing::SagadProcess;
using testing::TempFolder;

constexpr const char* kWorkflow =
    "name: order\nversion: 1\nsteps:\n  - name: pay\n    service: payment\n    action: /pay\n";

class Sagad : public ::testing::Test {
 protected:
  [[nodiscard]] std::string store() const { return "sqlite:" + folder_.path("saga.db"); }

  static HttpSocket::Answer call(std::uint16_t port, const std::string& method, const std::string& target,
                                 const std::string& body = "") {
    HttpSocket client(port);
    client.send(method + " " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    return client.read_answer();
  }

  /// Starts with `arguments` and expects it to leave at once.
  static void expect_refused(const std::vector<std::string>& arguments, const std::string& says) {
    SagadProcess sagad(arguments);
    EXPECT_EQ(sagad.child().wait(), 2);
    EXPECT_EQ(sagad.child().read_rest(), "");
    EXPECT_THAT(sagad.child().stderr_text(), HasSubstr(says));
  }

  TempFolder folder_;
};

TEST_F(Sagad, SaysOneLineWhenItIsReadyAndStopsOnSigterm) {
  SagadProcess sagad({"--store", store()});
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  EXPECT_EQ(call(sagad.port(), "GET", "/health/live").status, 200);
  EXPECT_EQ(call(sagad.port(), "GET", "/health/ready").status, 200);
  EXPECT_THAT(call(sagad.port(), "GET", "/metrics").body, HasSubstr("sagad_build_info{version=\"0.1.0\"} 1"));
  sagad.child().kill(SIGTERM);
  EXPECT_EQ(sagad.child().wait(), 0);
  EXPECT_EQ(sagad.child().read_rest(), "") << "stdout has one line";
}

TEST_F(Sagad, AStartSurvivesAKill) {
  const std::string definitions = folder_.path("workflows");
  ::mkdir(definitions.c_str(), 0700);
  folder_.write("workflows/order.yaml", kWorkflow);
  {
    SagadProcess sagad({"--store", store(), "--workflows", definitions});
    ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
    EXPECT_EQ(call(sagad.port(), "POST", "/v1/sagas", R"({"workflow":"order","id":"order-1"})").status, 201);
    sagad.child().kill(SIGKILL);
    EXPECT_EQ(sagad.child().wait(), 128 + SIGKILL);
  }
  SagadProcess sagad({"--store", store()});  // The definition is in the store.
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  const auto answer = call(sagad.port(), "GET", "/v1/sagas/order-1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(Json::parse(answer.body)["id"], "order-1");
  EXPECT_EQ(call(sagad.port(), "POST", "/v1/sagas", R"({"workflow":"order","id":"order-1"})").status, 200);
}

TEST_F(Sagad, ASecondOneOnTheFileIsRefused) {
  SagadProcess first({"--store", store()});
  ASSERT_TRUE(first.ready());
  expect_refused({"--store", store()}, "saga.db");
  EXPECT_EQ(call(first.port(), "GET", "/health/ready").status, 200);
}

TEST_F(Sagad, ASuccessorWaitsForAKilledOneToLetGo) {
  SagadProcess first({"--store", store()});
  ASSERT_TRUE(first.ready());
  const std::string command = SAGAD_BINARY " --store " + store() + " --listen 127.0.0.1:0";
  testing::ChildProcess second({"/bin/sh", "-c", "exec " + command + " 2>&1"});
  EXPECT_EQ(second.read_line(), "sagad: waiting up to 5s: " + folder_.path("saga.db") +
                                    " is in use by another sagad (pid " + std::to_string(first.child().pid()) + ")");
  first.child().kill(SIGKILL);
  std::optional<std::string> line = second.read_line();
  while (line && !line->starts_with("sagad ready on ")) line = second.read_line();
  EXPECT_TRUE(line) << "it did not start";
}

TEST_F(Sagad, ATakenPortIsRefusedAndLeavesNothingBehind) {
  SagadProcess first({"--store", "memory"});
  ASSERT_TRUE(first.ready());
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  const std::string workflows = folder_.write("order.yaml", kWorkflow);
  testing::ChildProcess second({SAGAD_BINARY, "--store", store(), "--workflows", workflows, "--listen", address});
  EXPECT_EQ(second.wait(), 2);
  EXPECT_THAT(second.stderr_text(), HasSubstr(address));

  SagadProcess third({"--store", store()});
  ASSERT_TRUE(third.ready());
  EXPECT_THAT(call(third.port(), "GET", "/v1/workflows").body, HasSubstr(R"("workflows":[])"));
}

TEST_F(Sagad, WhatDoesNotDoIsRefusedWithOneClearLine) {
  expect_refused({"--store", "sqlite:/no/such/folder/saga.db"}, "/no/such/folder");
  expect_refused({"--store", "oracle:x"}, "oracle:x");
  expect_refused({"--store", "memory", "--workflows", folder_.path("missing")}, "missing");
  expect_refused({"--strange"}, "--strange");
  const std::string bad = folder_.write("bad.yaml", "name: order\nversion: 1\nstepz: []\n");
  expect_refused({"--store", "memory", "--workflows", bad}, "bad.yaml:3:1: error: ");
}

TEST_F(Sagad, AFileThatIsNoStoreIsRefused) {
  folder_.write("saga.db", "this is no database, and long enough to be looked at as one");
  expect_refused({"--store", store()}, "saga.db");
}

TEST_F(Sagad, AStoreOfANewerVersionIsRefused) {
  {
    SagadProcess sagad({"--store", store()});
    ASSERT_TRUE(sagad.ready());
    sagad.child().kill(SIGTERM);
    ASSERT_EQ(sagad.child().wait(), 0);
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(folder_.path("saga.db").c_str(), &database), SQLITE_OK);
  const char* const next = "INSERT INTO schema_version SELECT MAX(version) + 1, datetime('now') FROM schema_version";
  EXPECT_EQ(sqlite3_exec(database, next, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  expect_refused({"--store", store()}, "newer version");
}

TEST_F(Sagad, CheckSaysWhetherAllIsGoodAndStops) {
  const std::string good = folder_.write("good.yaml", kWorkflow);
  testing::ChildProcess checked(
      {SAGAD_BINARY, "--check", "--workflows", good, "--service", "payment=http://127.0.0.1:1"});
  EXPECT_EQ(checked.wait(), 0);
  EXPECT_THAT(checked.read_rest(), HasSubstr("good"));
  const std::string bad = folder_.write("bad.yaml", "name: order\n");
  testing::ChildProcess refused({SAGAD_BINARY, "--check", "--workflows", bad});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_THAT(refused.stderr_text(), HasSubstr("bad.yaml:"));
}

TEST_F(Sagad, AThousandIdleClientsDoNotStopAStart) {
  const std::string definition = folder_.write("order.yaml", kWorkflow);
  SagadProcess sagad({"--store", store(), "--workflows", definition});
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  std::vector<HttpSocket> idle;
  for (int i = 0; i < 1'000; ++i) {
    idle.emplace_back(sagad.port());
    ASSERT_TRUE(idle.back().connected());
    idle.back().send("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(idle.back().read_answer().status, 200);
  }
  EXPECT_EQ(call(sagad.port(), "POST", "/v1/sagas", R"({"workflow":"order","id":"order-1"})").status, 201);
}

/// A worker that takes the connection and answers when the test says.
class LateWorker {
 public:
  LateWorker() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(listening_, 8);
    socklen_t size = sizeof(address);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~LateWorker() {
    ::close(taken_);
    ::close(listening_);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Waits for a call's first bytes.
  void take() {
    taken_ = ::accept(listening_, nullptr, nullptr);
    char byte = 0;
    EXPECT_GT(::recv(taken_, &byte, 1, MSG_PEEK), 0);
  }
  void answer() {
    constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    EXPECT_EQ(::send(taken_, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL), static_cast<ssize_t>(kAnswer.size()));
  }

 private:
  int listening_;
  int taken_ = -1;
  std::uint16_t port_ = 0;
};

TEST_F(Sagad, ACallInFlightFinishesBeforeItStops) {
  LateWorker worker;
  const std::string definition = folder_.write("order.yaml", kWorkflow);
  {
    SagadProcess sagad(
        {"--store", store(), "--workflows", definition, "--service", "payment=" + worker.url(), "--drain", "30s"});
    ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
    ASSERT_EQ(call(sagad.port(), "POST", "/v1/sagas", R"({"workflow":"order","id":"order-1"})").status, 201);
    worker.take();
    sagad.child().kill(SIGTERM);
    while (call(sagad.port(), "GET", "/health/ready").status != 503) std::this_thread::yield();
    EXPECT_EQ(call(sagad.port(), "POST", "/v1/sagas", R"({"workflow":"order","id":"order-2"})").status, 503);
    worker.answer();
    EXPECT_EQ(sagad.child().wait(), 0);
  }
  SagadProcess again({"--store", store()});
  ASSERT_TRUE(again.ready());
  EXPECT_EQ(Json::parse(call(again.port(), "GET", "/v1/sagas/order-1?wait=30s").body)["status"], "completed");
  EXPECT_EQ(call(again.port(), "GET", "/v1/sagas/order-2").status, 404);
}

TEST_F(Sagad, TellsTheServiceManager) {
  const std::string path = folder_.path("notify");
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const auto told = [socket] {
    char text[64];
    const ssize_t got = ::recv(socket, text, sizeof(text), 0);
    return std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  };
  SagadProcess sagad({"--store", "memory"}, {"NOTIFY_SOCKET=" + path});
  ASSERT_TRUE(sagad.ready());
  EXPECT_EQ(told(), "READY=1");
  sagad.child().kill(SIGINT);
  EXPECT_EQ(told(), "STOPPING=1");
  EXPECT_EQ(sagad.child().wait(), 0);
  ::close(socket);
}

}  // namespace
}  // namespace saga::sagad
