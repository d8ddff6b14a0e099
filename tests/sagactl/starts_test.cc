// start --inputs: lines, the ids they get, batches, what is refused and what is repeated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sagactl/bulk/start_lines.h"
#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr const char* kBatch = "POST /v1/sagas/batch";

/// What sagad would answer, had it never seen any of these.
StubReply started(const StubRequest& request, const std::set<std::string>& there = {}) {
  Json sagas = Json::array();
  const Json body = Json::parse(request.body);
  for (const Json& saga : body["sagas"]) {
    sagas.push_back({{"id", saga["id"]}, {"created", !there.contains(saga["id"].get<std::string>())}});
  }
  return {201, Json{{"sagas", sagas}}.dump()};
}

class Starts : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.always("GET /v1/workflows/order", {{"name", "order"}});
    server_.answer_by(kBatch, [](const StubRequest& request) { return started(request); });
  }

  /// The items of every batch that was sent, batch by batch.
  std::vector<Json> batches() {
    std::vector<Json> all;
    for (const StubRequest& request : server_.requests()) {
      if (request.method == "POST") all.push_back(Json::parse(request.body)["sagas"]);
    }
    return all;
  }
  static std::vector<std::string> ids_of(const Json& batch) {
    std::vector<std::string> ids;
    for (const Json& item : batch) ids.push_back(item["id"]);
    return ids;
  }

  StubServer server_;
  Shell shell_{server_};
  const TempFolder folder_;
};

TEST_F(Starts, EveryLineIsAnItemOfOneBatch) {
  const std::string file = folder_.write("in.jsonl",
                                         "{\"id\":\"o-1\",\"input\":{\"amount\":5},\"tags\":{\"shop\":\"7\"}}\n"
                                         "\n"
                                         "{\"id\":\"o-2\",\"tags\":{\"run\":\"own\"}}\r\n"
                                         "{\"id\":\"o-3\",\"input\":null}");
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", file, "--tag", "run=july", "--at", "2026-12-24T18:00:00Z"}), 0);
  EXPECT_EQ(shell_.out, "3 started, 0 already there, 0 refused\n");
  const auto sent = batches();
  ASSERT_THAT(sent, SizeIs(1));
  const std::string at = "2026-12-24T18:00:00.000Z";
  EXPECT_EQ(
      sent[0],
      Json(
          {{{"workflow", "order"},
            {"id", "o-1"},
            {"input", {{"amount", 5}}},
            {"start_at", at},
            {"tags", {{"shop", "7"}, {"run", "july"}}}},
           {{"workflow", "order"}, {"id", "o-2"}, {"start_at", at}, {"tags", {{"run", "own"}}}},
           {{"workflow", "order"}, {"id", "o-3"}, {"input", nullptr}, {"start_at", at}, {"tags", {{"run", "july"}}}}}));
}

TEST_F(Starts, BatchesHoldAThousandAtMost) {
  std::string lines;
  for (int i = 0; i < 2'500; ++i) lines += R"({"id":"o-)" + std::to_string(i) + "\"}\n";
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, lines), 0);
  EXPECT_EQ(shell_.out, "2500 started, 0 already there, 0 refused\n");
  std::set<std::string> ids;
  for (const Json& batch : batches()) {
    EXPECT_LE(batch.size(), 1'000U);
    for (const std::string& id : ids_of(batch)) ids.insert(id);
  }
  EXPECT_THAT(ids, SizeIs(2'500));
  EXPECT_THAT(batches(), SizeIs(3));
}

TEST_F(Starts, LargeLinesMakeSmallerBatches) {
  server_.script(kBatch, {{200, R"({"sagas":[]})"}});
  std::string lines;
  for (int i = 0; i < 9; ++i) lines += R"({"input":")" + std::to_string(i) + std::string(1'000'000, 'x') + "\"}\n";
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, lines), 0);
  EXPECT_EQ(shell_.out, "0 started, 9 already there, 0 refused\n");
  std::size_t batches = 0;
  for (const StubRequest& request : server_.requests()) {
    EXPECT_LT(request.body.size(), std::size_t{16} << 20);
    batches += request.method == "POST" ? 1 : 0;
  }
  EXPECT_EQ(batches, 2U);
}

TEST_F(Starts, LinesWithoutAnIdGetTheSameOneWheneverTheyAreRead) {
  const std::string lines = "{\"input\":1}\n{\"input\":2}\n{\"input\":1}\n";
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-", "-o", "ids"}, lines), 0);
  const std::string first = shell_.out;
  const auto ids = ids_of(batches()[0]);
  EXPECT_THAT(ids, Each(MatchesRegex("order-[0-9a-f]{20}(-2)?")));
  EXPECT_THAT(std::set<std::string>(ids.begin(), ids.end()), SizeIs(3));
  EXPECT_EQ(ids[2], ids[0] + "-2");
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-", "-o", "ids"}, lines), 0);
  EXPECT_EQ(shell_.out, first);
  // A line that is put in front, other blanks and another order of keys change no other line's id.
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, "{\"input\":0}\n{ \"input\" : 1 }\n"), 0);
  EXPECT_EQ(ids_of(batches()[2])[1], ids[0]);
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-", "--run", "again"}, lines), 0);
  EXPECT_NE(ids_of(batches()[3])[0], ids[0]);
}

TEST_F(Starts, AFileWithAMistakeIsNotBegun) {
  struct Bad {
    const char* line;
    const char* says;
  };
  for (const auto& [line, says] :
       {Bad{"{\"input\":", ":3: column "}, Bad{"[1]", ":3: expected an object"},
        Bad{"{\"inptu\":1}", ":3: unknown key 'inptu': did you mean 'input'?"},
        Bad{"{\"id\":5}", ":3: id: expected a string"}, Bad{"{\"id\":\"a b\"}", ":3: 'a b' is no saga's id"},
        Bad{"{\"tags\":[]}", ":3: tags: expected an object"},
        Bad{"{\"tags\":{\"a\":1}}", ":3: tags: expected a string for 'a'"}, Bad{"{\"a\":1,\"a\":2}", ":3: column "}}) {
    const std::string file = folder_.write("in.jsonl", std::string("{}\n{}\n") + line + "\n{}\n");
    EXPECT_EQ(shell_.run({"start", "order", "--inputs", file}), 2) << line;
    EXPECT_THAT(shell_.err, HasSubstr(file + says));
  }
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "/no/such/file"}), 2);
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", folder_.path()}), 2);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Starts, OnStdinNothingOfTheBatchWithTheMistakeIsSent) {
  std::string lines;
  for (int i = 0; i < 1'500; ++i) lines += i == 1'200 ? "nonsense\n" : "{\"input\":" + std::to_string(i) + "}\n";
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, lines), 2);
  EXPECT_THAT(shell_.err, HasSubstr("stdin:1201: column "));
  EXPECT_EQ(shell_.out, "1000 started, 0 already there, 0 refused, 200 not started\n");
}

TEST_F(Starts, WhatIsRefusedIsToldByLineAndTheRestIsStarted) {
  server_.script(kBatch, {problem(422, "/sagas/1/input/amount: expected integer, but it is string (and 1 more)",
                                  {{"errors",
                                    {{{"pointer", "/sagas/1/input/amount"}, {"detail", "expected integer"}},
                                     {{"pointer", "/sagas/1/input"}, {"detail", "required property 'sku' is missing"}},
                                     {{"pointer", "/sagas/3/id"}, {"detail", "saga 'd' is there already"}}}}}),
                          {201, R"({"sagas":[{"id":"a","created":true},{"id":"c","created":false}]})"}});
  const std::string lines = "{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n{\"id\":\"d\"}\n";
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, lines), 4);
  EXPECT_EQ(shell_.out, "1 started, 1 already there, 2 refused\n");
  EXPECT_EQ(shell_.err,
            "stdin:3: /input/amount: expected integer\n"
            "stdin:3: /input: required property 'sku' is missing\n"
            "stdin:5: /id: saga 'd' is there already\n");
  EXPECT_THAT(ids_of(batches()[1]), ElementsAre("a", "c"));
}

TEST_F(Starts, ABatchWithoutAnAnswerIsRepeatedAsItWas) {
  server_.script(kBatch, {{201, "", {}, "application/json", true},
                          problem(503, "the queue is full"),
                          {200, R"({"sagas":[{"id":"a","created":false},{"id":"b","created":true}]})"}});
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), 0);
  EXPECT_EQ(shell_.out, "1 started, 1 already there, 0 refused\n");
  const auto sent = batches();
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_THAT(sent, Each(sent[0]));
}

TEST_F(Starts, AServerThatStaysAwayEndsItWithWhatIsNotStarted) {
  server_.script(kBatch, {problem(503, "the store cannot write")});
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), 5);
  EXPECT_EQ(shell_.out, "0 started, 0 already there, 0 refused, 2 not started\n");
  EXPECT_THAT(shell_.err, AllOf(HasSubstr("the store cannot write; trying again"),
                                HasSubstr("the same command again goes on where this one stopped")));
}

TEST_F(Starts, AnUnknownWorkflowIsTold) {
  server_.script("GET /v1/workflows/odrer/2", {problem(404, "no workflow is named 'odrer': did you mean 'order'?")});
  EXPECT_EQ(shell_.run({"start", "odrer/2", "--inputs", "-"}, "{}\n"), 3);
  EXPECT_THAT(shell_.err, HasSubstr("did you mean 'order'?"));
  EXPECT_THAT(batches(), IsEmpty());
}

TEST_F(Starts, ARefusalOfItAllEndsIt) {
  server_.script(kBatch, {problem(403, "a reader may not start sagas")});
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-"}, "{}\n"), 4);
  EXPECT_THAT(shell_.err, HasSubstr("a reader may not start sagas"));
  EXPECT_EQ(shell_.out, "0 started, 0 already there, 0 refused, 1 not started\n");
}

TEST_F(Starts, CtrlCFinishesTheBatchesUnderWay) {
  std::string lines;
  for (int i = 0; i < 20'000; ++i) lines += "{\"input\":" + std::to_string(i) + "}\n";
  const std::string file = folder_.write("in.jsonl", lines);
  shell_.interrupted = [this] { return server_.requests().size() >= 4; };
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", file, "-o", "json"}), 130);
  const Json counts = Json::parse(shell_.out);
  EXPECT_EQ(counts["lines"], 20'000);
  EXPECT_EQ(counts["started"], 1'000 * batches().size());
  EXPECT_EQ(counts["started"].get<int>() + counts["not_started"].get<int>(), 20'000);
  EXPECT_THAT(shell_.err, HasSubstr("the same command again goes on where this one stopped"));
}

TEST_F(Starts, JsonlTellsEachLine) {
  server_.answer_by(kBatch, [](const StubRequest& request) { return started(request, {"b"}); });
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", "-", "-o", "jsonl"}, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), 0);
  EXPECT_EQ(shell_.out,
            "{\"id\":\"a\",\"line\":1,\"result\":\"started\"}\n"
            "{\"id\":\"b\",\"line\":2,\"result\":\"already there\"}\n");
}

TEST_F(Starts, AnEmptyFileStartsNothing) {
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", folder_.write("empty.jsonl", "")}), 0);
  EXPECT_EQ(shell_.out, "0 started, 0 already there, 0 refused\n");
}

TEST_F(Starts, WhatIsForOneSagaIsNotForMany) {
  const std::string file = folder_.write("in.jsonl", "{}\n");
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", file, "--id", "a"}), 2);
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", file, "--input", "{}"}), 2);
  EXPECT_EQ(shell_.run({"start", "order", "--inputs", file, "--wait"}), 2);
  EXPECT_EQ(shell_.run({"start", "order", "--run", "x"}), 2);
}

}  // namespace
}  // namespace saga::ctl
