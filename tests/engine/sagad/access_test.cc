// The real binary with tokens: who is let in, that it stays on loopback without them, and that nothing secret leaks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/json.h"
#include "tests/support/http_socket.h"
#include "tests/support/known_tokens.h"
#include "tests/support/sagad_process.h"

namespace saga::sagad {
namespace {

using ::testing::HasSubstr;
using testing::HttpSocket;
using ::testing::Not;
using testing::SagadProcess;
using testing::TempFolder;

constexpr const char* kWorkflow =
    "name: order\nversion: 1\nsteps:\n  - name: pay\n    service: payment\n    action: /pay\n    retry: { "
    "max_attempts: "
    "1 }\n";

HttpSocket::Answer call(std::uint16_t port, const std::string& token, const std::string& method,
                        const std::string& target, const std::string& body = "") {
  HttpSocket client(port);
  const std::string authorization = token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
  client.send(method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + authorization +
              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.read_answer();
}

class SagadAccess : public ::testing::Test {
 protected:
  TempFolder folder_;
  const std::string tokens_ = folder_.write("tokens", testing::kTokensFile);
};

TEST_F(SagadAccess, LetsInWhoHasATokenAndReadsTheFileAgainAtSighup) {
  SagadProcess sagad({"--store", "memory", "--tokens", tokens_});
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  EXPECT_EQ(call(sagad.port(), "", "GET", "/v1/stats").status, 401);
  EXPECT_EQ(call(sagad.port(), "", "GET", "/health/ready").status, 200);
  EXPECT_EQ(call(sagad.port(), "reader-token", "GET", "/v1/stats").status, 200);
  EXPECT_EQ(call(sagad.port(), "reader-token", "POST", "/v1/workflows", kWorkflow).status, 403);
  EXPECT_EQ(call(sagad.port(), "admin-token", "POST", "/v1/workflows", kWorkflow).status, 201);

  folder_.write("tokens", "ops operator 7a35833597e6687c599a0988b7a53b9b6a7ec18b88ca2a8e60f3265c8be6d527\n");
  sagad.child().kill(SIGHUP);
  const auto until = std::chrono::steady_clock::now() + HttpSocket::kPatience;
  int status = 0;
  while ((status = call(sagad.port(), "second-token", "GET", "/v1/stats").status) != 200 &&
         std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(status, 200);
  EXPECT_EQ(call(sagad.port(), "reader-token", "GET", "/v1/stats").status, 401);

  folder_.write("tokens", "ops\n");
  sagad.child().kill(SIGHUP);  // Before SIGTERM, and its number is lower: it is taken first.
  sagad.child().kill(SIGTERM);
  EXPECT_EQ(sagad.child().wait(), 0);
  EXPECT_THAT(sagad.child().stderr_text(), HasSubstr("tokens_refused problem=\"" + tokens_ + ":1: error: "));
}

TEST_F(SagadAccess, WithoutTokensItStaysOnLoopback) {
  testing::ChildProcess refused({SAGAD_BINARY, "--store", "memory", "--listen", "0.0.0.0:0"});
  EXPECT_EQ(refused.wait(), 2);
  EXPECT_EQ(refused.read_rest(), "");
  EXPECT_THAT(refused.stderr_text(), HasSubstr("--tokens FILE"));

  for (const std::vector<std::string>& allowed : {std::vector<std::string>{"--tokens", tokens_}, {"--insecure"}}) {
    std::vector<std::string> command{SAGAD_BINARY, "--store", "memory", "--listen", "0.0.0.0:0"};
    command.insert(command.end(), allowed.begin(), allowed.end());
    testing::ChildProcess sagad(command);
    EXPECT_THAT(sagad.read_line().value_or(""), HasSubstr("sagad ready on http://0.0.0.0:"));
    sagad.kill(SIGTERM);
    EXPECT_EQ(sagad.wait(), 0);
  }
}

TEST_F(SagadAccess, ABadTokensFileIsRefusedAlsoByCheck) {
  const std::string bad = folder_.write("bad", "ann admiral " + std::string(64, 'a') + "\n");
  for (const char* how : {"--insecure", "--check"}) {
    testing::ChildProcess sagad({SAGAD_BINARY, how, "--listen", "127.0.0.1:0", "--store", "memory", "--tokens", bad});
    EXPECT_EQ(sagad.wait(), 2);
    EXPECT_EQ(sagad.stderr_text(),
              bad + ":1: error: 'admiral' is no role: expected one of reader, starter, operator, admin\n");
  }
}

TEST_F(SagadAccess, NothingSecretIsStoredLoggedOrShown) {
  // A worker of a port that nobody listens on: the attempt fails, is recorded and logged.
  const std::string config = folder_.write(
      "sagad.yaml", "services:\n  payment:\n    urls: [http://127.0.0.1:1]\n    headers: { Authorization: \"@" +
                        folder_.write("pay", "Bearer service-secret\n") + "\" }\n");
  SagadProcess sagad({"--store", "sqlite:" + folder_.path("saga.db"), "--tokens", tokens_, "--config", config,
                      "--workflows", folder_.write("order.yaml", kWorkflow), "--log-level", "debug"});
  ASSERT_TRUE(sagad.ready()) << sagad.child().stderr_text();
  const std::uint16_t port = sagad.port();
  std::string shown;
  const auto ask = [&](const std::string& token, const std::string& method, const std::string& target,
                       const std::string& body = "") {
    const auto answer = call(port, token, method, target, body);
    shown += answer.head + answer.body;
    return answer.status;
  };
  EXPECT_EQ(ask("starter-token", "POST", "/v1/sagas?wait=30s", R"({"workflow":"order","id":"s"})"), 201);
  EXPECT_EQ(ask("stolen-secret", "POST", "/v1/sagas/s/cancel", R"({"reason":"x"})"), 401);
  EXPECT_EQ(ask("reader-token", "POST", "/v1/sagas/s/cancel", R"({"reason":"x"})"), 403);
  EXPECT_EQ(ask("operator-token", "POST", "/v1/sagas/s/retry"), 409);
  for (const char* target : {"/v1/sagas", "/v1/sagas/s", "/v1/sagas/s/events", "/v1/services", "/v1/stats",
                             "/v1/workflows", "/v1/workflows/order", "/metrics", "/health/ready"})
    EXPECT_EQ(ask("reader-token", "GET", target), 200) << target;
  EXPECT_THAT(shown, HasSubstr("unreachable")) << "the attempt was made";
  sagad.child().kill(SIGTERM);
  EXPECT_EQ(sagad.child().wait(), 0);

  std::ifstream file(folder_.path("saga.db"), std::ios::binary);
  const std::string stored{std::istreambuf_iterator<char>(file), {}};
  ASSERT_THAT(stored, HasSubstr("unreachable"));
  const std::string logged = sagad.child().stderr_text();
  ASSERT_THAT(logged, HasSubstr("started"));
  for (const char* secret : {"service-secret", "stolen-secret", "reader-token", "starter-token", "operator-token",
                             "ba5005a40cf5212e4ac0190104cc127edab013294bb71279a975b27a80982d45"}) {
    EXPECT_THAT(shown, Not(HasSubstr(secret)));
    EXPECT_THAT(stored, Not(HasSubstr(secret)));
    EXPECT_THAT(logged, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace saga::sagad
