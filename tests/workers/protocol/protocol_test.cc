// The table of the step protocol, row by row, for both phases and with everything that changes a row.
#include "workers/protocol/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

using testing::HasSubstr;
using enum Outcome;

constexpr Timestamp kNow{1'700'000'000'000};
constexpr Phase kAction = Phase::kAction;
constexpr Phase kCompensation = Phase::kCompensation;

Answered answer(int status, std::string body = {}, std::string type = "application/json") {
  Answered a;
  a.status = status;
  a.content_type = body.empty() ? std::string() : std::move(type);
  a.body = std::move(body);
  return a;
}

Answered async(int status) {
  Answered a = answer(status);
  a.async = true;
  return a;
}

Answered over_limit(int status) {
  Answered a = answer(status);
  a.body_over_limit = true;
  return a;
}

CallOutcome unreachable() { return NotSent{NotSent::Reason::kUnreachable, "connection refused"}; }
CallOutcome no_instance() { return NotSent{NotSent::Reason::kNoInstance, "no such service"}; }
CallOutcome timeout() { return OutcomeUnknown{OutcomeUnknown::Reason::kTimeout, "no answer in 5s"}; }
CallOutcome lost() { return OutcomeUnknown{OutcomeUnknown::Reason::kConnectionLost, "reset"}; }
CallOutcome garbage() { return OutcomeUnknown{OutcomeUnknown::Reason::kBadAnswer, "not HTTP"}; }

enum Retried { kStops, kRetried };

struct Row {
  std::string what;
  CallOutcome came;
  bool earlier_unknown;
  Outcome outcome;
  Retried action_retried;
  Retried compensation_retried;
  std::string code;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.what; }

const Row kTable[] = {
    // what                          came                     earlier  outcome      action     compensation  code
    {"200", answer(200), false, kDone, kStops, kStops, ""},
    {"201 with JSON", answer(201, R"({"id":7})"), false, kDone, kStops, kStops, ""},
    {"204", answer(204), false, kDone, kStops, kStops, ""},
    {"299", answer(299), false, kDone, kStops, kStops, ""},
    {"202 without Saga-Async", answer(202), false, kDone, kStops, kStops, ""},
    {"202 with Saga-Async", async(202), false, kPending, kStops, kStops, ""},
    {"200 with Saga-Async", async(200), false, kDone, kStops, kStops, ""},
    {"500 with Saga-Async", async(500), false, kUnknown, kRetried, kRetried, "500"},
    {"accepted 404", answer(404), false, kNotDone, kStops, kRetried, "404"},
    {"409", answer(409), false, kNotDone, kStops, kRetried, "409"},
    {"409 after unknown", answer(409), true, kUnknown, kRetried, kRetried, "409"},
    {"422 after unknown", answer(422), true, kNotDone, kStops, kRetried, "422"},
    {"408", answer(408), false, kUnknown, kRetried, kRetried, "408"},
    {"425", answer(425), false, kUnknown, kRetried, kRetried, "425"},
    {"500", answer(500), false, kUnknown, kRetried, kRetried, "500"},
    {"501", answer(501), false, kUnknown, kRetried, kRetried, "501"},
    {"503", answer(503), false, kUnknown, kRetried, kRetried, "503"},
    {"599", answer(599), false, kUnknown, kRetried, kRetried, "599"},
    {"429", answer(429), false, kNotDone, kRetried, kRetried, "429"},
    {"429 after unknown", answer(429), true, kNotDone, kRetried, kRetried, "429"},
    {"400", answer(400), false, kNotDone, kStops, kRetried, "400"},
    {"404", answer(404), false, kNotDone, kStops, kRetried, "404"},
    {"422", answer(422), false, kNotDone, kStops, kRetried, "422"},
    {"499", answer(499), false, kNotDone, kStops, kRetried, "499"},
    {"300", answer(300), false, kUnknown, kStops, kRetried, "300"},
    {"302", answer(302), false, kUnknown, kStops, kRetried, "302"},
    {"304", answer(304), false, kUnknown, kStops, kRetried, "304"},
    {"a status HTTP does not know", answer(799), false, kUnknown, kStops, kRetried, "799"},
    {"200 over the limit", over_limit(200), false, kUnknown, kStops, kRetried, "bad_answer"},
    {"422 over the limit", over_limit(422), false, kNotDone, kStops, kRetried, "422"},
    {"503 over the limit", over_limit(503), false, kUnknown, kRetried, kRetried, "503"},
    {"200, broken JSON", answer(200, "{oops"), false, kUnknown, kStops, kRetried, "bad_answer"},
    {"200, JSON with a key twice", answer(200, R"({"a":1,"a":2})"), false, kUnknown, kStops, kRetried, "bad_answer"},
    {"200, JSON too deep", answer(200, std::string(65, '[') + std::string(65, ']')), false, kUnknown, kStops, kRetried,
     "bad_answer"},
    {"200, bytes that are no text", answer(200, "\xff\xfe", "text/plain"), false, kUnknown, kStops, kRetried,
     "bad_answer"},
    {"500, broken JSON", answer(500, "{oops"), false, kUnknown, kRetried, kRetried, "500"},
    {"no connection", unreachable(), false, kNotDone, kRetried, kRetried, "unreachable"},
    {"timeout", timeout(), false, kUnknown, kRetried, kRetried, "timeout"},
    {"connection lost", lost(), false, kUnknown, kRetried, kRetried, "connection_lost"},
    {"garbage", garbage(), false, kUnknown, kStops, kRetried, "bad_answer"},
    {"no instance", no_instance(), false, kNotCalled, kRetried, kRetried, "no_instance"},
};

class Table : public testing::TestWithParam<Row> {
 protected:
  static Verdict read(Phase phase) {
    return interpret(GetParam().came, {.phase = phase, .earlier_attempt_unknown = GetParam().earlier_unknown}, kNow);
  }
};

TEST_P(Table, HoldsForAnAction) {
  const Verdict verdict = read(kAction);
  EXPECT_EQ(verdict.outcome, GetParam().outcome) << to_string(verdict.outcome);
  EXPECT_EQ(verdict.retryable, GetParam().action_retried == kRetried);
  EXPECT_EQ(verdict.code, GetParam().code);
}

TEST_P(Table, HoldsForACompensation) {
  const Verdict verdict = read(kCompensation);
  EXPECT_EQ(verdict.outcome, GetParam().outcome) << to_string(verdict.outcome);
  EXPECT_EQ(verdict.retryable, GetParam().compensation_retried == kRetried);
  EXPECT_EQ(verdict.code, GetParam().code);
}

TEST_P(Table, HasAMessageExactlyWhereItFailedAndAnOutputExactlyWhereItIsDone) {
  for (const Phase phase : {kAction, kCompensation}) {
    const Verdict verdict = read(phase);
    const bool well = verdict.outcome == kDone || verdict.outcome == kPending;
    EXPECT_EQ(verdict.message.empty(), well) << verdict.message;
    EXPECT_EQ(verdict.output != nullptr, verdict.outcome == kDone);
    const auto* answered = std::get_if<Answered>(&GetParam().came);
    EXPECT_EQ(verdict.http_status, answered == nullptr ? 0 : answered->status);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryRow, Table, testing::ValuesIn(kTable));

// ---- accept ---------------------------------------------------------------------------------------------------------

TEST(Accept, AListedStatusMeansDoneInBothPhases) {
  const std::vector<int> accept = {404, 302, 503};
  for (const Phase phase : {kAction, kCompensation}) {
    for (const int status : accept) {
      const Verdict verdict = interpret(answer(status), {.phase = phase, .accept = accept}, kNow);
      EXPECT_EQ(verdict.outcome, kDone) << status;
      EXPECT_EQ(*verdict.output, Json(nullptr));
    }
    EXPECT_EQ(interpret(answer(410), {.phase = phase, .accept = accept}, kNow).outcome, kNotDone);
  }
}

TEST(Accept, AnAcceptedFailureIsDoneWhateverItsBody) {
  const std::vector<int> accept = {404};
  const AnswerContext context{.phase = kCompensation, .accept = accept};
  EXPECT_EQ(*interpret(answer(404, R"({"gone":true})"), context, kNow).output, Json({{"gone", true}}));
  EXPECT_EQ(*interpret(answer(404, "{oops"), context, kNow).output, Json("{oops"));
  EXPECT_EQ(*interpret(answer(404, "\xff", "text/html"), context, kNow).output, Json(nullptr));
  EXPECT_EQ(*interpret(over_limit(404), context, kNow).output, Json(nullptr));
}

TEST(Accept, Takes409AsDoneAlsoAfterAnUnknownAttempt) {
  const std::vector<int> accept = {409};
  EXPECT_EQ(interpret(answer(409), {.accept = accept, .earlier_attempt_unknown = true}, kNow).outcome, kDone);
}

TEST(Accept, DoesNotEndACallThatTheWorkerTookForLater) {
  const std::vector<int> accept = {202};
  EXPECT_EQ(interpret(async(202), {.accept = accept}, kNow).outcome, kPending);
}

// ---- what the body changes ------------------------------------------------------------------------------------------

struct Change {
  int status;
  std::string body;
  std::vector<std::string> non_retryable;
  Outcome outcome;
  Retried action_retried;
  Retried compensation_retried;
};

TEST(Retrying, NonRetryableBeatsTheBodyWhichBeatsTheTable) {
  const std::string yes = R"({"code":"card_declined","retryable":true})",
                    no = R"({"code":"card_declined","retryable":false})", text = R"({"retryable":"false"})";
  const Change changes[] = {
      // status, body, non_retryable, outcome, action, compensation
      {422, yes, {}, kNotDone, kRetried, kRetried},
      {422, no, {}, kNotDone, kStops, kStops},
      {422, text, {}, kNotDone, kStops, kRetried},  // Only a boolean counts.
      {500, yes, {}, kUnknown, kRetried, kRetried},
      {500, no, {}, kUnknown, kStops, kStops},
      {429, no, {}, kNotDone, kStops, kStops},
      {302, yes, {}, kUnknown, kRetried, kRetried},
      {422, yes, {"card_declined"}, kNotDone, kStops, kStops},
      {422, yes, {"422"}, kNotDone, kStops, kStops},
      {500, yes, {"other", "500"}, kUnknown, kStops, kStops},
      {500, "", {"500"}, kUnknown, kStops, kStops},
      {500, "", {"503", "card_declined"}, kUnknown, kRetried, kRetried},
      {404, "", {"404"}, kNotDone, kStops, kStops},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(std::to_string(change.status) + " " + change.body);
    for (const Phase phase : {kAction, kCompensation}) {
      const Verdict verdict =
          interpret(answer(change.status, change.body), {.phase = phase, .non_retryable = change.non_retryable}, kNow);
      EXPECT_EQ(verdict.outcome, change.outcome);
      EXPECT_EQ(verdict.retryable,
                (phase == kAction ? change.action_retried : change.compensation_retried) == kRetried);
    }
  }
}

TEST(Retrying, ARetryableFalseStopsA409AfterAnUnknownAttemptButLeavesItUnknown) {
  const Verdict verdict = interpret(answer(409, R"({"retryable":false})"), {.earlier_attempt_unknown = true}, kNow);
  EXPECT_EQ(verdict.outcome, kUnknown);
  EXPECT_FALSE(verdict.retryable);
}

TEST(Retrying, NonRetryableNamesOurOwnCodesToo) {
  const std::vector<std::string> listed = {"timeout", "unreachable", "connection_lost", "bad_answer", "no_instance"};
  for (const Phase phase : {kAction, kCompensation}) {
    const AnswerContext context{.phase = phase, .non_retryable = listed};
    for (const CallOutcome& came : {timeout(), unreachable(), lost(), garbage(), CallOutcome(answer(200, "{oops"))}) {
      EXPECT_FALSE(interpret(came, context, kNow).retryable);
    }
    EXPECT_TRUE(interpret(no_instance(), context, kNow).retryable) << "what was not called cannot be ruled out";
  }
}

TEST(Retrying, AnEmptyNonRetryableNameMatchesNothing) {
  const std::vector<std::string> listed = {"", "0"};
  EXPECT_TRUE(interpret(timeout(), {.non_retryable = listed}, kNow).retryable);
  EXPECT_TRUE(interpret(answer(500), {.non_retryable = listed}, kNow).retryable);
}

TEST(RetryAfter, IsKeptOnlyWhereARetryFollows) {
  Answered busy = answer(503), refused = answer(422), fine = answer(200);
  busy.retry_after = refused.retry_after = fine.retry_after = "7";
  EXPECT_EQ(interpret(busy, {}, kNow).retry_after, Millis(7'000));
  EXPECT_EQ(interpret(refused, {}, kNow).retry_after, std::nullopt);
  EXPECT_EQ(interpret(fine, {}, kNow).retry_after, std::nullopt);
  EXPECT_EQ(interpret(refused, {.phase = kCompensation}, kNow).retry_after, Millis(7'000));
  busy.retry_after = "soon";
  EXPECT_EQ(interpret(busy, {}, kNow).retry_after, std::nullopt);
}

// ---- codes and messages ---------------------------------------------------------------------------------------------

struct Said {
  std::string type;
  std::string body;
  std::string code;
  std::string message;
};

TEST(Failure, TakesCodeAndMessageFromAnyJsonObject) {
  const std::string json = "application/json", problem = "application/problem+json; charset=utf-8", text = "text/plain";
  const Said cases[] = {
      {json, R"({"code":"card_declined","message":"no money"})", "card_declined", "no money"},
      {problem, R"({"code":"x","title":"t","detail":"d","message":"m"})", "x", "d"},
      {problem, R"({"title":"t","message":"m"})", "422", "t"},
      {"APPLICATION/JSON", R"({"code":51})", "51", "answered 422"},
      {json, R"({"code":-1.5})", "-1.5", "answered 422"},
      {json, R"({"code":null,"detail":7})", "422", "answered 422"},
      {json, R"({"code":""})", "422", "answered 422"},
      {json, R"({"code":{"a":1},"detail":"","title":"t"})", "422", "t"},
      {json, R"(["code"])", "422", "answered 422"},
      {json, "{broken", "422", "answered 422"},
      {text, R"( {"code":"plain"})", "plain", "answered 422"},
      {"", R"({"code":"bare"})", "bare", "answered 422"},
      {text, " sold out\n", "422", "sold out"},
      {"text/html", "<html>…</html>", "422", "answered 422"},
      {text, "\xff", "422", "\xEF\xBF\xBD"},
      {"", "", "422", "answered 422"},
  };
  for (const Said& said : cases) {
    SCOPED_TRACE(said.type + " " + said.body);
    Answered refused = answer(422, said.body);
    refused.content_type = said.type;
    const Verdict verdict = interpret(refused, {}, kNow);
    EXPECT_EQ(verdict.code, said.code);
    EXPECT_EQ(verdict.message, said.message);
  }
}

TEST(Failure, BoundsWhatAWorkerSaysAtACharacter) {
  std::string long_text;
  while (long_text.size() < 5'000) long_text += "ü€";
  const Verdict verdict = interpret(answer(422, dump_json({{"code", long_text}, {"detail", long_text}})), {}, kNow);
  EXPECT_LE(verdict.message.size(), 1'000U);
  EXPECT_GE(verdict.message.size(), 998U);
  EXPECT_TRUE(is_utf8(verdict.message));
  EXPECT_LE(verdict.code.size(), 200U);
  EXPECT_TRUE(is_utf8(verdict.code));
  const Verdict own = interpret(OutcomeUnknown{.message = std::string(3'000, '\xff')}, {}, kNow);
  EXPECT_LE(own.message.size(), 1'000U);
  EXPECT_TRUE(is_utf8(own.message));
}

TEST(Failure, SaysWhatWasWrongWithABrokenAnswer) {
  EXPECT_THAT(interpret(answer(200, "{\"a\":1,\"a\":2}"), {}, kNow).message, HasSubstr("key 'a' is there twice"));
  EXPECT_THAT(interpret(over_limit(200), {}, kNow).message, HasSubstr("1 MiB"));
}

// ---- output ---------------------------------------------------------------------------------------------------------

struct Output {
  std::string type;
  std::string body;
  Json output;
};

TEST(Output, IsJsonWhereDeclaredElseTextElseNull) {
  const Output cases[] = {
      {"application/json", R"({"a":[1,null]})", Json::parse(R"({"a":[1,null]})")},
      {"application/json; charset=utf-8", "\"x\"", "x"},
      {" Application/Vnd.Shop+JSON ;v=1", "1", 1},
      {"application/json", "9223372036854775807", 9223372036854775807},
      {"application/json", "null", nullptr},
      {"application/json", "", nullptr},
      {"text/plain", R"({"a":1})", R"({"a":1})"},
      {"text/plain; charset=utf-8", "grüß", "grüß"},
      {"application/jsonl", "{}", "{}"},
      {"application/+json", "{}", "{}"},
      {"text/json", "{}", "{}"},
      {"", R"( {"a":1})", Json::parse(R"({"a":1})")},
      {"", "[1]", Json::parse("[1]")},
      {"", "{oops", "{oops"},
      {"", "42", "42"},
  };
  for (const Output& expected : cases) {
    SCOPED_TRACE(expected.type + " " + expected.body);
    Answered fine = answer(200, expected.body);
    fine.content_type = expected.type;
    const Verdict verdict = interpret(fine, {}, kNow);
    ASSERT_EQ(verdict.outcome, kDone);
    EXPECT_EQ(*verdict.output, expected.output);
  }
}

// ---- names ----------------------------------------------------------------------------------------------------------

TEST(Names, AreTheOnesOfTheProtocol) {
  EXPECT_EQ(idempotency_key("order-42", "reserve_inventory", kAction), "order-42/reserve_inventory/action");
  EXPECT_EQ(idempotency_key("order-42", "reserve_inventory", kCompensation), "order-42/reserve_inventory/compensation");
  EXPECT_EQ(to_string(kDone), "done");
  EXPECT_EQ(to_string(kNotDone), "not_done");
  EXPECT_EQ(to_string(kUnknown), "unknown");
  EXPECT_EQ(to_string(kPending), "pending");
  EXPECT_EQ(to_string(kNotCalled), "not_called");
}

TEST(Verdicts, AreEqualByWhatTheirOutputSays) {
  const Verdict one = interpret(answer(200, R"({"a":1})"), {}, kNow),
                other = interpret(answer(200, R"({ "a": 1 })"), {}, kNow);
  EXPECT_EQ(one, other);
  EXPECT_FALSE(one == interpret(answer(200, R"({"a":2})"), {}, kNow));
}

}  // namespace
}  // namespace saga::workers
