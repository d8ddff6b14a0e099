// The parts of the API that read and write text: names, traces, queries, filters, problems.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/uuid.h"
#include "engine/api/filters.h"
#include "engine/api/names.h"
#include "engine/api/problem.h"
#include "engine/api/router.h"
#include "engine/api/target.h"
#include "engine/api/trace.h"

namespace saga::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Pair;

constexpr Timestamp kNow{1'800'000'000'000};

TEST(Names, TakesIdsOfTheContract) {
  for (const std::string& id :
       {std::string("a"), std::string("0"), std::string("order-42"), std::string("A.b_c:d-e"), std::string(128, 'x')}) {
    EXPECT_TRUE(check_id(id)) << id;
  }
}

TEST(Names, RefusesOtherIdsAndSaysWhy) {
  for (const std::string& id :
       {std::string(), std::string("-a"), std::string(".a"), std::string("a b"), std::string("a/b"),
        std::string("a\nb"), std::string("a~b"), std::string("ä"), std::string(129, 'x'), std::string("a\0b", 3)}) {
    const auto checked = check_id(id);
    ASSERT_FALSE(checked) << id;
    EXPECT_THAT(checked.error().message, HasSubstr("expected 1 to 128 of"));
  }
  EXPECT_THAT(check_id(std::string(10'000, 'x')).error().message, HasSubstr("10000 characters"));
}

TEST(Names, LooksUpChildrenToo) {
  EXPECT_TRUE(could_be_id("order-42~ship"));
  EXPECT_FALSE(could_be_id("~ship"));
  EXPECT_FALSE(could_be_id("a b"));
}

TEST(Names, TakesWorkflowNamesApart) {
  EXPECT_EQ(parse_workflow_name("order-saga")->version, std::nullopt);
  EXPECT_EQ(parse_workflow_name("order-saga/12")->version, 12);
  for (const char* text : {"", "/1", "a/", "a/0", "a/-1", "a/1x", "a/1/2"})
    EXPECT_FALSE(parse_workflow_name(text)) << text;
}

TEST(Names, SuggestsTheNearestElseWhatThereIs) {
  EXPECT_EQ(suggestion("staus", {"status", "step"}), ": did you mean 'status'?");
  EXPECT_EQ(suggestion("zzzzzz", {"status", "step"}), ": expected one of status, step");
  EXPECT_EQ(suggestion("x", {}), "");
}

TEST(Names, QuotesWithoutControlCharactersAndWithoutEnd) {
  EXPECT_EQ(quote("a\nb"), "'a?b'");
  EXPECT_LT(quote(std::string(10'000, 'x')).size(), 100u);
}

TEST(Names, AnIdThatIsMadeHereIsOne) { EXPECT_TRUE(check_id(make_uuid_v7(kNow))); }

TEST(Trace, ContinuesOneThatIsValid) {
  const auto trace = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace->parent_span, "00f067aa0ba902b7");
  EXPECT_TRUE(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
  EXPECT_THAT(make_trace().trace_id, MatchesRegex("[0-9a-f]{32}"));
}

TEST(Trace, PassesOverOneThatIsNot) {
  for (const char* text : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                           "00-4bf92f3577b34da6a3ce929d0e0e4736x00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
}

TEST(Target, DecodesEscapesAndRefusesBrokenOnes) {
  EXPECT_EQ(percent_decode("a%20b+c", true), "a b c");
  EXPECT_EQ(percent_decode("a+b", false), "a+b");
  EXPECT_FALSE(percent_decode("%2", true));
  EXPECT_FALSE(percent_decode("%zz", true));
}

TEST(Filters, ReadsAllOfThem) {
  const auto request = read_list_request(
      "workflow=order-saga/3&status=failed,suspended&status=running&needs_attention=true&step=pay&code=declined"
      "&tag=a%3Db%3Dc&since=1h&until=2030-01-01T00:00:00Z&cursor=a2a&limit=7",
      kNow);
  ASSERT_TRUE(request) << request.error().detail;
  EXPECT_EQ(request->filter.workflow, "order-saga");
  EXPECT_EQ(request->filter.version, 3);
  EXPECT_THAT(request->filter.statuses, ElementsAre("failed", "suspended", "running"));
  EXPECT_EQ(request->filter.needs_attention, true);
  EXPECT_EQ(request->filter.stuck_step, "pay");
  EXPECT_EQ(request->filter.stuck_code, "declined");
  EXPECT_THAT(request->filter.tags, ElementsAre(Pair("a", "b=c")));
  EXPECT_EQ(request->filter.since, Timestamp{kNow.ms - 3'600'000});
  EXPECT_EQ(request->filter.until, *parse_time("2030-01-01T00:00:00Z"));
  EXPECT_EQ(request->before, 42);
  EXPECT_EQ(request->limit, 7u);
}

TEST(Filters, DefaultsToFifty) {
  const auto request = read_list_request("", kNow);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->limit, 50u);
  EXPECT_EQ(request->before, std::nullopt);
}

struct BadQuery {
  const char* query;
  const char* says;
};

class BadQueries : public ::testing::TestWithParam<BadQuery> {};

TEST_P(BadQueries, AreRefusedByName) {
  const auto request = read_list_request(GetParam().query, kNow);
  ASSERT_FALSE(request);
  EXPECT_THAT(request.error().detail, HasSubstr(GetParam().says));
  const int status = status_of(request.error().kind);
  EXPECT_TRUE(status == 422 || status == 400) << status;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadQueries,
    ::testing::Values(BadQuery{"limit=0", "'limit'"}, BadQuery{"limit=501", "from 1 to 500"},
                      BadQuery{"limit=ten", "'ten'"}, BadQuery{"limit=-1", "'-1'"}, BadQuery{"cursor=zz", "'cursor'"},
                      BadQuery{"cursor=a", "next_cursor"}, BadQuery{"cursor=a-5", "next_cursor"},
                      BadQuery{"since=yesterday", "2026-01-31T12:00:00Z"},
                      BadQuery{"until=2026-13-01T00:00:00Z", "'until'"}, BadQuery{"status=done", "'status'"},
                      BadQuery{"status=complted", "did you mean 'completed'"},
                      BadQuery{"needs_attention=yes", "true or false"}, BadQuery{"tag=novalue", "KEY=VALUE"},
                      BadQuery{"workflow=a/b", "NAME/VERSION"}, BadQuery{"staus=failed", "did you mean 'status'"},
                      BadQuery{"tag=%zz", "malformed"}, BadQuery{"tag=a%00=b", "control character"},
                      BadQuery{"code=%ff", "UTF-8"}));

TEST(Cursors, ComeBackAsTheyWent) {
  for (const store::SagaKey key : {store::SagaKey{1}, store::SagaKey{255}, store::SagaKey{1} << 52}) {
    EXPECT_EQ(read_cursor(make_cursor(key)), key);
  }
}

TEST(Waits, AreAtMostAMinute) {
  constexpr std::array<std::string_view, 1> kKnown{"wait"};
  const auto wait = [&](const char* text) { return read_wait(*Query::parse(text, kKnown)); };
  EXPECT_EQ(wait(""), Millis{0});
  EXPECT_EQ(wait("wait=0"), Millis{0});
  EXPECT_EQ(wait("wait=30s"), Millis{30'000});
  EXPECT_EQ(wait("wait=10m"), kMaxWait);
  EXPECT_FALSE(wait("wait=soon"));
}

TEST(Problems, AreProblemJson) {
  FieldError error;
  error.detail = "expected a string, but it is a number";
  error.pointer = "/workflow";
  const Response response = to_response(does_not_fit({error}));
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(Json::parse(response.body), (Json{{"type", "urn:sagad:problem:does-not-fit"},
                                              {"title", "The request does not fit"},
                                              {"status", 422},
                                              {"detail", "/workflow: expected a string, but it is a number"},
                                              {"errors", {{{"detail", error.detail}, {"pointer", "/workflow"}}}}}));
}

TEST(Problems, MapTheErrorsBelow) {
  const auto status = [](ErrorCode code) { return status_of(problem_of(Error{code, ""}).kind); };
  EXPECT_EQ(status(ErrorCode::kInvalid), 422);
  EXPECT_EQ(status(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status(ErrorCode::kConflict), 409);
  for (const ErrorCode code :
       {ErrorCode::kOverloaded, ErrorCode::kUnavailable, ErrorCode::kPoisoned, ErrorCode::kFenced}) {
    const Response response = to_response(problem_of(Error{code, ""}));
    EXPECT_EQ(response.status, 503);
    EXPECT_THAT(response.headers, ElementsAre(Pair("Retry-After", MatchesRegex("[1-9][0-9]*"))));
  }
}

TEST(Router, FindsEveryCallOfTheTable) {
  const auto pattern = [](const char* method, const char* path) {
    const auto match = find_route(method, path);
    return match ? std::string(match->route->pattern) : match.error().detail;
  };
  EXPECT_EQ(pattern("POST", "/v1/sagas"), "/v1/sagas");
  EXPECT_EQ(pattern("GET", "/v1/sagas/order-42"), "/v1/sagas/{id}");
  EXPECT_EQ(pattern("GET", "/v1/sagas/order-42/events"), "/v1/sagas/{id}/events");
  EXPECT_EQ(pattern("POST", "/v1/sagas/order-42/cancel"), "/v1/sagas/{id}/{verb}");
  EXPECT_EQ(pattern("GET", "/v1/workflows/a/1"), "/v1/workflows/{name}/{version}");
  EXPECT_EQ(find_route("GET", "/v1/sagas/a%3Ab")->path[0], "a:b");
}

TEST(Router, TellsNothingThereFromTheWrongMethod) {
  EXPECT_EQ(status_of(find_route("GET", "/v1/saga").error().kind), 404);
  EXPECT_EQ(status_of(find_route("GET", "/v1/sagas/").error().kind), 404);
  EXPECT_EQ(status_of(find_route("GET", "/").error().kind), 404);
  EXPECT_EQ(status_of(find_route("GET", "").error().kind), 400);
  EXPECT_EQ(status_of(find_route("GET", "/v1/sagas/a%0Ab").error().kind), 400);
  EXPECT_EQ(status_of(find_route("GET", "/v1/sagas/" + std::string(10'000, 'x')).error().kind), 404);
  const auto refused = find_route("DELETE", "/v1/sagas");
  ASSERT_FALSE(refused);
  EXPECT_EQ(status_of(refused.error().kind), 405);
  EXPECT_THAT(refused.error().headers, ElementsAre(Pair("Allow", "POST, GET, HEAD, OPTIONS")));
}

}  // namespace
}  // namespace saga::api
