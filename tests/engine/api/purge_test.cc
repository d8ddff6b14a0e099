// POST /v1/purge, and what is left of a purged saga.
#include "engine/runtime/purger.h"
#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;

class Purges : public ApiFixture {
 protected:
  void complete(const std::string& id) {
    obliging_workers();
    ASSERT_EQ(
        call("POST", "/v1/sagas?wait=30s", Json{{"workflow", "order"}, {"id", id}, {"input", {{"amount", 5}}}}.dump())
            .json["status"],
        "completed");
  }
  Reply purge(const Json& body) { return call("POST", "/v1/purge", body.dump()); }
};

TEST_F(Purges, RemovesWhatEndedBefore) {
  complete("old");
  clock_.advance(Millis{3'600'000});
  complete("new");
  const Reply counted = purge({{"before", "30m"}, {"dry_run", true}});
  EXPECT_EQ(counted.status, 200) << counted.text;
  EXPECT_EQ(counted.json["sagas"], 1);
  EXPECT_EQ(counted.json["dry_run"], true);
  EXPECT_EQ(counted.json["before"], format_time(clock_.now() - Millis{1'800'000}));
  EXPECT_EQ(stored_sagas(), 2) << "a dry run removes nothing";

  const Reply purged = purge({{"before", counted.json["before"]}, {"reason", "tidying"}});
  EXPECT_EQ(purged.json["sagas"], 1) << purged.text;
  EXPECT_EQ(purged.json["next_cursor"], nullptr);
  EXPECT_EQ(stored_sagas(), 1);
  const Reply gone = call("GET", "/v1/sagas/old");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.json["detail"], "there is no saga 'old': 'old' was purged");
}

TEST_F(Purges, AnIdIsNeverFreeAgain) {
  complete("old");
  clock_.advance(Millis{1});
  ASSERT_EQ(purge({{"before", format_time(clock_.now())}}).json["sagas"], 1);
  for (int i = 0; i < 2; ++i) {
    const Reply again = start("old");
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.json["detail"], "the id 'old' is taken for good: its saga was purged");
  }
  EXPECT_EQ(call("POST", "/v1/sagas/old/retry", "{}").status, 404);
}

TEST_F(Purges, KeepsWhatRunsOrNeedsAttention) {
  start("running");
  clock_.advance(Millis{1'000});
  EXPECT_EQ(purge({{"before", "1ms"}}).json["sagas"], 0);
  EXPECT_EQ(call("GET", "/v1/sagas/running").status, 200);
}

TEST_F(Purges, FiltersByWorkflowAndStatus) {
  complete("old");
  clock_.advance(Millis{1'000});
  EXPECT_EQ(purge({{"before", "1ms"}, {"workflow", "order/2"}}).json["sagas"], 0);
  EXPECT_EQ(purge({{"before", "1ms"}, {"status", {"compensated"}}}).json["sagas"], 0);
  EXPECT_EQ(purge({{"before", "1ms"}, {"workflow", "order/1"}, {"status", {"completed"}}}).json["sagas"], 1);
}

TEST_F(Purges, WhatDoesNotFitIsRefused) {
  for (const auto& [body, says] : std::vector<std::pair<std::string, std::string>>{
           {R"({})", "before"},
           {R"({"before":"soon"})", "a duration such as 30d, but it is 'soon'"},
           {R"({"before":"1d","status":["failed"]})", "'failed' is not among what may be purged"},
           {R"({"before":"1d","status":"completed"})", "expected a list of completed, compensated, terminated"},
           {R"({"before":"1d","dry_run":"yes"})", "expected true or false"},
           {R"({"before":"1d","cursor":"a1"})", "next_cursor of an earlier purge"},
           {R"({"before":"1d","older":"1d"})", "older"}}) {
    const Reply reply = call("POST", "/v1/purge", body);
    EXPECT_EQ(reply.status, 422) << body;
    EXPECT_THAT(reply.text, HasSubstr(says));
  }
  EXPECT_EQ(call("POST", "/v1/purge?before=1d", "{}").status, 422);
}

TEST_F(Purges, TheAuditTellsOfThemAndOutlivesThem) {
  complete("old");
  clock_.advance(Millis{1'000});
  const std::string before = format_time(clock_.now() - Millis{1});
  const auto audit = [this] { return call("GET", "/v1/audit?verb=purge").json["audit"]; };
  purge({{"before", before}, {"dry_run", true}});
  EXPECT_TRUE(audit().empty()) << "counting changes nothing";
  purge({{"before", before}, {"workflow", "order/1"}, {"status", {"completed"}}, {"reason", "tidying"}});
  purge({{"before", before}});
  purge({{"before", "soon"}});
  const Json entries = audit();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[2]["result"], "done");
  EXPECT_EQ(entries[2]["reason"], "tidying");
  EXPECT_EQ(entries[2]["detail"], "1 saga of order/1 (completed) that ended before " + before);
  EXPECT_EQ(entries[1]["result"], "nothing");
  EXPECT_EQ(entries[0]["result"], "refused");
  EXPECT_THAT(entries[0]["detail"].get<std::string>(), HasSubstr("but it is 'soon'"));
}

TEST_F(Purges, RetentionPurgesByItself) {
  complete("old");
  clock_.advance(Millis{3'600'000});
  std::promise<std::string> purged;
  const runtime::Retention retention(*store_, clock_, Millis{60'000},
                                     [&purged](const std::string& what) { purged.set_value(what); });
  std::future<std::string> told = purged.get_future();
  ASSERT_EQ(told.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(told.get(), "1 saga that ended before " + format_time(clock_.now() - Millis{60'000}));
  EXPECT_EQ(call("GET", "/v1/sagas/old").status, 404);
}

TEST_F(Purges, ALongPurgeGoesOnWhereItStopped) {
  obliging_workers();
  for (int i = 0; i < 3; ++i) complete("old-" + std::to_string(i));
  clock_.advance(Millis{1'000});
  store::PurgeFilter filter;
  filter.ended_before = clock_.now();
  const auto first = store_->purgeable(filter, std::nullopt, 1);
  ASSERT_TRUE(first && first->next);
  const auto rest =
      runtime::purge_for(*store_, filter, first->next, runtime::PurgeMode::kRemove, Millis{0}, [](Millis) {});
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->sagas, 2U) << "what stands before the cursor is left";
  EXPECT_FALSE(rest->next);
}

}  // namespace
}  // namespace saga::api
