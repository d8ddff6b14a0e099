// Whole commands against a stub server: what they ask, what they print where, and what they exit with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

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
