// What a call sends, and that every attempt of it sends the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using testing::StartsWith;

TEST(Request, AnActionIsSentTheSagasInput) {
  Driver saga(flow({step("a")}));
  saga.start({{"sku", "x"}});
  const CallRequest request = saga.request("a");
  EXPECT_EQ(request.service, "shop");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/a");
  EXPECT_EQ(request.body, R"({"sku":"x"})");
  EXPECT_EQ(request.timeout, std::chrono::seconds(5));
  EXPECT_THAT(request.headers.text(), StartsWith("Idempotency-Key: order-42/a/action\r\nSaga-Id: order-42\r\n"
                                                 "Saga-Workflow: flow/1\r\nSaga-Step: a\r\nSaga-Phase: action\r\n"
                                                 "Saga-Attempt: 1\r\nSaga-Timeout-Ms: 5000\r\ntraceparent: 00-"));
  EXPECT_EQ(request.headers.find("Saga-Outcome"), std::nullopt);
}

TEST(Request, ACompensationIsSentWhatTheActionWasSentAndGave) {
  Driver saga(flow({step("a", "input: { order: \"${ saga.id }\" }"), step("b")}));
  saga.start();
  saga.answer("a", done(R"({"id":7})"));
  saga.answer("b", refused());
  const CallRequest request = saga.request("a", Phase::kCompensation);
  EXPECT_EQ(request.body, R"({"action_input":{"order":"order-42"},"output":{"id":7}})");
  EXPECT_EQ(request.headers.find("Idempotency-Key"), "order-42/a/compensation");
  EXPECT_EQ(request.headers.find("Saga-Phase"), "compensation");
  EXPECT_EQ(request.headers.find("Saga-Outcome"), "done");
}

TEST(Request, ACompensationOfAnUnknownActionHasNoOutput) {
  Driver saga(flow({step("a")}));
  saga.start({{"n", 1}});
  saga.answer("a", final_fault());
  EXPECT_EQ(saga.request("a", Phase::kCompensation).body, R"({"action_input":{"n":1},"output":null})");
}

TEST(Request, GetAndDeleteHaveNoBodyUnlessInputIsWritten) {
  Driver saga(
      flow({"  - { name: a, service: shop, action: { method: GET, path: /a }, compensation: { method: DELETE, path: /a "
            "} }\n",
            "  - { name: b, service: shop, action: { method: DELETE, path: /b, input: { n: 1 } } }\n"}));
  saga.start({{"n", 1}});
  EXPECT_FALSE(saga.request("a").body);
  saga.answer("a", done());
  EXPECT_EQ(saga.request("b").body, R"({"n":1})");
  saga.answer("b", refused());
  EXPECT_FALSE(saga.request("a", Phase::kCompensation).body);
}

TEST(Request, EveryAttemptSendsTheSameUnderTheSameKey) {
  Driver saga(flow({step("a", "input: { at: \"${ saga.started_at }\" }")}));
  saga.start();
  const CallRequest first = saga.request("a");
  saga.answer("a", fault());
  saga.when_due();
  const CallRequest second = saga.request("a");
  EXPECT_EQ(first.path, second.path);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(saga.header("a", Phase::kAction, "Idempotency-Key"), "order-42/a/action");
  EXPECT_EQ(saga.header("a", Phase::kAction, "Saga-Attempt"), "2");
}

TEST(Request, TracesAreOneASagaAndSpansOneAnAttempt) {
  Driver saga(flow({step("a")}));
  saga.start();
  const std::string first = saga.header("a", Phase::kAction, "traceparent");
  EXPECT_THAT(first, testing::MatchesRegex("00-0123456789abcdef0123456789abcdef-[0-9a-f]{16}-01"));
  saga.answer("a", fault());
  saga.when_due();
  EXPECT_NE(saga.header("a", Phase::kAction, "traceparent"), first);
}

TEST(Request, HeadersAndPathTakeExpressions) {
  Driver saga(
      flow({"  - { name: a, url: \"http://127.0.0.1:9\", action: { path: \"/x/${ input.id }\", headers: { X-Tier: "
            "\"t-${ input.tier }\" } } }\n"}));
  saga.start({{"id", "a b"}, {"tier", 3}});
  const CallRequest request = saga.request("a");
  EXPECT_EQ(request.url, "http://127.0.0.1:9");
  EXPECT_EQ(request.path, "/x/a%20b");
  EXPECT_EQ(request.headers.find("X-Tier"), "t-3");
}

}  // namespace
}  // namespace saga::core
