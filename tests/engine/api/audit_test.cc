// GET /v1/audit: every call that changes something, and every one that was refused.
#include "engine/api/audit.h"

#include "tests/engine/api/api_fixture.h"
#include "tests/support/known_tokens.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;

class Audit : public ApiFixture {
 protected:
  void ask_for_tokens() {
    auto tokens = Tokens::parse(testing::kTokensFile, "tokens");
    ASSERT_TRUE(tokens);
    api_->use_tokens(std::make_shared<const Tokens>(std::move(*tokens)));
  }
  Json audit(const std::string& query = "", Headers headers = {}) {
    const Reply reply = call("GET", "/v1/audit" + query, "", std::move(headers));
    EXPECT_EQ(reply.status, 200) << reply.text;
    return reply.json["audit"];
  }
  Reply verb(const std::string& id, const std::string& name, const Json& body) {
    return call("POST", "/v1/sagas/" + id + "/" + name, body.dump(), {{"saga-actor", "bob@ops"}});
  }
  static Json entry(const char* verb, Json saga, const char* result) {
    return {{"at", "2026-11-23T12:00:00.000Z"},
            {"actor", "bob@ops"},
            {"verified", false},
            {"verb", verb},
            {"saga", std::move(saga)},
            {"step", nullptr},
            {"reason", nullptr},
            {"result", result},
            {"detail", nullptr}};
  }
  /// Without the time, which the fixture's clock says.
  static Json timeless(Json entries) {
    for (Json& one : entries) one["at"] = "2026-11-23T12:00:00.000Z";
    return entries;
  }
};

TEST_F(Audit, ACallIsThereWhenItIsAnswered) {
  start("s");
  verb("s", "suspend", {{"reason", "payment is down"}});
  Json expected = entry("suspend", "s", "done");
  expected["reason"] = "payment is down";
  EXPECT_EQ(timeless(audit()), Json::array({expected}));
  EXPECT_TRUE(parse_time(audit()[0]["at"].get<std::string>()));
}

TEST_F(Audit, OneThatHoldsAlreadyRecordsNothingButWhoCalled) {
  start("s");
  verb("s", "suspend", Json::object());
  const auto events = call("GET", "/v1/sagas/s/events").json["events"].size();
  EXPECT_EQ(verb("s", "suspend", Json::object()).status, 200);
  EXPECT_EQ(call("GET", "/v1/sagas/s/events").json["events"].size(), events);
  EXPECT_EQ(timeless(audit()), Json::array({entry("suspend", "s", "nothing"), entry("suspend", "s", "done")}));
}

TEST_F(Audit, ARefusedCallIsThereWithWhy) {
  start("s");
  EXPECT_EQ(verb("s", "skip", {{"step", "pay"}, {"reason", "by hand"}}).status, 409);
  EXPECT_EQ(verb("s", "cancel", Json::object()).status, 422);
  EXPECT_EQ(verb("none", "suspend", Json::object()).status, 404);
  EXPECT_EQ(call("POST", "/v1/sagas/s/retry", "x").status, 400);
  const Json entries = audit();
  ASSERT_EQ(entries.size(), 4u);
  for (const Json& one : entries) {
    EXPECT_EQ(one["result"], "refused") << one;
    EXPECT_FALSE(one["detail"].is_null()) << one;
  }
  EXPECT_EQ(entries[3]["step"], "pay");
  EXPECT_EQ(entries[3]["reason"], "by hand");
  EXPECT_THAT(entries[3]["detail"].get<std::string>(), HasSubstr("skip is for"));
  EXPECT_EQ(entries[1]["saga"], "none");
}

TEST_F(Audit, WhoIsNotLetInIsThereAsFarAsKnown) {
  start("s");
  ask_for_tokens();
  call("POST", "/v1/sagas/s/cancel", R"({"reason":"x"})", {{"saga-actor", "mallory"}});
  call("POST", "/v1/sagas/s/cancel", R"({"reason":"x"})", {{"authorization", "Bearer reader-token"}});
  call("POST", "/v1/workflows", "", {{"authorization", "Bearer operator-token"}});
  call("POST", "/v1/sagas/s/dance", "", {});
  call("GET", "/v1/sagas/s", "", {});
  const Json entries = audit("", {{"authorization", "Bearer reader-token"}});
  ASSERT_EQ(entries.size(), 3u) << "reading and what is no verb are not written down: " << entries;
  EXPECT_EQ(entries[0]["verb"], "register");
  EXPECT_EQ(entries[0]["actor"], "ops");
  EXPECT_EQ(entries[1]["actor"], "grafana");
  EXPECT_EQ(entries[1]["verified"], true);
  EXPECT_THAT(entries[1]["detail"].get<std::string>(), HasSubstr("needs the role operator"));
  EXPECT_EQ(entries[2]["actor"], "mallory");
  EXPECT_EQ(entries[2]["verified"], false);
  EXPECT_EQ(entries[2]["saga"], "s");
}

TEST_F(Audit, StrangersDoNotFillTheDisk) {
  ask_for_tokens();
  for (int i = 0; i < StrangerAllowance::kPerMinute + 5; ++i)
    EXPECT_EQ(call("POST", "/v1/sagas/s/suspend").status, 401);
  const auto written = [&] { return store_->audit({}, std::nullopt, 1'000)->size(); };
  EXPECT_EQ(written(), static_cast<std::size_t>(StrangerAllowance::kPerMinute));
  clock_.advance(Millis{60'000});
  EXPECT_EQ(call("POST", "/v1/sagas/s/suspend").status, 401);
  EXPECT_EQ(written(), static_cast<std::size_t>(StrangerAllowance::kPerMinute) + 1);
}

TEST_F(Audit, RegisteringIsThereWhatEverBecomesOfIt) {
  const auto apply = [&](const std::string& text, const std::string& query = "") {
    return call("POST", "/v1/workflows" + query, text, {{"saga-actor", "bob@ops"}}).status;
  };
  const std::string good = "name: other\nversion: 1\nsteps:\n  - { name: a, service: b, action: /c }\n";
  EXPECT_EQ(apply(good, "?dry_run=true"), 200);
  EXPECT_EQ(apply(good), 201);
  EXPECT_EQ(apply(good), 200);
  EXPECT_EQ(apply(good + "description: changed\n"), 409);
  EXPECT_EQ(apply("name: other\n"), 422);
  EXPECT_EQ(apply("name: other\n", "?dry_run=true"), 422);
  const Json entries = audit("?verb=register");
  ASSERT_EQ(entries.size(), 4u) << "looking is not written down: " << entries;
  EXPECT_EQ(entries[3]["result"], "done");
  EXPECT_EQ(entries[3]["detail"], "other/1");
  EXPECT_EQ(entries[2]["result"], "nothing");
  EXPECT_EQ(entries[1]["result"], "refused");
  EXPECT_EQ(entries[0]["result"], "refused");
}

TEST_F(Audit, IsReadPageAfterPageAndByFilter) {
  for (const char* id : {"a", "b", "c"}) {
    start(id);
    verb(id, "suspend", Json::object());
  }
  const Reply first = call("GET", "/v1/audit?limit=2");
  ASSERT_EQ(first.json["audit"].size(), 2u);
  EXPECT_EQ(first.json["audit"][0]["saga"], "c");
  const Reply second = call("GET", "/v1/audit?limit=2&cursor=" + first.json["next_cursor"].get<std::string>());
  ASSERT_EQ(second.json["audit"].size(), 1u);
  EXPECT_EQ(second.json["audit"][0]["saga"], "a");
  EXPECT_TRUE(second.json["next_cursor"].is_null());
  EXPECT_EQ(audit("?saga=b&actor=bob@ops&verb=suspend&since=1h").size(), 1u);
  EXPECT_EQ(audit("?until=1h").size(), 0u);
}

TEST_F(Audit, AFilterThatCannotBeIsRefused) {
  for (const auto& [query, says] : {std::pair<std::string, std::string>("?verb=cancle", "did you mean 'cancel'"),
                                    {"?sagas=x", "sagas"},
                                    {"?since=soon", "since"},
                                    {"?cursor=x", "cursor"},
                                    {"?limit=501", "limit"}}) {
    const Reply reply = call("GET", "/v1/audit" + query);
    EXPECT_EQ(reply.status, 422) << query;
    EXPECT_THAT(reply.text, HasSubstr(says));
  }
}

TEST_F(Audit, WhatIsLongIsCutBetweenCharacters) {
  start("s");
  std::string step;
  for (int i = 0; i < 2'000; ++i) step += "ü";
  verb("s", "retry", {{"step", step}});
  const Json entries = audit();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_LT(entries[0]["step"].get<std::string>().size(), 80u);
  EXPECT_LT(entries[0]["detail"].get<std::string>().size(), 1'010u);
}

}  // namespace
}  // namespace saga::api
