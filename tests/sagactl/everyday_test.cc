// watch, signal, profiles, completion and the schema: whole commands against a stub server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

Json saga(const std::string& id, const std::string& status, const std::string& updated_at) {
  return {{"id", id},
          {"workflow", "order"},
          {"version", 1},
          {"status", status},
          {"needs_attention", false},
          {"created_at", "2026-11-23T03:21:00.000Z"},
          {"updated_at", updated_at}};
}

class Everyday : public ::testing::Test {
 protected:
  /// Ctrl-C comes once the server has been asked so often.
  void interrupt_after(std::size_t requests) {
    shell_.interrupted = [this, requests] { return server_.requests().size() >= requests; };
  }

  StubServer server_;
  Shell shell_{server_};
};

// --watch

TEST_F(Everyday, WatchedElsewhereThanOnATerminalOnlyWhatChangedIsWritten) {
  const Json first{{"sagas", {saga("b", "running", "1"), saga("a", "running", "1")}}, {"next_cursor", nullptr}};
  const Json second{{"sagas", {saga("c", "running", "3"), saga("b", "completed", "2"), saga("a", "running", "1")}},
                    {"next_cursor", nullptr}};
  server_.script("GET /v1/sagas", {{200, first.dump()}, {200, second.dump()}, {200, second.dump()}});
  interrupt_after(3);
  EXPECT_EQ(shell_.run({"list", "--watch", "-o", "ids"}), 0);
  EXPECT_EQ(shell_.out, "a\nb\nb\nc\n");
  EXPECT_GE(shell_.clock.now() - *parse_time("2026-11-23T03:21:20Z"), Millis{4'000});
}

TEST_F(Everyday, AWatchedTableHasItsTitleOnce) {
  const Json first{{"sagas", {saga("a", "running", "1")}}, {"next_cursor", nullptr}};
  const Json second{{"sagas", {saga("a", "completed", "2")}}, {"next_cursor", nullptr}};
  server_.script("GET /v1/sagas", {{200, first.dump()}, {200, second.dump()}});
  interrupt_after(2);
  EXPECT_EQ(shell_.run({"list", "--watch", "--status", "running,completed", "--interval", "10s"}), 0);
  EXPECT_THAT(shell_.out, StartsWith("ID\tWORKFLOW\tSTATUS"));
  EXPECT_EQ(shell_.out.find("STATUS"), shell_.out.rfind("STATUS"));
  EXPECT_THAT(shell_.out, AllOf(HasSubstr("a\torder/1\trunning"), HasSubstr("\na\torder/1\tcompleted")));
}

TEST_F(Everyday, OnATerminalItIsDrawnOverTheOneBefore) {
  shell_.terminal = true;
  server_.always("GET /v1/sagas", {{"sagas", {saga("a", "running", "1")}}, {"next_cursor", nullptr}});
  interrupt_after(2);
  EXPECT_EQ(shell_.run({"list", "--watch"}), 0);
  const std::string clear = "\x1b[H\x1b[2J";
  EXPECT_THAT(shell_.out, StartsWith(clear + "every 2s, Ctrl-C ends it   03:21:20 UTC\n\n"));
  EXPECT_NE(shell_.out.find(clear), shell_.out.rfind(clear));
}

TEST_F(Everyday, WatchedStatsAreALineALook) {
  server_.always("GET /v1/stats",
                 {{"counts",
                   {{{"workflow", "order"}, {"status", "running"}, {"count", 3}},
                    {{"workflow", "order"}, {"status", "failed"}, {"count", 2}, {"needing_attention", 2}},
                    {{"workflow", "trip"}, {"status", "running"}, {"count", 1}}}}});
  interrupt_after(2);
  EXPECT_EQ(shell_.run({"stats", "--watch"}), 0);
  EXPECT_EQ(shell_.out,
            "2026-11-23T03:21:20.000Z\torder running 3, failed 2\ttrip running 1\tneeds attention 2\n"
            "2026-11-23T03:21:22.000Z\torder running 3, failed 2\ttrip running 1\tneeds attention 2\n");
}

TEST_F(Everyday, AWatchOutlivesAServerThatIsAwayForAWhile) {
  server_.script("GET /v1/stats", {{200, "{}"}, problem(503, "starting"), problem(503, "starting"), {200, "{}"}});
  interrupt_after(4);
  EXPECT_EQ(shell_.run({"stats", "--watch"}), 0);
  EXPECT_EQ(shell_.err, "sagactl: starting; looking again\n");
  server_.down();
  shell_.interrupted = nullptr;
  EXPECT_EQ(shell_.run({"stats", "--watch"}), 5) << "one that was never there";
}

TEST_F(Everyday, WatchShowsLines) {
  EXPECT_EQ(shell_.run({"list", "--watch", "-o", "yaml"}), 2);
  EXPECT_EQ(shell_.run({"stats", "--watch", "-o", "json"}), 2);
  EXPECT_EQ(shell_.run({"list", "--watch", "--interval", "often"}), 2);
  EXPECT_EQ(shell_.run({"list", "--interval", "5s"}), 2) << "without --watch";
  EXPECT_THAT(server_.requests(), IsEmpty());
}

// signal

TEST_F(Everyday, ASignalIsDeliveredWithItsPayload) {
  server_.always("POST /v1/sagas/order-42/signals/approved", {{"id", "order-42"}, {"status", "running"}});
  EXPECT_EQ(shell_.run({"signal", "order-42", "approved", "--payload", R"({"by":"ann"})"}), 0);
  EXPECT_EQ(Json::parse(server_.requests().back().body), Json({{"payload", {{"by", "ann"}}}}));
  EXPECT_EQ(shell_.out, "order-42  signal approved delivered\n");
  EXPECT_EQ(shell_.run({"signal", "order-42", "approved"}), 0);
  EXPECT_EQ(server_.requests().back().body, "{}");
  EXPECT_EQ(shell_.run({"signal", "order-42", "approved", "--payload", "null", "-o", "ids"}), 0);
  EXPECT_EQ(Json::parse(server_.requests().back().body), Json({{"payload", nullptr}}));
  EXPECT_EQ(shell_.out, "order-42\n");
}

TEST_F(Everyday, ASignalThatIsRefusedSaysWhy) {
  server_.script("POST /v1/sagas/s/signals/approved",
                 {problem(409, "it came already, with another payload"), {200, "", {}, "application/json", true}});
  server_.script("POST /v1/sagas/s/signals/aproved", {problem(422, "no step waits for 'aproved'")});
  EXPECT_EQ(shell_.run({"signal", "s", "approved"}), 4);
  EXPECT_EQ(shell_.err, "sagactl: it came already, with another payload\n");
  EXPECT_EQ(shell_.run({"signal", "s", "aproved"}), 4);
  EXPECT_EQ(shell_.run({"signal", "s", "approved"}), 5);
  EXPECT_THAT(shell_.err, HasSubstr("the same command again is safe"));
  EXPECT_EQ(shell_.run({"signal", "s"}), 2);
  EXPECT_EQ(shell_.run({"signal", "s", "approved", "--payload", "{"}), 2);
}

// --profile

class Profiles : public Everyday {
 protected:
  void SetUp() override {
    server_.always("GET /v1/stats", Json::object());
    std::filesystem::create_directory(folder_.path() + "/sagactl");
    shell_.environment["XDG_CONFIG_HOME"] = folder_.path();
    shell_.environment["SAGACTL_SERVER"] = "http://127.0.0.1:1";
    folder_.write("sagactl/token", "from-profile\n");
  }
  void write(const std::string& config) { folder_.write("sagactl/config.yaml", config); }

  TempFolder folder_;
};

TEST_F(Profiles, AProfileSaysWhereTheServerIsAndHowToShow) {
  write("profiles:\n  here: { server: \"" + server_.url() + "\", token_file: token, output: json }\n  other: {}\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 0);
  EXPECT_EQ(server_.requests().back().headers.at("Authorization"), "Bearer from-profile");
  EXPECT_EQ(shell_.out, "{}\n");
  EXPECT_EQ(shell_.run({"--profile", "here", "stats", "-o", "yaml"}), 0) << "an option wins over the profile";
  EXPECT_EQ(shell_.out, "{}\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "other"}), 5) << "what it does not say is as without it";
}

TEST_F(Profiles, ACommandToPasteNamesTheProfile) {
  write("profiles: { here: { server: \"" + server_.url() + "\" } }\n");
  server_.script("POST /v1/sagas", {{201, saga("a", "running", "1").dump()}});
  shell_.terminal = true;
  EXPECT_EQ(shell_.run({"start", "order", "--id", "a", "--profile", "here"}), 0);
  EXPECT_THAT(shell_.err, HasSubstr("sagactl --profile here inspect a\n"));
}

TEST_F(Profiles, WhatIsWrongWithThemIsSaidWithItsPlace) {
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("cannot read " + folder_.path() + "/sagactl/config.yaml"));
  write("profiles:\n  here: { sever: x }\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 2);
  EXPECT_THAT(shell_.err, AllOf(HasSubstr("config.yaml:2:11: error: "), HasSubstr("did you mean 'server'?")));
  write("profiles:\n  here: {}\n  there: {}\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "prod"}), 2);
  EXPECT_THAT(shell_.err, EndsWith("has no such profile; it has here, there\n"));
  write("profiles:\n  here: { output: xml }\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 2);
  write("[]\n");
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 2);
  write("");
  EXPECT_EQ(shell_.run({"stats", "--profile", "here"}), 2);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

// What needs no server

TEST_F(Everyday, TheSchemaIsAJsonDocument) {
  EXPECT_EQ(shell_.run({"workflow", "schema"}), 0);
  const Json schema = Json::parse(shell_.out);
  EXPECT_EQ(schema["$schema"], "http://json-schema.org/draft-07/schema#");
  EXPECT_TRUE(schema["properties"].contains("steps"));
}

TEST_F(Everyday, FishIsOfferedTheSameWords) {
  EXPECT_EQ(shell_.run({"completion", "fish"}), 0);
  EXPECT_THAT(shell_.out, AllOf(HasSubstr("function __sagactl_path\n"),
                                HasSubstr("complete -c sagactl -n 'test (__sagactl_path) = \\'\\'' -a cancel -d "),
                                HasSubstr("complete -c sagactl -n 'test (__sagactl_path) = \\'workflow\\'' -a apply "),
                                HasSubstr("(__sagactl_path) = \\'workflow apply\\'' -l dry-run -d "),
                                HasSubstr("(__sagactl_path) = \\'start\\'' -l inputs -r -F -d ")));
  EXPECT_THAT(shell_.out, Not(HasSubstr("-l dry-run -r")));
}

}  // namespace
}  // namespace saga::ctl
