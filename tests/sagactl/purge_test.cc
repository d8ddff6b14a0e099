// purge, as a person and a script use it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sagactl/shell.h"

namespace saga::ctl {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPurge = "POST /v1/purge";
constexpr const char* kBefore = "2026-10-24T03:21:20.000Z";

Json answer(int sagas, const Json& cursor = nullptr) {
  return {{"sagas", sagas}, {"before", kBefore}, {"next_cursor", cursor}};
}

class Purge : public ::testing::Test {
 protected:
  void script(const std::vector<Json>& answers) {
    std::vector<StubReply> replies;
    for (const Json& one : answers) replies.push_back({200, one.dump()});
    server_.script(kPurge, replies);
  }
  [[nodiscard]] Json sent(std::size_t call) const { return Json::parse(server_.requests().at(call).body); }

  StubServer server_;
  Shell shell_{server_};
};

TEST_F(Purge, SaysHowManyAndAsks) {
  script({answer(240), answer(240)});
  shell_.terminal = true;
  shell_.person = true;
  EXPECT_EQ(shell_.run({"purge", "--workflow", "order", "--status", "completed,terminated"}, "y\n"), 0);
  EXPECT_THAT(shell_.err, HasSubstr("Remove 240 sagas that ended before 2026-10-24T03:21:20.000Z for ever? [y/N]"));
  EXPECT_THAT(shell_.out, HasSubstr("240 sagas purged"));
  EXPECT_EQ(
      sent(0),
      (Json{{"before", "30d"}, {"workflow", "order"}, {"status", {"completed", "terminated"}}, {"dry_run", true}}));
  EXPECT_EQ(sent(1), (Json{{"before", kBefore}, {"workflow", "order"}, {"status", {"completed", "terminated"}}}))
      << "what was counted is what goes";
}

TEST_F(Purge, AnyOtherAnswerPurgesNothing) {
  for (const char* typed : {"n\n", "\n", "", "Y es\n"}) {
    script({answer(3)});
    shell_.terminal = true;
    shell_.person = true;
    EXPECT_EQ(shell_.run({"purge"}, typed), 1);
    EXPECT_THAT(shell_.err, HasSubstr("nothing was purged"));
  }
  for (const StubRequest& request : server_.requests()) EXPECT_EQ(Json::parse(request.body)["dry_run"], true);
}

TEST_F(Purge, AScriptSaysYes) {
  script({answer(3)});
  EXPECT_EQ(shell_.run({"purge"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("--yes"));
  script({answer(3), answer(3)});
  EXPECT_EQ(shell_.run({"purge", "--older-than", "90d", "--reason", "tidying", "--yes", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(shell_.out)["sagas"], 3);
  EXPECT_EQ(sent(1)["before"], "90d");
  EXPECT_EQ(sent(2)["reason"], "tidying");
}

TEST_F(Purge, GoesOnPieceByPiece) {
  script({answer(500, "p1"), answer(200), answer(400, "p2"), answer(300)});
  EXPECT_EQ(shell_.run({"purge", "--yes"}), 0);
  EXPECT_THAT(shell_.out, HasSubstr("700 sagas purged"));
  EXPECT_EQ(sent(1)["cursor"], "p1");
  EXPECT_EQ(sent(3), (Json{{"before", kBefore}, {"cursor", "p2"}}));
}

TEST_F(Purge, ADryRunOnlyCounts) {
  script({answer(1)});
  EXPECT_EQ(shell_.run({"purge", "--dry-run"}), 0);
  EXPECT_EQ(shell_.out, std::string("1 saga that ended before ") + kBefore + " would be purged\n");
  EXPECT_EQ(server_.requests().size(), 1U);
  script({answer(0)});
  EXPECT_EQ(shell_.run({"purge", "--yes"}), 0);
  EXPECT_THAT(shell_.out, HasSubstr("nothing to purge"));
}

TEST_F(Purge, SaysWhatWentWrong) {
  EXPECT_EQ(shell_.run({"purge", "--older-than", "old"}), 2);
  EXPECT_THAT(shell_.err, HasSubstr("--older-than"));
  server_.script(kPurge, {problem(422, "status: 'failed' is not among what may be purged")});
  EXPECT_EQ(shell_.run({"purge", "--status", "failed", "--yes"}), 4);
  server_.script(kPurge, {{200, answer(3).dump()}, problem(503, "the store cannot write: disk full")});
  EXPECT_EQ(shell_.run({"purge", "--yes"}), 5);
  EXPECT_THAT(shell_.err, HasSubstr("disk full"));
}

}  // namespace
}  // namespace saga::ctl
