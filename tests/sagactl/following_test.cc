// events and events --follow: every event once, whatever happens to the connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::HasSubstr;

Json event(int seq, const std::string& type) {
  return {{"seq", seq},
          {"at", "2026-11-23T03:21:19.000Z"},
          {"type", type},
          {"step", nullptr},
          {"phase", nullptr},
          {"attempt", nullptr},
          {"actor", nullptr},
          {"reason", nullptr},
          {"data", Json::object()}};
}

StubReply history(std::vector<Json> events) { return {200, Json({{"events", events}}).dump()}; }

StubReply stream(std::vector<Json> events, bool lost) {
  std::string body = ": hello\n\n";
  for (const Json& one : events) body += "id: " + one["seq"].dump() + "\ndata: " + one.dump() + "\n\n";
  return {200, body, {}, "text/event-stream", lost};
}

class Following : public ::testing::Test {
 protected:
  StubServer server_;
  Shell shell_{server_};

  /// The `seq` of every line of jsonl printed.
  std::vector<int> seqs() const {
    std::vector<int> out;
    std::istringstream lines(shell_.out);
    for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line)["seq"].get<int>());
    return out;
  }
};

TEST_F(Following, EventsArePrintedInOrder) {
  server_.script("GET /v1/sagas/s1/events", {history({event(1, "saga_accepted"), event(2, "saga_started")})});
  EXPECT_EQ(shell_.run({"events", "s1"}), 0);
  EXPECT_EQ(shell_.out, "1\t2026-11-23T03:21:19.000Z\tsaga_accepted\t\n2\t2026-11-23T03:21:19.000Z\tsaga_started\t\n");
}

TEST_F(Following, AStreamWithNothingNewIsNoFailure) {
  server_.script("GET /v1/sagas/s1/events",
                 {history({event(1, "saga_accepted")}), history({event(2, "saga_completed")})});
  server_.script("STREAM /v1/sagas/s1/events", {{204, ""}});
  EXPECT_EQ(shell_.run({"events", "s1", "-f", "-o", "jsonl"}), 0) << shell_.err;
  EXPECT_EQ(seqs(), (std::vector<int>{1, 2}));
  EXPECT_EQ(server_.requests().back().query.at("after"), "1");
}

TEST_F(Following, FollowsTillTheSagaHasEnded) {
  server_.script("GET /v1/sagas/s1/events",
                 {history({event(1, "saga_accepted"), event(2, "saga_started")}),
                  history({event(1, "saga_accepted"), event(2, "saga_started"), event(3, "saga_completed")})});
  server_.script("STREAM /v1/sagas/s1/events", {stream({event(3, "saga_completed")}, false)});
  EXPECT_EQ(shell_.run({"events", "s1", "--follow", "-o", "jsonl"}), 0);
  EXPECT_EQ(seqs(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(server_.requests()[1].headers.at("Last-Event-ID"), "2");
}

TEST_F(Following, GoesOnAfterALostConnectionWithoutRepeatingAnything) {
  server_.script("GET /v1/sagas/s1/events",
                 {history({event(1, "saga_accepted")}),
                  history({event(1, "saga_accepted"), event(2, "saga_started"), event(3, "attempt_begun")}),
                  history({event(1, "saga_accepted"), event(2, "saga_started"), event(3, "attempt_begun"),
                           event(4, "step_completed"), event(5, "saga_completed")})});
  server_.script("STREAM /v1/sagas/s1/events",
                 {stream({event(2, "saga_started")}, true),
                  stream({event(2, "saga_started"), event(4, "step_completed"), event(5, "saga_completed")}, true)});
  int pauses = 0;
  shell_.on_pause = [&] {
    ++pauses;
    if (pauses == 1) server_.down();
    if (pauses == 3) server_.up();
  };
  EXPECT_EQ(shell_.run({"events", "s1", "-f", "-o", "jsonl"}), 0) << shell_.err;
  EXPECT_EQ(seqs(), (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(pauses, 3);
  std::vector<std::string> resumed;
  for (const StubRequest& request : server_.requests()) {
    if (request.headers.count("Last-Event-ID") > 0) resumed.push_back(request.headers.at("Last-Event-ID"));
  }
  EXPECT_EQ(resumed, (std::vector<std::string>{"1", "3"}));
}

TEST_F(Following, AnEndThatWasReopenedIsNotTheEnd) {
  const std::vector<Json> reopened{event(1, "saga_accepted"), event(2, "saga_failed"), event(3, "operator_retried")};
  std::vector<Json> all = reopened;
  all.push_back(event(4, "saga_compensated"));
  server_.script("GET /v1/sagas/s1/events", {history(reopened), history(all)});
  server_.script("STREAM /v1/sagas/s1/events", {stream({event(4, "saga_compensated")}, false)});
  EXPECT_EQ(shell_.run({"events", "s1", "-f", "-o", "jsonl"}), 0);
  EXPECT_EQ(seqs(), (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(Following, AnEndedSagaNeedsNoStream) {
  server_.script("GET /v1/sagas/s1/events", {history({event(1, "saga_accepted"), event(2, "saga_completed")})});
  EXPECT_EQ(shell_.run({"events", "s1", "-f"}), 0);
  EXPECT_EQ(server_.requests().size(), 1U);
}

TEST_F(Following, RefusalsEndIt) {
  EXPECT_EQ(shell_.run({"events", "s1", "-f"}), 3);
  server_.script("GET /v1/sagas/s1/events", {history({event(1, "saga_accepted")})});
  server_.script("STREAM /v1/sagas/s1/events", {problem(403, "your token may not read")});
  EXPECT_EQ(shell_.run({"events", "s1", "-f"}), 4);
  EXPECT_THAT(shell_.err, HasSubstr("your token may not read"));
}

}  // namespace
}  // namespace saga::ctl
