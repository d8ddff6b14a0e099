// Expressions where the rulebook meets them: what fails is a failure of its own call, and values are worked out once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBroken = "${ input.list[0].x + 1 }";

std::string with(std::string_view option, std::string_view expression) {
  return std::string(option) + ": \"" + std::string(expression) + "\"";
}

TEST(ExpressionError, InAnActionFailsTheStepBeforeAnyAttempt) {
  Driver saga(flow({step("a"), step("b", "input: { n: \"" + std::string(kBroken) + "\" }")}));
  saga.start();
  EXPECT_THAT(saga.answer("a", done()),
              ElementsAre("a done", "b failed: expression_error not_done", "turn back: expression_error", "undo a #1"));
  EXPECT_EQ(saga.step("b").action.attempts, 0);
  EXPECT_EQ(saga.state().error->attempt, 0);
}

TEST(ExpressionError, InABestEffortActionIsPassedOver) {
  Driver saga(flow({step("a", "on_failure: continue, input: { n: \"" + std::string(kBroken) + "\" }"), step("b")}));
  EXPECT_THAT(saga.start(), ElementsAre("accepted", "started", "a failed: expression_error not_done", "call b #1"));
}

TEST(ExpressionError, InWhenAnythingButTrueOrFalseFailsTheStep) {
  for (const auto* when : {"${ input.missing }", "${ 1 }", "${ 'yes' }", "${ input.list[0].x + 1 }"}) {
    Driver saga(flow({step("a", with("when", when))}));
    EXPECT_THAT(saga.start(), Contains("a failed: expression_error not_done")) << when;
    EXPECT_EQ(saga.status(), "compensated");
  }
}

TEST(ExpressionError, AValueThatIsCutInAMessageStaysReadable) {
  Driver saga(flow({step("a", with("when", "${ input.text }"))}));
  saga.start({{"text", std::string(79, 'x') + "\u00e9\u00e9\u00e9"}});
  EXPECT_EQ(saga.status(), "compensated") << "and replays to the same state";
}

TEST(ExpressionError, ARetryOfAStepWhoseConditionFailedAsksTheConditionAgain) {
  Driver saga(flow({step("a", with("on_failure: suspend, when", "${ input.missing }"))}));
  saga.start();
  EXPECT_EQ(saga.status(), "suspended");
  EXPECT_THAT(saga.retry(), ElementsAre("retried a", "a failed: expression_error not_done", "suspended: step_failed"))
      << "a step whose condition nobody knows is not called";
  EXPECT_THAT(saga.skip("a"), ElementsAre("a settled", "completed"));
}

TEST(ExpressionError, InACompensationFailsIt) {
  Driver saga(flow({step("z"),
                    "  - { name: a, service: shop, action: /a, compensation: { path: /undo, input: { n: \"${ output.n "
                    "+ 1 }\" } } }\n",
                    step("b")}));
  saga.start();
  saga.answer("z", done());
  saga.answer("a", done(R"({"n":"x"})"));
  EXPECT_THAT(saga.answer("b", refused()), Contains("a not undone: expression_error"));
  EXPECT_THAT(saga.answer_undo("z", done()), ElementsAre("z undone", "failed: a not undone"));
  EXPECT_THAT(saga.retry(), Contains("a not undone: expression_error"));
  EXPECT_THAT(saga.skip("a"), ElementsAre("undoing a settled", "compensated"));
}

TEST(ExpressionError, InTheOutputTheSagaIsCompletedWithAnError) {
  Driver saga(flow({step("a")}, "output: { n: \"${ steps.a.output.n + 1 }\" }"));
  saga.start();
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "completed: expression_error"));
  EXPECT_EQ(saga.status(), "completed");
  EXPECT_TRUE(saga.state().output->is_null());
  EXPECT_EQ(saga.state().error->code, "expression_error");
}

TEST(Expressions, ReadWhatTheStepsBeforeLeft) {
  Driver saga(
      flow({step("a"), step("b", "on_failure: continue"), step("c", with("when", "${ false }")),
            step("d",
                 "input: { a: \"${ steps.a.output.n }\", b: \"${ steps.b.output }\", bs: \"${ steps.b.status }\", "
                 "cs: \"${ steps.c.status }\", me: \"${ saga.id }\", of: \"${ saga.workflow }/${ saga.version }\" }")},
           "output: { n: \"${ steps.a.output.n }\" }"));
  saga.start();
  saga.answer("a", done(R"({"n":9007199254740993})"));
  saga.answer("b", refused());
  EXPECT_EQ(
      Json::parse(*saga.request("d").body),
      Json::parse(R"({"a":9007199254740993,"b":null,"bs":"failed","cs":"skipped","me":"order-42","of":"flow/1"})"));
  saga.answer("d", done());
  EXPECT_EQ(*saga.state().output, Json({{"n", 9007199254740993}}));
}

TEST(Expressions, ACompensationReadsItsOwnStepsOutputAndInput) {
  Driver saga(
      flow({"  - { name: a, service: shop, action: /a, input: { order: \"${ saga.id }\" }, compensation: { path: "
            "\"/undo/${ output.id }\", "
            "input: { sent: \"${ action_input.order }\" } } }\n",
            step("b")}));
  saga.start();
  saga.answer("a", done(R"({"id":"x/1"})"));
  saga.answer("b", refused());
  EXPECT_EQ(saga.request("a", Phase::kCompensation).path, "/undo/x%2F1");
  EXPECT_EQ(*saga.request("a", Phase::kCompensation).body, R"({"sent":"order-42"})");
}

TEST(ErrorCode, MakesEvenADoneAnswerARefusal) {
  Driver saga(flow({step("a", with("error_code", "${ body.error.code }"))}));
  saga.start();
  EXPECT_THAT(
      saga.answer("a", done(R"({"error":{"code":"declined"}})")),
      ElementsAre("a #1: declined not_done", "a failed: declined not_done", "turn back: declined", "compensated"));
  EXPECT_EQ(saga.state().error->http_status, 200);
}

TEST(ErrorCode, ThatIsNoStringChangesNothing) {
  for (const auto* body : {"{}", R"({"error":{"code":7}})", R"({"error":{"code":null}})", "null", "[]"}) {
    Driver saga(flow({step("a", with("error_code", "${ body.error.code }"))}));
    saga.start();
    EXPECT_THAT(saga.answer("a", done(body)), ElementsAre("a done", "completed")) << body;
  }
}

TEST(ErrorCode, NamesAFailureAndNonRetryableGoesByIt) {
  const auto workflow = flow(
      {step("a", with("retry: { max_attempts: 3, non_retryable: [declined] }, error_code", "${ body.error.code }"))});
  Driver saga(workflow);
  saga.start();
  EXPECT_THAT(saga.answer("a", answered(503, R"({"error":{"code":"busy"}})")),
              ElementsAre(HasSubstr("a #1: busy unknown, again")));
  saga.when_due();
  EXPECT_THAT(saga.answer("a", answered(503, R"({"error":{"code":"declined"}})")),
              Contains("a failed: declined unknown"));
  Driver page(workflow);
  page.start();
  EXPECT_THAT(page.answer("a", answered(503, "<html>")), ElementsAre(HasSubstr("a #1: 503 unknown, again")));
}

TEST(ErrorCode, ThatFailsAfterADoneAnswerLeavesTheStepUnknown) {
  Driver saga(flow({step("a", with("error_code", "${ body.n + 1 }"))}));
  saga.start();
  EXPECT_THAT(saga.answer("a", done(R"({"n":{}})")),
              ElementsAre("a #1: expression_error unknown", "a failed: expression_error unknown",
                          "turn back: expression_error", "undo a #1"));
}

TEST(ErrorCode, OfACompensationIsAFailureThatIsRetried) {
  Driver saga(flow({step("a", with("error_code", "${ body.error.code }")), step("b")}));
  saga.start();
  saga.answer("a", done());
  saga.answer("b", refused());
  EXPECT_THAT(saga.answer_undo("a", done(R"({"error":{"code":"locked"}})")),
              ElementsAre("undoing a #1: locked not_done, again in 10s"));
  saga.when_due();
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
}

}  // namespace
}  // namespace saga::core
