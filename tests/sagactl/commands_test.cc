// Whole commands against a stub server: what they ask, what they print where, and what they exit with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

Json saga(const std::string& id, const std::string& status) {
  return {{"id", id},
          {"workflow", "order-saga"},
          {"version", 1},
          {"status", status},
          {"needs_attention", false},
          {"allowed", Json::array()},
          {"created_at", "2026-11-23T03:21:19.000Z"},
          {"started_at", "2026-11-23T03:21:19.000Z"},
          {"steps", Json::array()},
          {"stuck", Json::array()}};
}

class Commands : public ::testing::Test {
 protected:
  StubServer server_;
  Shell shell_{server_};

  Json body(std::size_t request = 0) { return Json::parse(server_.requests().at(request).body); }
};

// start

TEST_F(Commands, StartAlwaysSendsAnIdAndPrintsIt) {
  server_.script("POST /v1/sagas", {{201, saga("x", "running").dump()}});
  EXPECT_EQ(shell_.run({"start", "order-saga/1", "--input", R"({"amount":5})", "--tag", "shop=7", "--tag", "note=a=b"}),
            0);
  const Json sent = body();
  EXPECT_EQ(sent["workflow"], "order-saga/1");
  EXPECT_THAT(sent["id"].get<std::string>(),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(sent["input"], Json({{"amount", 5}}));
  EXPECT_EQ(sent["tags"], Json({{"shop", "7"}, {"note", "a=b"}}));
  EXPECT_FALSE(sent.contains("start_at"));
  EXPECT_EQ(shell_.out, sent["id"].get<std::string>() + "\n");
  EXPECT_THAT(shell_.err, IsEmpty());
}

TEST_F(Commands, StartRepeatsWithTheSameIdUntilAnAnswerComes) {
  server_.script("POST /v1/sagas", {{201, "", {}, "application/json", true},
                                    problem(503, "the queue is full"),
                                    problem(500, "broken"),
                                    {200, saga("order-9", "running").dump()}});
  EXPECT_EQ(shell_.run({"start", "order-saga", "--id", "order-9"}), 0);
  EXPECT_EQ(shell_.out, "order-9\n");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 4U);
  for (const StubRequest& request : requests) EXPECT_EQ(request.body, requests.front().body);
}

TEST_F(Commands, StartWaitsAsLongAsTheServerAsksFor) {
  auto busy = problem(503, "the queue is full");
  busy.headers["Retry-After"] = "2";
  server_.script("POST /v1/sagas", {busy, {201, saga("order-9", "running").dump()}});
  EXPECT_EQ(shell_.run({"start", "order-saga", "--id", "order-9"}), 0);
  EXPECT_EQ(shell_.pauses, std::vector<Millis>{Millis{2'000}});
}

TEST_F(Commands, StartThatNeverGetsAnAnswerSaysThatItMayBeRepeated) {
  server_.script("POST /v1/sagas", {{201, "", {}, "application/json", true}});
  EXPECT_EQ(shell_.run({"start", "order-saga"}), 5);
  EXPECT_EQ(server_.requests().size(), 5U);
  EXPECT_THAT(shell_.out, IsEmpty());
  EXPECT_THAT(shell_.err, HasSubstr("it may have been started; the same command with --id " +
                                    body()["id"].get<std::string>() + " is safe to repeat"));
}

TEST_F(Commands, StartIsNotRepeatedOnceItIsRefused) {
  server_.script("POST /v1/sagas",
                 {problem(422, "/input: required property 'sku' is missing",
                          {{"errors",
                            {{{"pointer", "/input"}, {"detail", "required property 'sku' is missing"}},
                             {{"pointer", "/input/amount"}, {"detail", "expected number, but it is string"}}}}})});
  EXPECT_EQ(shell_.run({"start", "order-saga"}), 4);
  EXPECT_EQ(server_.requests().size(), 1U);
  EXPECT_EQ(shell_.err,
            "sagactl: /input: required property 'sku' is missing\n"
            "  /input: required property 'sku' is missing\n"
            "  /input/amount: expected number, but it is string\n");
}

TEST_F(Commands, StartTakesItsInputFromAFileOrFromStdin) {
  server_.script("POST /v1/sagas", {{201, saga("x", "running").dump()}});
  const TempFolder folder;
  EXPECT_EQ(shell_.run({"start", "w", "--input", "@" + folder.write("in.json", "[1,2]")}), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--input", "-"}, "{\"from\":\"stdin\"}"), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--input", "[1,{}]"}), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--input", "{}"}), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--input", "-5"}), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--input=\"text\""}), 0);
  EXPECT_EQ(body(0)["input"], Json({1, 2}));
  EXPECT_EQ(body(1)["input"], Json({{"from", "stdin"}}));
  EXPECT_EQ(body(2)["input"], Json({1, Json::object()}));
  EXPECT_EQ(body(3)["input"], Json::object());
  EXPECT_EQ(body(4)["input"], Json(-5));
  EXPECT_EQ(body(5)["input"], Json("text"));
}

TEST_F(Commands, StartWithWrongOptionsAsksNothing) {
  EXPECT_EQ(shell_.run({"start", "w", "--input", "{\"a\":1,\n \"a\":2}"}), 2);
  EXPECT_THAT(shell_.err, AllOf(StartsWith("sagactl: --input is not JSON: line 2"), HasSubstr("there twice")));
  EXPECT_EQ(shell_.run({"start", "w", "--input", "@/no/such/file"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("cannot read /no/such/file"));
  EXPECT_EQ(shell_.run({"start", "w", "--tag", "lonely"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("expected KEY=VALUE"));
  EXPECT_EQ(shell_.run({"start", "w", "--delay", "soon"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("--delay: 'soon' is not a duration"));
  EXPECT_EQ(shell_.run({"start", "w", "--at", "tomorrow"}), 2);
  EXPECT_EQ(shell_.run({"start", "w", "--at", "2026-12-24T18:00:00Z", "--delay", "5m"}), 2);
  EXPECT_EQ(shell_.run({"start", "w", "--timeout", "5m"}), 2) << "without --wait";
  EXPECT_EQ(shell_.run({"start"}), 2);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Commands, StartLaterSendsATime) {
  server_.script("POST /v1/sagas", {{201, saga("x", "pending").dump()}});
  EXPECT_EQ(shell_.run({"start", "w", "--delay", "1h30m"}), 0);
  EXPECT_EQ(shell_.run({"start", "w", "--at", "2026-12-24T18:00:00+01:00"}), 0);
  EXPECT_EQ(body(0)["start_at"], "2026-11-23T04:51:20.000Z");
  EXPECT_EQ(body(1)["start_at"], "2026-12-24T17:00:00.000Z");
}

TEST_F(Commands, OnATerminalStartSaysWhatBecameOfItOnStderr) {
  shell_.terminal = true;
  server_.script("POST /v1/sagas",
                 {{201, saga("order-9", "running").dump()}, {200, saga("order-9", "completed").dump()}});
  EXPECT_EQ(shell_.run({"start", "order-saga", "--id", "order-9"}), 0);
  EXPECT_EQ(shell_.out, "order-9\n");
  EXPECT_EQ(shell_.err, "order-saga/1 accepted: running\nsagactl inspect order-9\n");
  EXPECT_EQ(shell_.run({"start", "order-saga", "--id", "order-9"}), 0);
  EXPECT_THAT(shell_.err, StartsWith("order-9 was there already, with the same content: completed\n"));
}

// Who asks, and where

TEST_F(Commands, EveryRequestSaysWhoAsks) {
  server_.always("GET /v1/stats", Json::object());
  EXPECT_EQ(shell_.run({"stats"}), 0);
  EXPECT_EQ(server_.requests().back().headers.at("Saga-Actor"), "ann@desk");
  EXPECT_EQ(server_.requests().back().headers.count("Authorization"), 0U);
  shell_.environment["SAGACTL_ACTOR"] = "deploy-bot";
  shell_.environment["SAGACTL_TOKEN"] = "s3cret";
  EXPECT_EQ(shell_.run({"stats"}), 0);
  EXPECT_EQ(server_.requests().back().headers.at("Saga-Actor"), "deploy-bot");
  EXPECT_EQ(server_.requests().back().headers.at("Authorization"), "Bearer s3cret");
  const TempFolder folder;
  EXPECT_EQ(shell_.run({"stats", "--token-file", folder.write("token", "from-file\n")}), 0);
  EXPECT_EQ(shell_.run({"stats", "--token-file", folder.write("empty", "\n")}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("/empty holds no token"));
  EXPECT_EQ(server_.requests().back().headers.at("Authorization"), "Bearer from-file");
}

TEST_F(Commands, ACallerWhoIsNotLetInIsToldHow) {
  server_.script("GET /v1/stats", {problem(401, "the token is not known here"),
                                   problem(403, "this needs the role reader, but 'ann' has none")});
  EXPECT_EQ(shell_.run({"stats"}), 4);
  EXPECT_EQ(shell_.err,
            "sagactl: the token is not known here\n  --token-file FILE or SAGACTL_TOKEN says who you are\n");
  EXPECT_EQ(shell_.run({"stats"}), 4);
  EXPECT_EQ(shell_.err, "sagactl: this needs the role reader, but 'ann' has none\n");
}

TEST_F(Commands, TheServerOptionWinsOverTheEnvironment) {
  server_.always("GET /below/v1/stats", Json::object());
  shell_.environment["SAGACTL_SERVER"] = "http://127.0.0.1:1";
  EXPECT_EQ(shell_.run({"stats", "--server", server_.url() + "/below/"}), 0);
  EXPECT_EQ(shell_.run({"--server", server_.url() + "/below", "stats"}), 0);
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(Commands, AServerThatIsNotThereIsNamed) {
  shell_.environment["SAGACTL_SERVER"] = server_.url();
  server_.down();
  EXPECT_EQ(shell_.run({"list"}), 5);
  EXPECT_EQ(shell_.err, "sagactl: cannot connect to " + server_.url() +
                            ": is sagad running there? (--server or SAGACTL_SERVER says where)\n");
}

TEST_F(Commands, WhatIsNoServerIsAUsageError) {
  for (const char* url : {"127.0.0.1:7070", "http://", "ftp://host"}) {
    EXPECT_EQ(shell_.run({"list", "--server", url}), 2) << url;
    EXPECT_THAT(shell_.err, HasSubstr("is not a server: expected http://HOST:PORT")) << url;
  }
}

TEST_F(Commands, AnAnswerThatIsNotJsonIsNotTakenForOne) {
  server_.script("GET /v1/sagas", {{200, "<html>Welcome</html>", {}, "text/html"}});
  EXPECT_EQ(shell_.run({"list"}), 5);
  EXPECT_THAT(shell_.err, HasSubstr("is that a sagad?"));
}

// Refusals

TEST_F(Commands, ExitCodesTellRefusalsApart) {
  const std::vector<std::pair<int, int>> expected{{400, 2}, {401, 4}, {403, 4}, {404, 3}, {409, 4},
                                                  {413, 4}, {422, 4}, {429, 5}, {500, 5}, {503, 5}};
  for (const auto& [status, exit] : expected) {
    server_.script("GET /v1/sagas/order-42", {problem(status, "because")});
    EXPECT_EQ(shell_.run({"inspect", "order-42"}), exit) << status;
    EXPECT_THAT(shell_.err, StartsWith("sagactl: because\n"));
    EXPECT_THAT(shell_.out, IsEmpty());
  }
}

TEST_F(Commands, ARefusedVerbSaysWhatIsAllowedInstead) {
  server_.script("POST /v1/sagas/order-42/cancel",
                 {problem(409, "cancel is possible until the pivot step 'arrange_shipping' is called, but it has been",
                          {{"allowed", {"suspend", "terminate"}}})});
  EXPECT_EQ(shell_.run({"cancel", "order-42", "--reason", "customer called"}), 4);
  EXPECT_EQ(shell_.err,
            "sagactl: cancel is possible until the pivot step 'arrange_shipping' is called, but it has been\n"
            "  allowed now: suspend, terminate\n");
}

// Audit

TEST_F(Commands, AuditGoesFromPageToPageUpToTheLimit) {
  const auto page = [](int first, int last, const Json& next) {
    Json entries = Json::array();
    for (int i = first; i <= last; ++i)
      entries.push_back({{"at", "2026-11-23T03:21:19.000Z"},
                         {"actor", "ops"},
                         {"verified", true},
                         {"verb", "retry"},
                         {"saga", "order-" + std::to_string(i)},
                         {"result", "done"}});
    return StubReply{200, Json{{"audit", entries}, {"next_cursor", next}}.dump()};
  };
  server_.script("GET /v1/audit", {page(1, 2, "c1"), page(3, 3, nullptr)});
  EXPECT_EQ(shell_.run({"audit", "--actor", "ops", "--verb", "retry", "--saga", "order-1", "--since", "2h", "--limit",
                        "3", "-o", "ids"}),
            0);
  EXPECT_EQ(shell_.out, "order-1\norder-2\norder-3\n");
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].query, (std::map<std::string, std::string>{{"actor", "ops"},
                                                                   {"verb", "retry"},
                                                                   {"saga", "order-1"},
                                                                   {"limit", "3"},
                                                                   {"since", "2026-11-23T01:21:20.000Z"}}));
  EXPECT_EQ(requests[1].query.at("cursor"), "c1");
  EXPECT_EQ(shell_.run({"audit", "-o", "jsonl"}), 0);
  EXPECT_EQ(Json::parse(shell_.out)["saga"], "order-3");
  EXPECT_EQ(shell_.run({"audit", "--since", "soon"}), 2);
}

// Verbs

TEST_F(Commands, VerbsSendTheirReasonStepAndOutput) {
  for (const char* verb : {"cancel", "retry", "skip", "suspend", "resume", "terminate"}) {
    server_.always(std::string("POST /v1/sagas/order-42/") + verb, saga("order-42", "running"));
  }
  EXPECT_EQ(shell_.run({"cancel", "order-42", "--reason", "why not"}), 0);
  EXPECT_EQ(shell_.out, "order-42  running\n");
  EXPECT_EQ(shell_.run({"retry", "order-42"}), 0);
  EXPECT_EQ(shell_.run({"retry", "order-42", "--step", "pay", "--reason", "fixed"}), 0);
  EXPECT_EQ(shell_.run({"skip", "order-42", "--step", "pay", "--output", R"({"id":1})", "--reason", "by hand"}), 0);
  EXPECT_EQ(shell_.run({"suspend", "order-42"}), 0);
  EXPECT_EQ(shell_.run({"resume", "order-42"}), 0);
  EXPECT_EQ(shell_.run({"terminate", "order-42", "--reason", "enough", "-o", "ids"}), 0);
  EXPECT_EQ(shell_.out, "order-42\n");
  EXPECT_EQ(body(0), Json({{"reason", "why not"}}));
  EXPECT_EQ(body(1), Json::object());
  EXPECT_EQ(body(2), Json({{"reason", "fixed"}, {"step", "pay"}}));
  EXPECT_EQ(body(3), Json({{"reason", "by hand"}, {"step", "pay"}, {"output", {{"id", 1}}}}));
  EXPECT_EQ(server_.requests().size(), 7U);
}

TEST_F(Commands, AVerbIsNeverRepeatedByItself) {
  server_.script("POST /v1/sagas/order-42/retry", {{200, "", {}, "application/json", true}});
  EXPECT_EQ(shell_.run({"retry", "order-42"}), 5);
  EXPECT_EQ(server_.requests().size(), 1U);
  EXPECT_THAT(shell_.err, HasSubstr("it may have been done: sagactl inspect order-42"));
}

TEST_F(Commands, VerbsThatEndSomethingNeedAReason) {
  for (const char* verb : {"cancel", "terminate", "skip"}) {
    EXPECT_EQ(shell_.run({verb, "order-42", "--step=x"}), 2) << verb;
    EXPECT_EQ(shell_.run({verb, "order-42"}), 2) << verb;
    EXPECT_THAT(shell_.err, HasSubstr("required")) << verb;
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Commands, WhatCannotBeAnIdIsNotAskedFor) {
  for (const char* id : {"", "..", "a/b", "a?b", "-x", "a b"}) {
    EXPECT_EQ(shell_.run({"inspect", id}), 2) << id;
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Commands, AnIdMayBeTheNameOfACommand) {
  server_.always("GET /v1/sagas/list", saga("list", "running"));
  server_.always("GET /v1/sagas/list/events", {{"events", Json::array()}});
  EXPECT_EQ(shell_.run({"inspect", "list"}), 0) << shell_.err;
  server_.always("GET /v1/sagas/a~child:1", saga("a~child:1", "running"));
  server_.always("GET /v1/sagas/a~child:1/events", {{"events", Json::array()}});
  EXPECT_EQ(shell_.run({"inspect", "a~child:1"}), 0) << shell_.err;
}

// list

TEST_F(Commands, ListPassesEveryFilterOn) {
  server_.always("GET /v1/sagas", {{"sagas", Json::array()}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"list", "--status", "failed,suspended", "--workflow", "order-saga/1", "--needs-attention",
                        "--step", "pay", "--code", "gateway_down", "--tag", "shop=7 & co", "--since", "2h", "--until",
                        "2026-11-23T03:00:00Z", "--limit", "7"}),
            0);
  EXPECT_EQ(server_.requests().at(0).query, (std::map<std::string, std::string>{{"status", "failed,suspended"},
                                                                                {"workflow", "order-saga/1"},
                                                                                {"needs_attention", "true"},
                                                                                {"step", "pay"},
                                                                                {"code", "gateway_down"},
                                                                                {"tag", "shop=7 & co"},
                                                                                {"since", "2026-11-23T01:21:20.000Z"},
                                                                                {"until", "2026-11-23T03:00:00.000Z"},
                                                                                {"limit", "7"}}));
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_EQ(server_.requests().at(1).query, (std::map<std::string, std::string>{{"limit", "50"}}));
  EXPECT_EQ(shell_.run({"list", "--since", "yesterday"}), 2);
  EXPECT_EQ(shell_.run({"list", "--limit", "0"}), 2);
  EXPECT_EQ(server_.requests().size(), 2U);
}

TEST_F(Commands, ListGoesThroughPagesUpToTheLimit) {
  Json page = Json::array();
  for (int i = 0; i < 500; ++i) page.push_back(saga("s" + std::to_string(i), "completed"));
  Json rest = Json::array();
  for (int i = 500; i < 600; ++i) rest.push_back(saga("s" + std::to_string(i), "completed"));
  server_.script("GET /v1/sagas", {{200, Json({{"sagas", page}, {"next_cursor", "c/1"}}).dump()},
                                   {200, Json({{"sagas", rest}, {"next_cursor", "c/2"}}).dump()}});
  EXPECT_EQ(shell_.run({"list", "--limit", "600", "-o", "ids"}), 0);
  const auto requests = server_.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].query.at("limit"), "500");
  EXPECT_EQ(requests[1].query.at("limit"), "100");
  EXPECT_EQ(requests[1].query.at("cursor"), "c/1");
  EXPECT_EQ(std::count(shell_.out.begin(), shell_.out.end(), '\n'), 600);
  EXPECT_THAT(shell_.out, StartsWith("s0\ns1\n"));
}

TEST_F(Commands, ListSpeaksEveryFormat) {
  const Json sagas{saga("a", "completed"), saga("b", "failed")};
  server_.always("GET /v1/sagas", {{"sagas", sagas}, {"next_cursor", nullptr}});
  EXPECT_EQ(shell_.run({"list", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out), Json({{"sagas", sagas}, {"next_cursor", nullptr}}));
  EXPECT_EQ(shell_.run({"-o", "jsonl", "list"}), 0);
  std::istringstream lines(shell_.out);
  std::string line;
  for (const Json& expected : sagas) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(Json::parse(line), expected);
  }
  EXPECT_EQ(shell_.run({"list", "-oyaml"}), 0);
  EXPECT_EQ(YAML::Load(shell_.out)["sagas"][1]["id"].as<std::string>(), "b");
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, AllOf(StartsWith("ID\tWORKFLOW\tSTATUS\tATTN\tCREATED\tTOOK\tERROR\na\torder-saga/"
                                           "1\tcompleted\t\t2026-11-23T03:21:19.000Z\t"),
                                Not(HasSubstr("\x1b"))));
  EXPECT_EQ(shell_.run({"list", "-o", "xml"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("xml"));
}

TEST_F(Commands, ColourIsForTerminalsThatWantIt) {
  server_.always("GET /v1/sagas", {{"sagas", {saga("a", "failed")}}, {"next_cursor", nullptr}});
  shell_.terminal = true;
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, HasSubstr("\x1b[1;31mfailed\x1b[0m"));
  shell_.environment["NO_COLOR"] = "1";
  EXPECT_EQ(shell_.run({"list"}), 0);
  EXPECT_THAT(shell_.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shell_.out, StartsWith("ID  WORKFLOW"));
}

TEST_F(Commands, OnATerminalAttentionIsSummedUpOnStderr) {
  shell_.terminal = true;
  Json failed = saga("a", "failed");
  failed["needs_attention"] = true;
  server_.always("GET /v1/sagas", {{"sagas", {failed}}, {"next_cursor", "more"}});
  server_.always("GET /v1/stats", {{"attention",
                                    {{{"workflow", "order-saga"},
                                      {"step", "process_payment"},
                                      {"phase", "compensation"},
                                      {"code", "timeout"},
                                      {"count", 9}},
                                     {{"workflow", "order-saga"},
                                      {"step", "process_payment"},
                                      {"phase", "compensation"},
                                      {"code", "gateway_down"},
                                      {"count", 231}}}}});
  EXPECT_EQ(shell_.run({"list", "--needs-attention", "--limit", "1", "--step", "process_payment"}), 0);
  EXPECT_EQ(
      shell_.err,
      "process_payment compensation: 231 gateway_down, 9 timeout\nthe newest 1 shown; there are more: --limit 4\n");
  EXPECT_EQ(server_.requests().back().query.at("step"), "process_payment");
}

// inspect

TEST_F(Commands, InspectPutsThePageTogetherFromWhatTheServerSays) {
  Json failed = saga("order-42", "failed");
  failed["allowed"] = {"retry", "skip", "terminate"};
  failed["stuck"] = {{{"step", "process_payment"},
                      {"phase", "compensation"},
                      {"code", "gateway_down"},
                      {"message", "down"},
                      {"attempts", 1}}};
  failed["steps"] = {
      {{"name", "process_payment"},
       {"status", "completed"},
       {"attempts", 1},
       {"compensation",
        {{"status", "failed"}, {"attempts", 1}, {"error", {{"code", "gateway_down"}, {"http_status", 503}}}}}}};
  server_.always("GET /v1/sagas/order-42", failed);
  server_.always("GET /v1/sagas/order-42/events", {{"events",
                                                    {{{"seq", 1},
                                                      {"at", "2026-11-23T03:00:00.000Z"},
                                                      {"type", "attempt_begun"},
                                                      {"step", "process_payment"},
                                                      {"phase", "compensation"},
                                                      {"attempt", 1},
                                                      {"data", Json::object()}}}}});
  server_.always(
      "GET /v1/workflows/order-saga/1",
      {{"definition",
        {{"steps", {{{"name", "process_payment"}, {"service", "payment"}, {"compensation", "/refunds"}}}}}}});
  EXPECT_EQ(shell_.run({"inspect", "order-42", "--server", server_.url()}), 0);
  const std::string program = "sagactl --server " + server_.url();
  EXPECT_THAT(shell_.out, HasSubstr("Not undone   process_payment: 503 gateway_down"));
  EXPECT_THAT(shell_.out, HasSubstr("process_payment, compensation: POST /refunds at payment"));
  EXPECT_THAT(shell_.out, HasSubstr(program + " skip order-42 --step process_payment --reason TEXT"));
  EXPECT_EQ(shell_.run({"inspect", "order-42", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out), failed);
}

TEST_F(Commands, EverySuggestedCommandIsOneThatWorks) {
  // One saga for each way of being stuck; what the page tells to paste is pasted, and must reach the server.
  const auto step = [](const char* name, const char* status, const char* undo) {
    return Json{
        {"name", name}, {"status", status}, {"attempts", 1}, {"compensation", {{"status", undo}, {"attempts", 1}}}};
  };
  const auto stuck = [](const char* name, const char* phase, const char* code) {
    return Json{{"step", name}, {"phase", phase}, {"code", code}, {"attempts", 1}};
  };
  std::vector<Json> sagas;
  for (const auto& [status, calls] : std::vector<std::pair<std::string, Json>>{
           {"failed", {stuck("a", "compensation", "503"), stuck("b", "compensation", "503")}},
           {"suspended", {stuck("a", "action", "pivot_unknown")}},
           {"suspended", {stuck("b", "action", "card_declined")}},
           {"running", Json::array()},
           {"pending", Json::array()}}) {
    Json one = saga("s1", status);
    one["stuck"] = calls;
    one["steps"] = {step("a", status == "running" ? "retrying" : "failed", "failed"), step("b", "failed", "none")};
    one["allowed"] = {"cancel", "suspend", "resume", "retry", "skip", "terminate"};
    sagas.push_back(one);
    one["allowed"] = {"resume"};
    sagas.push_back(one);
  }
  server_.always("GET /v1/sagas/s1/events", {{"events", Json::array()}});
  Json done = saga("s1", "completed");
  for (const char* verb : {"cancel", "retry", "skip", "suspend", "resume", "terminate"})
    server_.always(std::string("POST /v1/sagas/s1/") + verb, done);

  std::set<std::string> pasted;
  for (const Json& one : sagas) {
    server_.always("GET /v1/sagas/s1", one);
    ASSERT_EQ(shell_.run({"inspect", "s1"}), 0);
    std::istringstream page(shell_.out);
    server_.always("GET /v1/sagas/s1", done);
    std::string line;
    while (std::getline(page, line)) {
      if (line.rfind("  sagactl ", 0) != 0) continue;
      std::string command = line.substr(10);
      if (const auto effect = command.find("   "); effect != std::string::npos) command.resize(effect);
      std::vector<std::string> words;
      std::istringstream in(command);
      for (std::string word; in >> word;) words.push_back(word == "'{}'" ? "{}" : word);
      EXPECT_EQ(shell_.run(words), 0) << command << ": " << shell_.err;
      pasted.insert(command);
    }
  }
  EXPECT_THAT(pasted,
              ::testing::IsSupersetOf({"retry s1", "retry s1 --step b", "skip s1 --step a --reason TEXT",
                                       "skip s1 --step a --output '{}' --reason TEXT", "cancel s1 --reason TEXT",
                                       "suspend s1", "resume s1", "terminate s1 --reason TEXT", "wait s1"}));
}

// The server

TEST_F(Commands, ServicesAreShownWithTheirInstances) {
  server_.always("GET /v1/services", Json::parse(
                                         R"({"services":[{"name":"payment","known":true,"instances":[
                                                {"url":"http://a:1","health":"healthy","breaker":"closed"},
                                                {"url":"http://b:2","health":"unknown","breaker":"closed"}],
                                              "max_in_flight":200,"in_flight":3,"queued":1},
                                             {"name":"orders","known":false,"instances":[],"max_in_flight":0,"in_flight":0,"queued":0}]})"));
  EXPECT_EQ(shell_.run({"service", "list"}), 0);
  EXPECT_EQ(shell_.out,
            "SERVICE\tINSTANCE\tHEALTH\tBREAKER\tFAULTS\tIN FLIGHT\tQUEUED\tLAST ERROR\n"
            "payment\thttp://a:1\thealthy\tclosed\t\t3 of 200\t1\t\n"
            "payment\thttp://b:2\tnot called yet\tclosed\t\t\t\t\n"
            "orders\tnone: its steps wait\t\t\t\t0\t0\t\n");
  EXPECT_EQ(shell_.run({"service", "list", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out)["services"][0]["instances"][0]["health"], "healthy");
  EXPECT_EQ(shell_.run({"service", "list", "-o", "ids"}), 0);
  EXPECT_EQ(shell_.out, "payment\norders\n");
}

TEST_F(Commands, StatsShowCountsAttentionAndQueues) {
  server_.always("GET /v1/stats",
                 Json::parse(R"({"counts":[{"workflow":"order-saga","status":"failed","count":2,"needing_attention":2},
                                           {"workflow":"order-saga","status":"completed","count":9,"needing_attention":0}],
                                 "attention":[{"workflow":"order-saga","step":"pay","phase":"compensation","code":"timeout","count":2}],
                                 "queues":{"store":5}})"));
  EXPECT_EQ(shell_.run({"stats"}), 0);
  EXPECT_EQ(shell_.out,
            "WORKFLOW\tSTATUS\tSAGAS\tATTN\norder-saga\tfailed\t2\t2\norder-saga\tcompleted\t9\t\n"
            "\nNeeds attention\n  pay compensation: 2 timeout\n\nQueues\n  store: 5\n");
}

TEST_F(Commands, HealthSaysWhatIsWrong) {
  server_.always("GET /health/live", {{"status", "live"}});
  server_.always("GET /health/ready",
                 {{"status", "ready"}, {"components", {{"store", {{"ok", true}, {"problem", nullptr}}}}}});
  EXPECT_EQ(shell_.run({"health"}), 0);
  EXPECT_EQ(shell_.out, "live   yes\nready  yes\n  store: ok\n");
  server_.script("GET /health/ready",
                 {{503, R"({"status":"not ready","components":{"store":{"ok":false,"problem":"the disk is full"}}})"}});
  EXPECT_EQ(shell_.run({"health"}), 5);
  EXPECT_EQ(shell_.out, "live   yes\nready  no\n  store: not ok, the disk is full\n");
}

// Mistakes

TEST_F(Commands, AHabitualOrMistypedCommandLeadsToTheRightOne) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes{
      {{"describe", "order-42"}, "there is no command 'describe': did you mean 'inspect'?"},
      {{"-o", "json", "history", "order-42"}, "there is no command 'history': did you mean 'events'?"},
      {{"pause", "order-42"}, "did you mean 'suspend'?"},
      {{"ps"}, "did you mean 'list'?"},
      {{"ls", "--limit", "3"}, "did you mean 'list'?"},
      {{"run", "order-saga"}, "did you mean 'start'?"},
      {{"undo", "x"}, "did you mean 'cancel'?"},
      {{"kill", "x"}, "did you mean 'terminate'?"},
      {{"inspekt", "x"}, "did you mean 'inspect'?"},
      {{"workflow", "aply", "f"}, "there is no command 'workflow aply': did you mean 'workflow apply'?"},
      {{"service"}, "service --help says more"},
      {{"frobnicate"}, "there is no command 'frobnicate': there are start, list, inspect"},
      {{"cancel", "x", "--raeson", "y"}, "did you mean --reason?"},
      {{}, "sagactl --help says more"},
  };
  for (const auto& [arguments, expected] : mistakes) {
    EXPECT_EQ(shell_.run(arguments), 2);
    EXPECT_THAT(shell_.err, AllOf(StartsWith("sagactl: "), HasSubstr(expected)));
    EXPECT_THAT(shell_.out, IsEmpty());
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(Commands, HelpAndVersionGoToStdout) {
  EXPECT_EQ(shell_.run({"--help"}), 0);
  EXPECT_THAT(shell_.out, AllOf(HasSubstr("inspect"), HasSubstr("Exit: 0 done")));
  EXPECT_EQ(shell_.run({"start", "--help"}), 0);
  EXPECT_THAT(shell_.out, AllOf(HasSubstr("--input"), HasSubstr("--server")));
  EXPECT_EQ(shell_.run({"--version"}), 0);
  EXPECT_THAT(shell_.out, StartsWith("sagactl "));
  EXPECT_THAT(shell_.err, IsEmpty());
}

/// What bash would offer with `script` sourced, once `words` (the last of them begun) are typed.
std::string offered(const std::string& script, const std::string& words) {
  const TempFolder folder;
  const std::string file = folder.write("completion.bash", script + "COMP_WORDS=(" + words +
                                                               ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_sagactl\n"
                                                               "echo \"${COMPREPLY[@]}\"\n");
  FILE* bash = popen(("bash " + file).c_str(), "r");
  if (bash == nullptr) return "bash cannot be run";
  std::string out;
  for (int c = std::fgetc(bash); c != EOF; c = std::fgetc(bash)) out += static_cast<char>(c);
  pclose(bash);
  return out;
}

TEST_F(Commands, CompletionOffersCommandsAndOptions) {
  ASSERT_EQ(shell_.run({"completion", "bash"}), 0);
  EXPECT_EQ(offered(shell_.out, "sagactl can"), "cancel\n");
  EXPECT_THAT(offered(shell_.out, "sagactl workflow ''"), StartsWith("apply list show schema validate "));
  EXPECT_EQ(offered(shell_.out, "sagactl workflow apply --dr"), "--dry-run\n");
  EXPECT_EQ(offered(shell_.out, "sagactl -o json list --need"), "--needs-attention\n");
  EXPECT_EQ(offered(shell_.out, "sagactl --server http://h:1 skip order-42 --ste"), "--step\n");
  EXPECT_EQ(shell_.run({"completion", "tcsh"}), 2);
}

}  // namespace
}  // namespace saga::ctl
