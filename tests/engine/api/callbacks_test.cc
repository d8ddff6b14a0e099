// Callbacks, heartbeats and signals as they come over HTTP.
#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPrintWorkflow = R"(
name: print
version: 1
steps:
  - { name: proof, service: printer, action: /proof }
  - { name: approval, signal: approved }
)";

class Callbacks : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    runtime_->set_public_url(kHere);
    EXPECT_EQ(call("POST", "/v1/workflows", kPrintWorkflow).status, 201);
    EXPECT_EQ(call("POST", "/v1/sagas", R"({"workflow":"print","id":"p1"})").status, 201);
  }

  /// The path of the callback that the first call is offered; the worker takes the call.
  std::string take() {
    const auto sent = next_call();
    workers::Answered answered;
    answered.status = 202;
    answered.async = true;
    const std::string url = sent.header(workers::kSagaCallbackUrl);
    EXPECT_TRUE(url.starts_with(kHere)) << url;
    sent.end(answered);
    return url.substr(kHere.size());
  }

  Json saga() { return call("GET", "/v1/sagas/p1").json; }
  Json step(std::size_t index) { return saga()["steps"][index]; }
  void await_status(std::size_t index, const std::string& status) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (step(index)["status"] != status && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    ASSERT_EQ(step(index)["status"], status);
  }

  const std::string kHere = "http://saga.example";
  const std::string kSuccess = R"({"status":"succeeded","output":{"pages":7}})";
};

TEST_F(Callbacks, ASuccessIsAnswered204OnceDurableAndGoneFromThenOn) {
  const std::string path = take();
  await_status(0, "waiting");
  EXPECT_EQ(step(0)["awaits"], "callback");
  EXPECT_EQ(step(0)["due_at"], "2027-01-15T09:00:00.000Z");
  const Reply taken = call("POST", path, kSuccess);
  EXPECT_EQ(taken.status, 204);
  EXPECT_EQ(taken.text, "");
  EXPECT_EQ(step(0)["status"], "completed");
  EXPECT_EQ(step(0)["output"], (Json{{"pages", 7}}));
  const Reply again = call("POST", path, kSuccess);
  EXPECT_EQ(again.status, 410);
  EXPECT_EQ(again.json["type"], "urn:sagad:problem:gone");
  EXPECT_FALSE(again.json.contains("allowed"));
}

TEST_F(Callbacks, AFailureSaysWhy) {
  const std::string path = take();
  EXPECT_EQ(
      call("POST", path, R"({"status":"failed","error":{"code":"jammed","message":"paper jam","type":"about:blank"}})")
          .status,
      204);
  const Json failed = saga();
  EXPECT_EQ(failed["status"], "compensated");
  EXPECT_EQ(failed["error"]["code"], "jammed");
  EXPECT_EQ(failed["error"]["message"], "paper jam");
  EXPECT_EQ(failed["error"]["outcome"], "not_done");
}

TEST_F(Callbacks, AFailureNeedNotSayWhy) {
  EXPECT_EQ(call("POST", take(), R"({"status":"failed"})").status, 204);
  EXPECT_EQ(saga()["error"]["code"], "failed");
}

TEST_F(Callbacks, AHeartbeatPutsItsEndOff) {
  const std::string path = take();
  await_status(0, "waiting");
  clock_.advance(std::chrono::minutes(30));
  EXPECT_EQ(call("POST", path + "/heartbeat").status, 204);
  EXPECT_EQ(step(0)["due_at"], "2027-01-15T09:30:00.000Z");
  EXPECT_EQ(call("POST", path, kSuccess).status, 204);
  EXPECT_EQ(call("POST", path + "/heartbeat").status, 410);
}

TEST_F(Callbacks, AWrongTokenIsNotFoundAndQuotedNowhere) {
  std::string path = take();
  const std::string token = path.substr(path.rfind('/') + 1);
  path.back() = path.back() == '0' ? '1' : '0';
  const Reply wrong = call("POST", path, kSuccess);
  EXPECT_EQ(wrong.status, 404);
  EXPECT_THAT(wrong.text, Not(HasSubstr(token.substr(0, 8))));
  for (const std::string& other :
       {"/v1/callbacks/nobody/proof/action/1/" + token, "/v1/callbacks/p1/approval/action/1/" + token,
        "/v1/callbacks/p1/proof/compensation/1/" + token, "/v1/callbacks/p1/proof/undo/1/" + token,
        "/v1/callbacks/p1/proof/action/2/" + token, "/v1/callbacks/p1/proof/action/1x/" + token,
        "/v1/callbacks/p1/proof/action/99999999999999999999/" + token}) {
    EXPECT_EQ(call("POST", other, kSuccess).status, 404) << other;
    EXPECT_EQ(call("POST", other + "/heartbeat").status, 404) << other;
  }
  const std::string right = "/v1/callbacks/p1/proof/action/1/" + token;
  const Reply got = call("GET", right);
  EXPECT_EQ(got.status, 405);
  EXPECT_THAT(got.text, Not(HasSubstr(token)));
  const Reply beyond = call("POST", right + "/beyond");
  EXPECT_EQ(beyond.status, 404);
  EXPECT_THAT(beyond.text, Not(HasSubstr(token)));
  EXPECT_EQ(call("POST", right, kSuccess).status, 204);
}

TEST_F(Callbacks, WhatDoesNotFitIsRefusedAndLeavesNothing) {
  const std::string path = take();
  await_status(0, "waiting");
  const auto seq = [this] { return call("GET", "/v1/sagas/p1/events").json["events"].size(); };
  const auto before = seq();
  EXPECT_EQ(call("POST", path, "").status, 400);
  EXPECT_EQ(call("POST", path, "{").status, 400);
  EXPECT_EQ(call("POST", path, R"({"status":"failed","status":"succeeded"})").status, 400);
  for (const std::string body :
       {"[]", "{}", R"({"status":"done"})", R"({"status":7})", R"({"status":"succeeded","outputs":1})",
        R"({"status":"succeeded","error":{}})", R"({"status":"failed","output":1})",
        R"({"status":"failed","error":"jam"})", R"({"status":"failed","error":{"code":7}})",
        R"({"status":"failed","error":{"retryable":"yes"}})"}) {
    EXPECT_EQ(call("POST", path, body).status, 422) << body;
  }
  EXPECT_EQ(seq(), before);
  EXPECT_EQ(call("POST", path, kSuccess).status, 204);
}

TEST_F(Callbacks, ASignalIsDeliveredWithItsPayloadAndShown) {
  const Reply early =
      call("POST", "/v1/sagas/p1/signals/approved", R"({"payload":{"by":"ann"}})", {{"saga-actor", "ann@ops"}});
  EXPECT_EQ(early.status, 200);
  EXPECT_EQ(early.json["steps"][1]["kind"], "signal");
  EXPECT_EQ(early.json["steps"][1]["signal"], "approved");
  EXPECT_EQ(early.json["steps"][1]["received"], true);
  EXPECT_EQ(early.json["steps"][1]["status"], "pending");
  EXPECT_EQ(call("POST", take(), kSuccess).status, 204);
  EXPECT_EQ(saga()["status"], "completed");
  EXPECT_EQ(step(1)["output"], (Json{{"by", "ann"}}));
  const Json events = call("GET", "/v1/sagas/p1/events").json["events"];
  const auto received =
      std::find_if(events.begin(), events.end(), [](const Json& event) { return event["type"] == "signal_received"; });
  ASSERT_NE(received, events.end());
  EXPECT_EQ((*received)["actor"]["name"], "ann@ops");
}

TEST_F(Callbacks, ASignalThatDoesNotFitIsRefused) {
  EXPECT_EQ(call("POST", "/v1/sagas/p1/signals/rejected").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/nobody/signals/approved").status, 404);
  EXPECT_EQ(call("POST", "/v1/sagas/p1/signals/approved", R"({"data":1})").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/p1/signals/approved", "{").status, 400);
  EXPECT_EQ(call("POST", "/v1/sagas/p1/signals/approved").status, 200) << "no payload is null";
  EXPECT_EQ(call("POST", "/v1/sagas/p1/signals/approved", R"({"payload":null})").status, 200);
  const Reply other = call("POST", "/v1/sagas/p1/signals/approved", R"({"payload":1})");
  EXPECT_EQ(other.status, 409);
  EXPECT_THAT(other.json["allowed"].dump(), HasSubstr("cancel"));
}

}  // namespace
}  // namespace saga::api
