// The verbs on many sagas: which they are, whether somebody agrees, what is called, and that the numbers add up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sagactl/bulk/pace.h"
#include "sagactl/bulk/progress.h"
#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

Json item(const std::string& id, const std::vector<std::string>& allowed = {"retry", "skip", "terminate"}) {
  return {{"id", id}, {"workflow", "order-saga"}, {"version", 1}, {"status", "failed"}, {"allowed", allowed}};
}

class Many : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.always("GET /v1/sagas", {{"sagas", {item("c"), item("b"), item("a")}}, {"next_cursor", nullptr}});
    server_.always("GET /v1/stats", {{"attention",
                                      {{{"workflow", "order-saga"},
                                        {"step", "process_payment"},
                                        {"phase", "compensation"},
                                        {"code", "gateway_down"},
                                        {"count", 3}}}}});
    for (const char* id : {"a", "b", "c"}) does(id);
  }

  void does(const std::string& id, const std::string& verb = "retry") {
    server_.always("POST /v1/sagas/" + id + "/" + verb, {{"id", id}, {"status", "running"}});
  }

  /// The paths that were posted to, as often as they were.
  std::multiset<std::string> posted() {
    std::multiset<std::string> paths;
    for (const StubRequest& request : server_.requests()) {
      if (request.method == "POST") paths.insert(request.target);
    }
    return paths;
  }

  StubServer server_;
  Shell shell_{server_};
};

TEST_F(Many, AllThatTheFilterListsAreCalled) {
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention", "--step", "process_payment", "--code", "gateway_down",
                        "--reason", "mended", "--yes"}),
            0);
  EXPECT_EQ(shell_.out, "3 retried, 0 nothing to do, 0 refused, 0 unreachable\n");
  EXPECT_THAT(shell_.err, IsEmpty());
  EXPECT_THAT(posted(), UnorderedElementsAre("/v1/sagas/a/retry", "/v1/sagas/b/retry", "/v1/sagas/c/retry"));
  const auto requests = server_.requests();
  EXPECT_EQ(requests.front().query.at("needs_attention"), "true");
  EXPECT_EQ(requests.front().query.at("step"), "process_payment");
  EXPECT_EQ(requests.front().query.at("code"), "gateway_down");
  EXPECT_EQ(Json::parse(requests.back().body), Json({{"reason", "mended"}, {"step", "process_payment"}}));
}

TEST_F(Many, TheFilterOfAVerbThatTakesNoStepIsNotSentAsOne) {
  server_.always("GET /v1/sagas", {{"sagas", {item("a")}}, {"next_cursor", nullptr}});
  does("a", "terminate");
  EXPECT_EQ(shell_.run({"terminate", "--all", "--step", "pay", "--reason", "settled", "-y"}), 0);
  EXPECT_EQ(server_.requests().front().query.at("step"), "pay");
  EXPECT_EQ(Json::parse(server_.requests().back().body), Json({{"reason", "settled"}}));
}

TEST_F(Many, OnlyThoseThatTheVerbIsForAreListedAndWhatIsNotStuckIsNotRetried) {
  server_.always("GET /v1/sagas", {{"sagas", {item("a"), item("b", {"cancel", "suspend"})}}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"retry", "--all", "--workflow", "order-saga", "--yes"}), 0);
  EXPECT_EQ(server_.requests().front().query.at("status"), "running,compensating,suspended,failed");
  EXPECT_THAT(posted(), UnorderedElementsAre("/v1/sagas/a/retry"));
  EXPECT_EQ(shell_.run({"retry", "--all", "--status", "failed", "--yes"}), 0);
  EXPECT_EQ(server_.requests()[2].query.at("status"), "failed");
}

TEST_F(Many, EveryPageIsReadBeforeTheFirstCall) {
  server_.script("GET /v1/sagas", {{200, Json{{"sagas", {item("c"), item("b")}}, {"next_cursor", "two"}}.dump()},
                                   {200, Json{{"sagas", {item("a")}}, {"next_cursor", nullptr}}.dump()}});
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention", "--yes"}), 0);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 5U);
  EXPECT_EQ(requests[0].query.count("cursor"), 0U);
  EXPECT_EQ(requests[1].query.at("cursor"), "two");
  EXPECT_EQ(requests[1].query.at("limit"), "500");
  EXPECT_EQ(requests[2].method, "POST");
}

TEST_F(Many, APersonIsToldTheCountAndWhatTheyAreStuckAtAndAsked) {
  shell_.terminal = true;
  shell_.person = true;
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention"}, "n\n"), 1);
  EXPECT_THAT(shell_.err, AllOf(HasSubstr("process_payment compensation: 3 gateway_down\n"),
                                HasSubstr("retry 3 sagas? [y/N] "), HasSubstr("nothing was done")));
  EXPECT_THAT(posted(), IsEmpty());
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention"}, "y\n"), 0);
  EXPECT_EQ(posted().size(), 3U);
  EXPECT_THAT(shell_.out, HasSubstr("3 retried"));
}

TEST_F(Many, WhereNobodyCanBeAskedNothingIsDone) {
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("--yes"));
  EXPECT_EQ(shell_.run({"retry", "-"}, "a\n"), 2);
  EXPECT_THAT(shell_.err, HasSubstr("the ids come from stdin"));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Many, EverySagaThereIsOnlyAPersonCanWant) {
  EXPECT_EQ(shell_.run({"retry", "--all", "--yes"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("--all without a filter is every saga there is"));
  EXPECT_THAT(server_.requests(), IsEmpty());
  shell_.terminal = true;
  shell_.person = true;
  EXPECT_EQ(shell_.run({"retry", "--all", "--yes"}, "y\n"), 1);
  EXPECT_THAT(shell_.err, HasSubstr("Type their number to go on: "));
  EXPECT_THAT(posted(), IsEmpty());
  EXPECT_EQ(shell_.run({"retry", "--all"}, "3\n"), 0);
  EXPECT_EQ(posted().size(), 3U);
}

TEST_F(Many, ADryRunShowsTheIdsAndCallsNothing) {
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention", "--dry-run"}), 0);
  EXPECT_EQ(shell_.out, "a\nb\nc\n") << "the oldest first";
  EXPECT_EQ(shell_.err, "process_payment compensation: 3 gateway_down\n3 sagas would be retried\n");
  EXPECT_THAT(posted(), IsEmpty());
}

TEST_F(Many, IdsComeFromStdinOrOneAfterTheOther) {
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, "a\n\n  b \r\na\n"), 0);
  EXPECT_EQ(shell_.out, "2 retried, 0 nothing to do, 0 refused, 0 unreachable\n");
  EXPECT_EQ(shell_.run({"retry", "a", "c"}), 0);
  EXPECT_THAT(posted(),
              UnorderedElementsAre("/v1/sagas/a/retry", "/v1/sagas/a/retry", "/v1/sagas/b/retry", "/v1/sagas/c/retry"));
}

TEST_F(Many, WhatIsNoIdStopsItBeforeAnythingIsDone) {
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, "a\nnot an id\n"), 2);
  EXPECT_THAT(shell_.err, StartsWith("sagactl: stdin:2: 'not an id' is no saga's id"));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Many, TheNumbersAddUp) {
  const auto refusal = problem(409, "retry is for a saga that is stuck", {{"allowed", {"cancel"}}});
  server_.script("POST /v1/sagas/b/retry", {refusal});
  server_.script("POST /v1/sagas/c/retry", {{200, R"({"id":"c"})", {{"Saga-Changed", "false"}}}});
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, "a\nb\nc\nunknown\n"), 4);
  EXPECT_EQ(shell_.out, "1 retried, 1 nothing to do, 1 refused, 1 not found, 0 unreachable\n");
  EXPECT_EQ(shell_.err,
            "  1 not found: there is no such saga: unknown\n"
            "  1 refused: retry is for a saga that is stuck (allowed: cancel): b\n");
}

TEST_F(Many, EachFormatShowsWhatBecameOfThem) {
  server_.script("POST /v1/sagas/b/retry", {problem(409, "not now", {{"allowed", {"cancel"}}})});
  EXPECT_EQ(shell_.run({"retry", "-", "--yes", "-o", "ids"}, "a\nb\n"), 4);
  EXPECT_EQ(shell_.out, "a\n");
  EXPECT_THAT(shell_.err, HasSubstr("1 retried, 0 nothing to do, 1 refused"));
  EXPECT_EQ(shell_.run({"retry", "-", "--yes", "-o", "jsonl"}, "b\n"), 4);
  EXPECT_EQ(Json::parse(shell_.out),
            Json({{"id", "b"}, {"result", "refused"}, {"detail", "not now"}, {"allowed", {"cancel"}}}));
  EXPECT_EQ(shell_.run({"retry", "-", "--yes", "-o", "json"}, "a\nb\n"), 4);
  const Json counts = Json::parse(shell_.out);
  EXPECT_EQ(counts["done"], 1);
  EXPECT_EQ(counts["refused"], 1);
}

TEST_F(Many, WhatTheServerDidNotTakeIsTriedAgainAndWhatGotNoAnswerIsNot) {
  server_.script("POST /v1/sagas/a/retry", {problem(503, "the queue is full"), {200, R"({"id":"a"})"}});
  server_.script("POST /v1/sagas/b/retry", {{200, "", {}, "application/json", true}});
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, "a\nb\n"), 5);
  EXPECT_EQ(shell_.out, "1 retried, 0 nothing to do, 0 refused, 0 unreachable, 1 unanswered (may have been done)\n");
  EXPECT_THAT(posted(), UnorderedElementsAre("/v1/sagas/a/retry", "/v1/sagas/a/retry", "/v1/sagas/b/retry"));
}

TEST_F(Many, AServerThatStaysAwayIsGivenUp) {
  std::string ids;
  for (int i = 0; i < 500; ++i) ids += "order-" + std::to_string(i) + "\n";
  server_.down();
  EXPECT_EQ(shell_.run({"retry", "-", "--yes", "-o", "json"}, ids), 5);
  const Json counts = Json::parse(shell_.out);
  EXPECT_GE(counts["unreachable"], 16);
  EXPECT_GE(counts["not_tried"], 400);
  EXPECT_EQ(counts["unreachable"].get<int>() + counts["not_tried"].get<int>(), 500);
}

TEST_F(Many, OneWhoMayNotIsToldOnce) {
  std::string ids;
  for (int i = 0; i < 500; ++i) {
    const std::string id = "order-" + std::to_string(i);
    ids += id + "\n";
    server_.script("POST /v1/sagas/" + id + "/retry", {problem(403, "a reader may not retry")});
  }
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, ids), 4);
  EXPECT_THAT(shell_.out, HasSubstr("not tried"));
  EXPECT_LT(posted().size(), 500U);
}

TEST_F(Many, CtrlCLetsThoseUnderWayFinishAndTellsWhatIsLeft) {
  std::string ids;
  for (int i = 0; i < 500; ++i) {
    const std::string id = "order-" + std::to_string(i);
    ids += id + "\n";
    does(id);
  }
  shell_.interrupted = [this] { return server_.requests().size() >= 20; };
  EXPECT_EQ(shell_.run({"retry", "-", "--yes"}, ids), 130);
  const std::size_t done = posted().size();
  EXPECT_GE(done, 20U);
  EXPECT_LT(done, 500U);
  EXPECT_EQ(shell_.out, std::to_string(done) + " retried, 0 nothing to do, 0 refused, 0 unreachable, " +
                            std::to_string(500 - done) + " not tried\n");
}

TEST_F(Many, NoneAtAllIsFine) {
  server_.always("GET /v1/sagas", {{"sagas", Json::array()}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention", "--yes"}), 0);
  EXPECT_THAT(shell_.err, HasSubstr("there is no saga to retry"));
  EXPECT_THAT(shell_.out, IsEmpty());
}

TEST_F(Many, ARateIsKept) {
  std::string ids;
  for (int i = 0; i < 40; ++i) {
    ids += "order-" + std::to_string(i) + "\n";
    does("order-" + std::to_string(i));
  }
  const Timestamp begun = shell_.clock.now();
  EXPECT_EQ(shell_.run({"retry", "-", "--yes", "--rate", "10"}, ids), 0);
  EXPECT_GE(shell_.clock.now() - begun, Millis{3'900});
  EXPECT_THAT(shell_.out, StartsWith("40 retried"));
}

TEST_F(Many, WhatDoesNotGoTogetherIsAUsageError) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"retry"},
           {"retry", "a", "--all"},
           {"retry", "a", "--status", "failed"},
           {"suspend", "a", "--step", "pay"},
           {"retry", "a", "--dry-run"},
           {"retry", "a", "--rate", "5"},
           {"retry", "--all", "--needs-attention", "--rate", "0"},
           {"skip", "-", "--step", "s", "--reason", "r", "--output", "-"},
           {"retry", "--all", "--needs-attention", "--since", "yesterday", "--yes"},
       }) {
    EXPECT_EQ(shell_.run(arguments), 2) << ::testing::PrintToString(arguments);
    EXPECT_THAT(shell_.err, StartsWith("sagactl: "));
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Many, OnATerminalTheProgressIsTakenAwayAtTheEnd) {
  shell_.terminal = true;
  shell_.person = true;
  EXPECT_EQ(shell_.run({"retry", "--all", "--needs-attention", "--yes"}), 0);
  EXPECT_THAT(shell_.err, HasSubstr(" of 3"));
  EXPECT_EQ(shell_.err.substr(shell_.err.size() - 4), "\r\x1b[K");
}

TEST(ProgressLine, SaysHowFarItIs) {
  EXPECT_EQ(render_progress(4'500, 10'000, Millis{5'000}, "3 refused", 100),
            "[#########...........]  4,500 of 10,000  900/s  3 refused");
  EXPECT_EQ(render_progress(1'234'567, std::nullopt, Millis{0}, "", 100), "1,234,567");
  EXPECT_EQ(render_progress(0, 0, Millis{0}, "", 100), "[####################]  0 of 0");
  EXPECT_EQ(render_progress(5, 10, Millis{1'000}, "", 12), "[##########…");
}

TEST(Pace, LetsNoMoreLeaveThanAskedForAndNoFewer) {
  for (const double rate : {0.5, 1.0, 7.0, 200.0, 5'000.0}) {
    const Timestamp begun{1'000'000};
    Timestamp now = begun;
    Pace pace(rate, now);
    const auto count = static_cast<int>(rate * 20);
    for (int sent = 0; sent < count;) {
      const Millis wait = pace.take(now);
      if (wait.count() > 0) {
        now = now + wait;
        continue;
      }
      ++sent;
      const double allowed = 1 + rate * static_cast<double>((now - begun).count()) / 1000;
      ASSERT_LE(sent, allowed + 1e-6) << rate;
    }
    EXPECT_NEAR(static_cast<double>((now - begun).count()), 20'000, std::max(1'100 / rate, 100.0)) << rate;
  }
  Pace none(0, Timestamp{});
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(none.take(Timestamp{}), Millis{0});
}

}  // namespace
}  // namespace saga::ctl
