// The real sagad and workers that misbehave on the wire: what the saga's page says, and that others go on.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "tests/faults/client.h"
#include "tests/faults/gated_worker.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::faults {
namespace {

using ::testing::AnyOf;
using testing::ChildProcess;
using ::testing::HasSubstr;
using testing::SagadProcess;
using testing::TempFolder;
using workers::testing::http_answer;
using workers::testing::Peer;
using workers::testing::ScriptedWorker;

constexpr const char* kWorkflows = R"(
name: bad
version: 1
defaults: { timeout: 1s, retry: { max_attempts: 1 } }
steps:
  - { name: pay, service: bad, action: /pay, compensation: /refund }
---
name: patient
version: 1
defaults: { timeout: 10m, retry: { max_attempts: 1 } }
steps:
  - { name: pay, service: bad, action: /pay, compensation: /refund }
---
name: good
version: 1
steps:
  - { name: pay, service: good, action: /pay, compensation: /refund }
)";

/// Reads requests; a compensation is answered well, to an action the worker does what the fault is.
ScriptedWorker::Script with_fault(std::function<void(Peer&, ScriptedWorker&)> fault) {
  return [fault = std::move(fault)](Peer& peer, ScriptedWorker& self) {
    while (const auto request = peer.read_request()) {
      if (request->starts_with("POST /refund ")) {
        if (!peer.send(http_answer(200, "{}"))) return;
        continue;
      }
      self.note("call");
      fault(peer, self);
    }
  };
}

class BadWorkers : public ::testing::Test {
 protected:
  void start_sagad(const std::string& bad_url) {
    sagad_ = std::make_unique<SagadProcess>(std::vector<std::string>{
        "--store", "memory", "--workflows", folder_.write("workflows.yaml", kWorkflows), "--service", "bad=" + bad_url,
        "--service", "good=" + good_.url(), "--log-level", "error"});
    ASSERT_TRUE(sagad_->ready()) << sagad_->child().stderr_text();
    client_ = std::make_unique<Client>(*sagad_);
  }
  [[nodiscard]] std::string inspect(const std::string& id) const {
    ChildProcess sagactl({SAGACTL_BINARY, "--server", sagad_->url(), "inspect", id});
    return sagactl.read_rest();
  }
  /// Of the saga's only action.
  Json failure(const std::string& id) { return client_->get("/v1/sagas/" + id).json()["steps"][0]["error"]; }
  void expect_that_others_go_on(int sagas = 20) {
    for (int i = 0; i < sagas; ++i) ASSERT_EQ(client_->start("good", fmt::format("good-{}", i)), 201);
    for (int i = 0; i < sagas; ++i) EXPECT_EQ(client_->status_at_rest(fmt::format("good-{}", i)), "completed");
  }

  GatedWorker good_;
  TempFolder folder_;
  std::unique_ptr<SagadProcess> sagad_;
  std::unique_ptr<Client> client_;
};

TEST_F(BadWorkers, OneThatAcceptsAndSaysNothingTimesOut) {
  ScriptedWorker worker(with_fault([](Peer& peer, ScriptedWorker&) { peer.wait_closed(); }));
  start_sagad(worker.url());
  ASSERT_EQ(client_->start("bad", "s"), 201);
  ASSERT_TRUE(worker.wait_for("call"));
  expect_that_others_go_on();
  EXPECT_EQ(client_->status_at_rest("s"), "compensated") << "it may have happened, so it is undone";
  EXPECT_EQ(failure("s")["code"], "timeout");
  EXPECT_EQ(failure("s")["outcome"], "unknown");
  EXPECT_THAT(inspect("s"), HasSubstr("timeout"));
}

TEST_F(BadWorkers, OneThatDripsTimesOutHoweverLongItGoesOn) {
  ScriptedWorker worker(with_fault([](Peer& peer, ScriptedWorker& self) {
    const std::string answer = http_answer(200, std::string(4'000, ' '));
    for (const char byte : answer) {
      if (!peer.send({&byte, 1})) break;
      pollfd closed{peer.fd(), POLLIN, 0};
      if (::poll(&closed, 1, 100) > 0) break;  // The other end has gone.
    }
    self.note("gone");
  }));
  start_sagad(worker.url());
  ASSERT_EQ(client_->start("bad", "s"), 201);
  expect_that_others_go_on();
  EXPECT_EQ(client_->status_at_rest("s"), "compensated");
  EXPECT_EQ(failure("s")["code"], "timeout");
  EXPECT_EQ(failure("s")["outcome"], "unknown");
  EXPECT_TRUE(worker.wait_for("gone")) << "its connection is closed";
}

TEST_F(BadWorkers, OneThatResetsAfterTheBodyLosesNoLaterCall) {
  ScriptedWorker worker(with_fault([](Peer& peer, ScriptedWorker&) {
    peer.send(http_answer(200, R"({"charge":1})"));
    peer.reset();
  }));
  start_sagad(worker.url());
  int completed = 0;
  for (int i = 0; i < 50; ++i) {
    const std::string id = fmt::format("s-{}", i);
    ASSERT_EQ(client_->start("bad", id), 201);
    // The reset may overtake the answer, or the next call on its way: then nobody knows, and it is undone.
    const std::string status = client_->status_at_rest(id);
    EXPECT_THAT(status, AnyOf("completed", "compensated"));
    if (status == "completed") {
      EXPECT_EQ(client_->get("/v1/sagas/" + id).json()["steps"][0]["output"]["charge"], 1);
      ++completed;
      continue;
    }
    EXPECT_EQ(failure(id)["code"], "connection_lost") << failure(id).dump();
    EXPECT_EQ(failure(id)["outcome"], "unknown");
  }
  EXPECT_GE(worker.count("call"), completed);
  EXPECT_LE(worker.count("call"), 50) << "no call was repeated below the saga";
}

TEST_F(BadWorkers, AnAnswerTooManyIsNeverTheNextCalls) {
  ScriptedWorker worker(with_fault([](Peer& peer, ScriptedWorker& self) {
    const std::string own = http_answer(200, R"({"whose":"mine"})");
    const std::string stray = http_answer(200, R"({"whose":"somebody else's"})");
    switch (self.count("call") % 3) {
      case 0:
        peer.send(own + stray);  // In one write.
        break;
      case 1:
        peer.send(own);
        peer.send(stray.substr(0, 20));  // And never the rest.
        break;
      default:
        peer.send(own);
        peer.send("\r\n");
    }
    self.note("sent");
  }));
  start_sagad(worker.url());
  for (int i = 0; i < 60; ++i) {
    const std::string id = fmt::format("s-{}", i);
    ASSERT_EQ(client_->start("bad", id), 201);
    ASSERT_EQ(client_->status_at_rest(id), "completed");
    ASSERT_TRUE(worker.wait_for("sent", i + 1));
    EXPECT_EQ(client_->get("/v1/sagas/" + id).json()["steps"][0]["output"]["whose"], "mine") << id;
  }
  EXPECT_EQ(worker.count("call"), 60);
}

TEST_F(BadWorkers, AStrayAnswerWhileTheConnectionIsIdleIsNobodys) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    while (peer.read_request()) {
      if (!peer.send(http_answer(200, R"({"whose":"mine"})"))) return;
      self.note("answered");
      if (peer.number() > 1) continue;
      if (!self.wait_for("idle")) return;
      peer.send(http_answer(200, R"({"whose":"somebody else's"})"));
      self.note("stray");
    }
  });
  start_sagad(worker.url());
  ASSERT_EQ(client_->start("bad", "first"), 201);
  ASSERT_EQ(client_->status_at_rest("first"), "completed");
  worker.note("idle");
  ASSERT_TRUE(worker.wait_for("stray"));
  ASSERT_EQ(client_->start("bad", "second"), 201);
  ASSERT_EQ(client_->status_at_rest("second"), "completed");
  EXPECT_EQ(client_->get("/v1/sagas/second").json()["steps"][0]["output"]["whose"], "mine");
  EXPECT_EQ(worker.connections(), 2);
}

TEST_F(BadWorkers, ANameThatCannotBeLookedUpIsNotDone) {
  start_sagad("http://no-such-host.invalid:8081");
  ASSERT_EQ(client_->start("bad", "s"), 201);
  expect_that_others_go_on();
  EXPECT_EQ(client_->status_at_rest("s"), "compensated");
  EXPECT_EQ(failure("s")["code"], "unreachable");
  EXPECT_EQ(failure("s")["outcome"], "not_done");
  EXPECT_THAT(failure("s")["message"].get<std::string>(), HasSubstr("looking up 'no-such-host.invalid'"));
  const auto undone = client_->get("/v1/sagas/s").json()["steps"][0]["compensation"];
  EXPECT_EQ(undone["status"], "none") << "what was not done is not undone";
  EXPECT_THAT(inspect("s"), HasSubstr("looking up 'no-such-host.invalid'"));
}

/// More calls than the service may have at a time, none of which ends.
TEST_F(BadWorkers, HundredsOfCallsWithoutAnAnswerDisturbNobodyElse) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    if (!peer.read_request()) return;
    self.note("call");
    peer.wait_closed();
  });
  start_sagad(worker.url());
  for (int i = 0; i < 260; ++i) ASSERT_EQ(client_->start("patient", fmt::format("s-{}", i)), 201);
  ASSERT_TRUE(worker.wait_for("call", 200));
  expect_that_others_go_on(50);
  const Json services = client_->get("/v1/services").json();
  EXPECT_EQ(client_->status("s-259"), "running") << services.dump();
  EXPECT_EQ(client_->ready(), 200);
  EXPECT_EQ(worker.count("call"), 200);
}

}  // namespace
}  // namespace saga::faults
