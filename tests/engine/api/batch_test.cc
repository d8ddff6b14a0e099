// POST /v1/sagas/batch.
#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

class Batch : public ApiFixture {
 protected:
  static Json item(const std::string& id, int amount = 5) {
    return {{"workflow", "order"}, {"id", id}, {"input", {{"amount", amount}}}};
  }
  Reply batch(const Json& sagas, Headers headers = {}) {
    return call("POST", "/v1/sagas/batch", Json{{"sagas", sagas}}.dump(), std::move(headers));
  }
};

TEST_F(Batch, AnswersTheIdsInTheirOrder) {
  const Reply reply = batch({item("b"), {{"workflow", "order/1"}, {"input", {{"amount", 1}}}}, item("a")});
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.json["started"], 3);
  EXPECT_EQ(reply.json["already_there"], 0);
  ASSERT_EQ(reply.json["sagas"].size(), 3U);
  EXPECT_EQ(reply.json["sagas"][0], Json({{"id", "b"}, {"created", true}}));
  EXPECT_THAT(reply.json["sagas"][1]["id"].get<std::string>(), MatchesRegex("[0-9a-f-]{36}"));
  EXPECT_EQ(reply.json["sagas"][2]["id"], "a");
  EXPECT_EQ(stored_sagas(), 3);
  EXPECT_EQ(call("GET", "/v1/sagas/b").json["input"], Json({{"amount", 5}}));
}

TEST_F(Batch, WhatIsThereCountsAsStarted) {
  start("order-1");
  const Json sagas{item("order-1"), item("order-2")};
  const Reply first = batch(sagas);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(first.json["sagas"],
            Json({{{"id", "order-1"}, {"created", false}}, {{"id", "order-2"}, {"created", true}}}));
  const Reply again = batch(sagas);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.json["started"], 0);
  EXPECT_EQ(again.json["already_there"], 2);
  EXPECT_EQ(stored_sagas(), 2);
}

TEST_F(Batch, AClashIs409NamesItAndStartsNothing) {
  start("order-1");
  const Reply reply = batch({item("order-0"), item("order-1", 6)});
  EXPECT_EQ(reply.status, 409);
  EXPECT_THAT(reply.json["detail"].get<std::string>(), HasSubstr("nothing of the batch was started"));
  ASSERT_EQ(reply.json["errors"].size(), 1U);
  EXPECT_EQ(reply.json["errors"][0]["pointer"], "/sagas/1/id");
  EXPECT_THAT(reply.json["errors"][0]["detail"].get<std::string>(), HasSubstr("'order-1'"));
  EXPECT_EQ(stored_sagas(), 1);
}

TEST_F(Batch, AnIdTwiceIs409AndStartsNothing) {
  const Reply reply = batch({item("a"), item("b"), item("a")});
  EXPECT_EQ(reply.status, 409);
  ASSERT_EQ(reply.json["errors"].size(), 1U);
  EXPECT_EQ(reply.json["errors"][0]["pointer"], "/sagas/2/id");
  EXPECT_THAT(reply.json["errors"][0]["detail"].get<std::string>(), HasSubstr("first at /sagas/0"));
  EXPECT_EQ(stored_sagas(), 0);
}

TEST_F(Batch, EveryMistakeIsPointedAt) {
  Json wrong_type = item("a");
  wrong_type["input"]["amount"] = "many";
  const Reply reply =
      batch({item("fine"), wrong_type, {{"workflow", "odrer"}}, {{"workflw", "order"}}, 5, item("b c")});
  EXPECT_EQ(reply.status, 422);
  std::vector<std::string> pointers;
  for (const Json& error : reply.json["errors"]) pointers.push_back(error["pointer"]);
  EXPECT_THAT(pointers, ::testing::ElementsAre("/sagas/1/input/amount", "/sagas/2/workflow", "/sagas/3/workflw",
                                               "/sagas/3/workflow", "/sagas/4", "/sagas/5/id"));
  EXPECT_THAT(reply.json["errors"][1]["detail"].get<std::string>(), HasSubstr("did you mean 'order'?"));
  EXPECT_EQ(stored_sagas(), 0);
}

TEST_F(Batch, ManyMistakesAreCutShort) {
  Json sagas = Json::array();
  for (int i = 0; i < 1'000; ++i) sagas.push_back(Json::object());
  const Reply reply = batch(sagas);
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json["errors"].size(), 100U);
}

TEST_F(Batch, ATaggedOneOfAThousandIsFineAndOneMoreIsNot) {
  obliging_workers();
  Json sagas = Json::array();
  for (int i = 0; i < 1'000; ++i) sagas.push_back(item("order-" + std::to_string(i)));
  sagas[999]["tags"] = {{"shop", "7"}};
  EXPECT_EQ(batch(sagas).status, 201);
  EXPECT_EQ(stored_sagas(), 1'000);
  EXPECT_EQ(call("GET", "/v1/sagas?tag=shop=7").json["sagas"][0]["id"], "order-999");
  sagas.push_back(item("order-1000"));
  const Reply reply = batch(sagas);
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json["errors"][0]["pointer"], "/sagas");
  EXPECT_THAT(reply.json["detail"].get<std::string>(), HasSubstr("at most 1000 starts, but there are 1001"));
}

TEST_F(Batch, OneStartMayNotBeLargerThanItMayBeByItself) {
  Json large = item("large");
  large["input"]["note"] = std::string(1 << 20, 'x');
  const Reply reply = batch({item("small"), large});
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json["errors"][0]["pointer"], "/sagas/1");
  EXPECT_EQ(stored_sagas(), 0);
}

TEST_F(Batch, WhatIsNoBatchIsRefused) {
  EXPECT_EQ(call("POST", "/v1/sagas/batch", "[]").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/batch", "{}").json["errors"][0]["pointer"], "/sagas");
  EXPECT_EQ(call("POST", "/v1/sagas/batch", R"({"sagas":{}})").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/batch", R"({"sagas":null})").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/batch", R"({"sagas":[],"wait":1})").json["errors"][0]["pointer"], "/wait");
  EXPECT_EQ(call("POST", "/v1/sagas/batch", R"({"sagas":[)").status, 400);
  EXPECT_EQ(call("POST", "/v1/sagas/batch?wait=1s", R"({"sagas":[]})").status, 422);
  EXPECT_EQ(call("POST", "/v1/sagas/batch", R"({"sagas":[]})").status, 200);
}

TEST_F(Batch, AnIdempotencyKeyAsksForIds) {
  const Headers key{{"idempotency-key", "batch-1"}};
  const Reply refused = batch({item("a"), {{"workflow", "order"}, {"input", {{"amount", 1}}}}}, key);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.json["errors"][0]["pointer"], "/sagas/1/id");
  EXPECT_EQ(batch({item("a"), item("b")}, key).status, 201);
}

TEST_F(Batch, ASagaMayStillBeNamedBatch) {
  start("batch");
  EXPECT_EQ(call("GET", "/v1/sagas/batch").json["id"], "batch");
  EXPECT_THAT(call("DELETE", "/v1/sagas/batch").header("Allow"), StartsWith("POST, GET"));
}

TEST_F(Batch, IsRefusedWholeWhileDraining) {
  runtime_->drain();
  const Reply reply = batch(Json::array({item("a")}));
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.header("Retry-After"), "");
  EXPECT_EQ(stored_sagas(), 0);
}

}  // namespace
}  // namespace saga::api
