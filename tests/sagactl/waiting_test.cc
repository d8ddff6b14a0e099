// wait and start --wait: to the end, across restarts, and no longer than asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

StubReply status(const std::string& status) {
  return {200, Json({{"id", "s1"},
                     {"workflow", "w"},
                     {"version", 1},
                     {"status", status},
                     {"started_at", "2026-11-23T03:21:19.000Z"},
                     {"finished_at", "2026-11-23T03:21:20.500Z"}})
                   .dump()};
}

class Waiting : public ::testing::Test {
 protected:
  StubServer server_;
  Shell shell_{server_};
};

TEST_F(Waiting, AsksUntilTheSagaHasEnded) {
  server_.script("GET /v1/sagas/s1", {status("running"), status("compensating"), status("completed")});
  EXPECT_EQ(shell_.run({"wait", "s1"}), 0);
  EXPECT_EQ(shell_.out, "s1  completed in 1.5s\n");
  ASSERT_EQ(server_.requests().size(), 3U);
  EXPECT_EQ(server_.requests()[0].query.at("wait"), "1m") << "the server's limit";
}

TEST_F(Waiting, TheExitCodeSaysHowItEnded) {
  for (const auto& [ended, code] : std::map<std::string, int>{
           {"completed", 0}, {"compensated", 1}, {"failed", 1}, {"terminated", 1}, {"suspended", 1}}) {
    server_.script("GET /v1/sagas/s1", {status(ended)});
    EXPECT_EQ(shell_.run({"wait", "s1"}), code) << ended;
    EXPECT_THAT(shell_.out, HasSubstr("s1  " + ended));
  }
}

TEST_F(Waiting, EndsAtItsTimeout) {
  server_.script("GET /v1/sagas/s1", {status("running")});
  EXPECT_EQ(shell_.run({"wait", "s1", "--timeout", "3s"}), 6);
  EXPECT_EQ(shell_.err, "sagactl: s1 is still running after 3s\n");
  EXPECT_EQ(server_.requests().front().query.at("wait"), "3s");
  EXPECT_EQ(server_.requests().back().query.count("wait"), 0U) << "the last look does not wait";
}

TEST_F(Waiting, SurvivesARestartOfTheServer) {
  server_.script("GET /v1/sagas/s1", {status("running"), problem(503, "draining"), status("completed")});
  int pauses = 0;
  shell_.on_pause = [&] {
    ++pauses;
    if (pauses == 2) server_.down();
    if (pauses == 6) server_.up();
  };
  EXPECT_EQ(shell_.run({"wait", "s1"}), 0);
  EXPECT_EQ(shell_.out, "s1  completed in 1.5s\n");
  EXPECT_EQ(pauses, 6);
  EXPECT_THAT(shell_.err, HasSubstr("asking again"));
}

TEST_F(Waiting, AServerThatWasNeverThereEndsItAtOnceUnlessThereIsATimeout) {
  server_.down();
  EXPECT_EQ(shell_.run({"wait", "s1"}), 5);
  EXPECT_THAT(shell_.pauses, IsEmpty());
  EXPECT_EQ(shell_.run({"wait", "s1", "--timeout", "2s"}), 5);
  EXPECT_EQ(shell_.pauses.size(), 4U);
}

TEST_F(Waiting, GivesUpOnAServerThatStaysAway) {
  server_.script("GET /v1/sagas/s1", {status("running")});
  shell_.on_pause = [&] { server_.down(); };
  EXPECT_EQ(shell_.run({"wait", "s1"}), 5);
  EXPECT_GE(shell_.clock.now() - *parse_time("2026-11-23T03:21:20Z"), Millis{300'000});
}

TEST_F(Waiting, AnUnknownSagaEndsIt) {
  EXPECT_EQ(shell_.run({"wait", "s1", "--timeout", "1h"}), 3);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Waiting, StartWaitPrintsTheOutcome) {
  server_.script("POST /v1/sagas", {{201, status("running").body}});
  Json turned = Json::parse(status("compensated").body);
  turned["error"] = {{"step", "process_payment"}, {"phase", "action"},  {"code", "card_declined"},
                     {"message", "no funds"},     {"http_status", 402}, {"attempt", 1},
                     {"outcome", "not_done"}};
  server_.always("GET /v1/sagas/s1", turned);
  EXPECT_EQ(shell_.run({"start", "w", "--id", "s1", "--wait"}), 1);
  EXPECT_EQ(shell_.out,
            "s1  compensated in 1.5s\n  Turned back  process_payment: 402 card_declined \"no funds\", attempt 1\n");
  server_.script("GET /v1/sagas/s1", {status("running")});
  EXPECT_EQ(shell_.run({"start", "w", "--id", "s1", "--wait", "--timeout", "5s", "-o", "jsonl"}), 6);
  EXPECT_EQ(Json::parse(shell_.out)["status"], "running");
}

}  // namespace
}  // namespace saga::ctl
