// Who may call what: every route with every role, and whose name is recorded.
#include "engine/api/gate.h"

#include "engine/api/router.h"
#include "tests/engine/api/api_fixture.h"
#include "tests/support/known_tokens.h"

namespace saga::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::shared_ptr<const Tokens> known_tokens() {
  auto tokens = Tokens::parse(testing::kTokensFile, "tokens");
  EXPECT_TRUE(tokens) << tokens.error().message;
  return std::make_shared<const Tokens>(std::move(*tokens));
}

Headers with_token(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

class Access : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    api_->use_tokens(known_tokens());
  }
  Reply as(const std::string& token, const std::string& method, const std::string& target, std::string body = "") {
    return call(method, target, std::move(body), token.empty() ? Headers{} : with_token(token));
  }
};

/// What a route answers to nobody, to a token that is not known, and to each role.
struct Row {
  const char* method;
  const char* pattern;
  const char* target;
  const char* body;
  int nobody, unknown, reader, starter, operators, admin;
};

constexpr const char* kStart = R"({"workflow":"order","id":"t","input":{"amount":5}})";
constexpr const char* kBatch = R"({"sagas":[{"workflow":"order","id":"b","input":{"amount":5}}]})";
constexpr const char* kWorkflow = "name: other\nversion: 1\nsteps:\n  - { name: a, service: b, action: /c }\n";

constexpr Row kRows[] = {
    {"POST", "/v1/sagas", "/v1/sagas", kStart, 401, 401, 403, 201, 200, 200},
    {"POST", "/v1/sagas/batch", "/v1/sagas/batch", kBatch, 401, 401, 403, 201, 200, 200},
    {"GET", "/v1/sagas", "/v1/sagas", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/sagas/{id}", "/v1/sagas/s", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/sagas/{id}/events", "/v1/sagas/s/events", "", 401, 401, 200, 200, 200, 200},
    {"POST", "/v1/sagas/{id}/{verb}", "/v1/sagas/s/suspend", "", 401, 401, 403, 403, 200, 200},
    {"POST", "/v1/sagas/{id}/signals/{name}", "/v1/sagas/s/signals/go", "", 401, 401, 403, 422, 422, 422},
    {"POST", "/v1/callbacks/{id}/{step}/{phase}/{attempt}/{token}", "/v1/callbacks/s/reserve/action/1/00", "{}", 404,
     404, 404, 404, 404, 404},
    {"POST", "/v1/callbacks/{id}/{step}/{phase}/{attempt}/{token}/heartbeat",
     "/v1/callbacks/s/reserve/action/1/00/heartbeat", "", 404, 404, 404, 404, 404, 404},
    {"POST", "/v1/purge", "/v1/purge", R"({"before":"1h","dry_run":true})", 401, 401, 403, 403, 403, 200},
    {"POST", "/v1/workflows", "/v1/workflows", kWorkflow, 401, 401, 403, 403, 403, 201},
    {"GET", "/v1/workflows", "/v1/workflows", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/workflows/{name}", "/v1/workflows/order", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/workflows/{name}/{version}", "/v1/workflows/order/1", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/services", "/v1/services", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/stats", "/v1/stats", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/audit", "/v1/audit", "", 401, 401, 200, 200, 200, 200},
    {"GET", "/v1/openapi.json", "/v1/openapi.json", "", 200, 200, 200, 200, 200, 200},
    {"GET", "/health/live", "/health/live", "", 200, 200, 200, 200, 200, 200},
    {"GET", "/health/ready", "/health/ready", "", 200, 200, 200, 200, 200, 200},
    {"GET", "/metrics", "/metrics", "", 401, 401, 200, 200, 200, 200},
};

TEST_F(Access, EveryRouteHasItsRowInTheTable) {
  for (const Route& route : routes()) {
    const bool has_row = std::any_of(std::begin(kRows), std::end(kRows), [&](const Row& row) {
      return row.method == route.method && row.pattern == route.pattern;
    });
    EXPECT_TRUE(has_row) << route.method << " " << route.pattern << ": say above who may call it";
  }
  EXPECT_EQ(routes().size(), std::size(kRows));
}

TEST_F(Access, EveryRouteAsksForItsRole) {
  ASSERT_EQ(as("starter-token", "POST", "/v1/sagas", R"({"workflow":"order","id":"s","input":{"amount":5}})").status,
            201);
  for (const Row& row : kRows) {
    const std::string what = std::string(row.method) + " " + row.target;
    const auto match = find_route(row.method, row.target);
    ASSERT_TRUE(match) << what;
    EXPECT_EQ(match->route->pattern, row.pattern) << what;
    EXPECT_EQ(as("", row.method, row.target, row.body).status, row.nobody) << what;
    EXPECT_EQ(as("stranger", row.method, row.target, row.body).status, row.unknown) << what;
    EXPECT_EQ(as("reader-token", row.method, row.target, row.body).status, row.reader) << what;
    EXPECT_EQ(as("starter-token", row.method, row.target, row.body).status, row.starter) << what;
    EXPECT_EQ(as("operator-token", row.method, row.target, row.body).status, row.operators) << what;
    EXPECT_EQ(as("admin-token", row.method, row.target, row.body).status, row.admin) << what;
  }
}

TEST_F(Access, ARefusalSaysWhatIsMissing) {
  const Reply nobody = as("", "GET", "/v1/sagas");
  EXPECT_EQ(nobody.content_type, "application/problem+json");
  EXPECT_EQ(nobody.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(nobody.json["type"], "urn:sagad:problem:unauthorized");
  EXPECT_THAT(nobody.text, HasSubstr("expected a token"));

  const Reply stranger = as("stranger-token", "GET", "/v1/sagas");
  EXPECT_EQ(stranger.header("WWW-Authenticate"), "Bearer");
  EXPECT_THAT(stranger.text, HasSubstr("not known"));
  EXPECT_THAT(stranger.text, Not(HasSubstr("stranger-token")));

  const Reply reader = as("reader-token", "POST", "/v1/sagas", kStart);
  EXPECT_EQ(reader.json["detail"], "this needs the role starter, but 'grafana' has the role reader");
}

TEST_F(Access, OnlyABearerTokenCounts) {
  const auto status = [&](const std::string& header) {
    return call("GET", "/v1/stats", "", {{"authorization", header}}).status;
  };
  EXPECT_EQ(status("Bearer reader-token"), 200);
  EXPECT_EQ(status("bearer   reader-token "), 200);
  for (const char* other :
       {"reader-token", "Basic reader-token", "Bearer", "Bearer ", "Bearer  ", "Bearerreader-token"})
    EXPECT_EQ(status(other), 401) << other;
}

TEST_F(Access, TokensAreReplacedWhileItRuns) {
  EXPECT_EQ(as("reader-token", "GET", "/v1/stats").status, 200);
  auto fewer = Tokens::parse("ops operator 7a35833597e6687c599a0988b7a53b9b6a7ec18b88ca2a8e60f3265c8be6d527\n", "t");
  ASSERT_TRUE(fewer);
  api_->use_tokens(std::make_shared<const Tokens>(std::move(*fewer)));
  EXPECT_EQ(as("reader-token", "GET", "/v1/stats").status, 401);
  EXPECT_EQ(as("second-token", "GET", "/v1/stats").status, 200);
}

// ---- whose name is recorded -----------------------------------------------------------------------------------------

TEST_F(Access, TheTokensNameIsRecordedAsVerifiedAndTheHeaderInParentheses) {
  Headers headers = with_token("starter-token");
  headers.emplace_back("saga-actor", "ops");  // It cannot pass for the operator's name.
  call("POST", "/v1/sagas", kStart, headers);
  headers = with_token("operator-token");
  call("POST", "/v1/sagas/t/suspend", "", headers);
  headers.emplace_back("saga-actor", "bob@desk");
  call("POST", "/v1/sagas/t/resume", "", headers);
  const Json events = as("reader-token", "GET", "/v1/sagas/t/events").json["events"];
  EXPECT_EQ(events[0]["actor"], (Json{{"name", "shop (ops)"}, {"verified", true}}));
  const auto actor_of = [&](const char* type) {
    for (const Json& event : events) {
      if (event["type"] == type) return event["actor"];
    }
    return Json();
  };
  EXPECT_EQ(actor_of("saga_suspended"), (Json{{"name", "ops"}, {"verified", true}}));
  EXPECT_EQ(actor_of("saga_resumed"), (Json{{"name", "ops (bob@desk)"}, {"verified", true}}));
}

Request request_with(Headers headers) {
  Request request;
  request.method = "POST";
  request.headers = std::move(headers);
  return request;
}

TEST(Gate, WithoutTokensAnybodyIsWhoTheySayTheyAre) {
  const Gate gate(nullptr);
  const auto named = gate.admit(Role::kAdmin, request_with({{"saga-actor", "bob@ops"}}));
  EXPECT_FALSE(named.refusal);
  EXPECT_EQ(named.caller.shown(), "bob@ops");
  EXPECT_FALSE(named.caller.verified);
  EXPECT_EQ(gate.admit(Role::kAdmin, request_with({})).caller.name, "anonymous");
}

TEST(Gate, ARefusedCallerIsKnownAsFarAsItGoes) {
  const Gate gate(known_tokens());
  const auto stranger = gate.admit(Role::kOperator, request_with({{"saga-actor", "bob@ops"}}));
  ASSERT_TRUE(stranger.refusal);
  EXPECT_EQ(stranger.caller.name, "bob@ops");
  EXPECT_FALSE(stranger.caller.verified);
  const auto reader = gate.admit(Role::kOperator, request_with(with_token("reader-token")));
  ASSERT_TRUE(reader.refusal);
  EXPECT_EQ(reader.caller.name, "grafana");
  EXPECT_TRUE(reader.caller.verified);
}

TEST(Gate, AnActorThatCannotBeIsRefused) {
  for (const bool asks : {false, true}) {
    const Gate gate(asks ? known_tokens() : nullptr);
    Headers headers = with_token("admin-token");
    headers.emplace_back("saga-actor", std::string(129, 'x'));
    const auto admission = gate.admit(Role::kReader, request_with(headers));
    ASSERT_TRUE(admission.refusal);
    EXPECT_EQ(admission.refusal->kind, ProblemKind::kBadRequest);
  }
}

}  // namespace
}  // namespace saga::api
