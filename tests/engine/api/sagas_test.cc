// Starting, reading, waiting for and listing sagas.
#include <set>

#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Sagas : public ApiFixture {};

TEST_F(Sagas, AStartIsAnswered201WithItsLocationAndTheSaga) {
  const Reply reply = start("order-1");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.header("Location"), "/v1/sagas/order-1");
  EXPECT_EQ(reply.json["id"], "order-1");
  EXPECT_EQ(reply.json["status"], "running");
  EXPECT_EQ(call("GET", "/v1/sagas/order-1").json["id"], "order-1");
}

TEST_F(Sagas, TheSameStartAgainIs200OtherContent409) {
  start("order-1");
  const Reply again = start("order-1");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.json["id"], "order-1");
  const Reply other = start("order-1", 6);
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(other.content_type, "application/problem+json");
  EXPECT_EQ(stored_sagas(), 1);
}

TEST_F(Sagas, TheIdempotencyKeyIsTheIdWhereNoneIsGiven) {
  const std::string body = R"({"workflow":"order/1","input":{"amount":1}})";
  EXPECT_EQ(call("POST", "/v1/sagas", body, {{"idempotency-key", "key-1"}}).json["id"], "key-1");
  EXPECT_EQ(call("POST", "/v1/sagas", body, {{"idempotency-key", "key-1"}}).status, 200);
  EXPECT_EQ(call("POST", "/v1/sagas", R"({"workflow":"order","id":"own","input":{"amount":1}})",
                 {{"idempotency-key", "key-2"}})
                .json["id"],
            "own");
  EXPECT_THAT(call("POST", "/v1/sagas", body).json["id"].get<std::string>(), MatchesRegex("[0-9a-f-]{36}"));
}

TEST_F(Sagas, ATraceIsContinued) {
  const Reply reply = call("POST", "/v1/sagas", R"({"workflow":"order","input":{"amount":1}})",
                           {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  EXPECT_EQ(reply.json["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_THAT(start("other").json["trace_id"].get<std::string>(), MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(Sagas, AStartTimeAheadWaitsAndOneInThePastIsNow) {
  const auto begin_at = [&](const std::string& id, Timestamp at) {
    return call(
        "POST", "/v1/sagas",
        Json{{"workflow", "order"}, {"id", id}, {"input", {{"amount", 1}}}, {"start_at", format_time(at)}}.dump());
  };
  EXPECT_EQ(begin_at("later", clock_.now() + Millis{60'000}).json["status"], "pending");
  EXPECT_EQ(begin_at("past", clock_.now() - Millis{60'000}).json["status"], "running");
}

TEST_F(Sagas, AStartThatWaitsIsAnsweredWithTheEnd) {
  obliging_workers();
  const Reply reply = call("POST", "/v1/sagas?wait=30s", R"({"workflow":"order","id":"w","input":{"amount":1}})");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.json["status"], "completed");
  const Reply again = call("POST", "/v1/sagas?wait=30s", R"({"workflow":"order","id":"w","input":{"amount":1}})");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.json["status"], "completed");
}

TEST_F(Sagas, AWaitThatIsOverShowsTheSagaAsItIs) {
  const Reply started = call("POST", "/v1/sagas?wait=10ms", R"({"workflow":"order","id":"w","input":{"amount":1}})");
  EXPECT_EQ(started.status, 201);
  EXPECT_EQ(started.json["status"], "running");
  const Reply read = call("GET", "/v1/sagas/w?wait=10ms");
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.json["status"], "running");
}

TEST_F(Sagas, AWaitIsAnsweredWhenTheSagaEnds) {
  start("w");
  auto waiting = begin("GET", "/v1/sagas/w?wait=60s");
  next_call().answer(200, "{}");
  next_call().answer(200, "{}");
  EXPECT_EQ(get(std::move(waiting)).json["status"], "completed");
}

TEST_F(Sagas, AWaitIsAnsweredWhenTheSagaIsSuspended) {
  start("w");
  auto waiting = begin("GET", "/v1/sagas/w?wait=60s");
  ASSERT_EQ(call("POST", "/v1/sagas/w/suspend").status, 200);
  EXPECT_EQ(get(std::move(waiting)).json["status"], "suspended");
}

TEST_F(Sagas, AListIsNewestFirstInPagesWithoutHeavyParts) {
  for (int i = 0; i < 5; ++i) start("s-" + std::to_string(i));
  const Reply first = call("GET", "/v1/sagas?limit=2");
  ASSERT_EQ(first.json["sagas"].size(), 2u);
  EXPECT_EQ(first.json["sagas"][0]["id"], "s-4");
  EXPECT_FALSE(first.json["sagas"][0].contains("steps"));
  std::set<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const Reply reply = call("GET", "/v1/sagas?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const Json& saga : reply.json["sagas"]) seen.insert(saga["id"].get<std::string>());
    if (reply.json["next_cursor"].is_null()) break;
    cursor = reply.json["next_cursor"].get<std::string>();
  }
  EXPECT_EQ(seen.size(), 5u);
}

TEST_F(Sagas, AListTakesFilters) {
  start("one");
  call("POST", "/v1/sagas", R"({"workflow":"order","id":"two","input":{"amount":1},"tags":{"customer":"c-1"}})");
  EXPECT_EQ(call("GET", "/v1/sagas?tag=customer=c-1").json["sagas"].size(), 1u);
  EXPECT_EQ(call("GET", "/v1/sagas?status=running&workflow=order").json["sagas"].size(), 2u);
  EXPECT_EQ(call("GET", "/v1/sagas?status=completed").json["sagas"].size(), 0u);
  EXPECT_EQ(call("GET", "/v1/sagas?workflow=other").json["sagas"].size(), 0u);
}

TEST_F(Sagas, ASagaThatDoesNotReplayIsStillShown) {
  // A row whose journal says nothing this version knows.
  store::Append append;
  append.saga = store_->reserve_key();
  append.fence = {0, *store_->take_over(0, "test")};
  append.events.push_back({1, clock_.now(), "unheard_of", "{}"});
  append.create = store::Identity{"broken", "order", 1, {}, clock_.now(), 0};
  append.head = store::Head{};
  append.head->status = "running";
  append.head->updated_at = clock_.now();
  std::promise<Result<void>> written;
  ASSERT_TRUE(store_->submit(std::move(append), [&](Result<void> result) { written.set_value(std::move(result)); }));
  ASSERT_TRUE(written.get_future().get());

  const Reply reply = call("GET", "/v1/sagas/broken");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json["status"], "suspended");
  EXPECT_EQ(reply.json["error"]["code"], "corrupt");
  const Reply list = call("GET", "/v1/sagas");
  ASSERT_EQ(list.json["sagas"].size(), 1u);
  EXPECT_EQ(list.json["sagas"][0]["error"]["code"], "corrupt");
  EXPECT_EQ(call("GET", "/v1/sagas/broken/events").json["events"][0]["type"], "unheard_of");
}

TEST_F(Sagas, DrainingTakesNoStart) {
  runtime_->drain();
  draining_ = true;
  const Reply reply = start("late");
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.header("Retry-After"), "");
  EXPECT_EQ(stored_sagas(), 0);
  EXPECT_EQ(call("GET", "/health/ready").status, 503);
  EXPECT_EQ(call("GET", "/health/live").status, 200);
}

// ---- bad input ------------------------------------------------------------------------------------------------------

struct BadStart {
  const char* name;
  std::string body;
  int status;
  const char* says;
  Headers headers = {};
};

class BadStarts : public ApiFixture, public ::testing::WithParamInterface<BadStart> {};

TEST_P(BadStarts, AreRefusedAndLeaveNothingBehind) {
  const Reply reply = call("POST", "/v1/sagas", GetParam().body, GetParam().headers);
  EXPECT_EQ(reply.status, GetParam().status) << reply.text;
  EXPECT_EQ(reply.content_type, "application/problem+json");
  EXPECT_THAT(reply.text, HasSubstr(GetParam().says));
  EXPECT_LT(reply.text.size(), 8'000u) << "an answer does not repeat what came";
  EXPECT_EQ(stored_sagas(), 0);
  EXPECT_EQ(runtime_->stats().live, 0u);
}

std::string with(const std::string& members) { return R"({"workflow":"order","input":{"amount":1},)" + members + "}"; }

std::string many_tags() {
  Json tags = Json::object();
  for (int i = 0; i < 17; ++i) tags["t" + std::to_string(i)] = "v";
  return with(R"("tags":)" + tags.dump());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadStarts,
    ::testing::Values(
        BadStart{"empty", "", 400, "it is empty"}, BadStart{"not_json", "{", 400, "line 1"},
        BadStart{"two_documents", "{} {}", 400, "line 1"},
        BadStart{"deep", std::string(100'000, '[') + std::string(100'000, ']'), 400, "64"},
        BadStart{"repeated_key", R"({"workflow":"order","workflow":"order"})", 400, "twice"},
        BadStart{"not_utf8", "{\"workflow\":\"ord\xff\"}", 400, "line 1"},
        BadStart{"array", "[]", 422, "expected a JSON object"},
        BadStart{"unknown_key", with(R"("inptu":1)"), 422, R"("pointer":"/inptu")"},
        BadStart{"no_workflow", R"({"input":{}})", 422, "'workflow' is missing"},
        BadStart{"workflow_type", R"({"workflow":7})", 422, R"("pointer":"/workflow")"},
        BadStart{"unknown_workflow", R"({"workflow":"ordr","input":{}})", 404, "did you mean 'order'"},
        BadStart{"unknown_version", R"({"workflow":"order/9","input":{}})", 404, "it has 1"},
        BadStart{"version_text", R"({"workflow":"order/x","input":{}})", 422, "NAME/VERSION"},
        BadStart{"input_does_not_fit", R"({"workflow":"order","input":{"amount":0}})", 422,
                 R"("pointer":"/input/amount")"},
        BadStart{"input_missing", R"({"workflow":"order"})", 422, R"("pointer":"/input")"},
        BadStart{"id_long", with(R"("id":")" + std::string(10'000, 'x') + "\""), 422, "10000 characters"},
        BadStart{"id_control", with(R"("id":"a\nb")"), 422, R"("pointer":"/id")"},
        BadStart{"id_empty", with(R"("id":"")"), 422, "it is empty"},
        BadStart{"id_type", with(R"("id":5)"), 422, "a number"},
        BadStart{"key_header", with(R"("tags":{})"), 422, "Idempotency-Key", {{"idempotency-key", "a b"}}},
        BadStart{"tags_type", with(R"("tags":[])"), 422, R"("pointer":"/tags")"},
        BadStart{"tag_value", with(R"("tags":{"a/b":1})"), 422, R"("pointer":"/tags/a~1b")"},
        BadStart{"tag_long", with(R"("tags":{"a":")" + std::string(257, 'x') + "\"}"), 422, "256"},
        BadStart{"many_tags", many_tags(), 422, "at most 16"},
        BadStart{"start_at", with(R"("start_at":"tomorrow")"), 422, R"("pointer":"/start_at")"},
        BadStart{"actor_long", with(R"("tags":{})"), 400, "Saga-Actor", {{"saga-actor", std::string(129, 'x')}}},
        BadStart{"actor_control", with(R"("tags":{})"), 400, "Saga-Actor", {{"saga-actor", "a\x01"}}},
        BadStart{"foreign_page",
                 with(R"("tags":{})"),
                 403,
                 "evil.example",
                 {{"host", "127.0.0.1:7070"}, {"origin", "http://evil.example"}}}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Sagas, SeveralFaultsAreToldAtOnce) {
  const Reply reply = call("POST", "/v1/sagas", R"({"workflow":1,"id":"?","more":2,"tags":3})");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json["errors"].size(), 4u) << reply.text;
}

TEST_F(Sagas, BadReadsAreRefused) {
  EXPECT_EQ(call("GET", "/v1/sagas/none").status, 404);
  EXPECT_EQ(call("GET", "/v1/sagas/none?wait=30s").status, 404);
  EXPECT_EQ(call("GET", "/v1/sagas/none/events").status, 404);
  EXPECT_EQ(call("GET", "/v1/sagas/" + std::string(10'000, 'x')).status, 404);
  EXPECT_EQ(call("GET", "/v1/sagas/a%0Ab").status, 400);
  EXPECT_EQ(call("GET", "/v1/sagas?limit=0").status, 422);
  EXPECT_EQ(call("GET", "/v1/sagas/x?wait=soon").status, 422);
  EXPECT_EQ(call("GET", "/v1/sagas/x?wiat=1s").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas?wait=soon", "{}").status, 422);
  EXPECT_EQ(call("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(call("PUT", "/v1/sagas/x").status, 405);
  EXPECT_EQ(call("PUT", "/v1/sagas/x").header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(call("OPTIONS", "/v1/sagas").status, 204);
  EXPECT_EQ(call("OPTIONS", "/v1/nothing").status, 404);
}

}  // namespace
}  // namespace saga::api
