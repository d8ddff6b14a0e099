// Operator calls, events, workflows, services, stats, metrics.
#include "tests/engine/api/api_fixture.h"

namespace saga::api {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Operators : public ApiFixture {
 protected:
  Reply verb(const std::string& id, const std::string& name, const Json& body) {
    return call("POST", "/v1/sagas/" + id + "/" + name, body.dump(), {{"saga-actor", "bob@ops"}});
  }
};

TEST_F(Operators, ACancelledSagaIsCompensatedAndSaysWhoAskedAndWhy) {
  start("s");
  next_call().answer(200, "{}");
  const auto pay = next_call();
  const Reply reply = verb("s", "cancel", {{"reason", "customer asked"}});
  EXPECT_EQ(reply.status, 200) << reply.text;
  pay.answer(200, "{}");
  next_call().answer(200, "{}");
  EXPECT_EQ(call("GET", "/v1/sagas/s?wait=60s").json["status"], "compensated");
  const Json events = call("GET", "/v1/sagas/s/events").json["events"];
  Json cancelled;
  for (const Json& event : events) {
    if (event["type"] == "operator_cancelled") cancelled = event;
  }
  EXPECT_EQ(cancelled["actor"], (Json{{"name", "bob@ops"}, {"verified", false}}));
  EXPECT_EQ(cancelled["reason"], "customer asked");
}

TEST_F(Operators, ARefusalIs409AndSaysWhatIsAllowed) {
  start("s");
  const Reply reply = verb("s", "skip", {{"step", "pay"}, {"reason", "done by hand"}});
  EXPECT_EQ(reply.status, 409);
  EXPECT_THAT(reply.json["allowed"], Contains("cancel"));
  EXPECT_THAT(reply.json["allowed"], Not(Contains("skip")));
  const std::string metrics = call("GET", "/metrics").text;
  EXPECT_NE(metrics.find(R"(sagad_operator_calls_total{result="refused",verb="skip"} 1)"), std::string::npos);
}

TEST_F(Operators, TheAnswerTellsWhetherAnythingChanged) {
  start("s");
  EXPECT_EQ(verb("s", "suspend", Json::object()).header("Saga-Changed"), "true");
  EXPECT_EQ(verb("s", "suspend", Json::object()).header("Saga-Changed"), "false");
  EXPECT_EQ(verb("s", "skip", {{"step", "pay"}, {"reason", "r"}}).header("Saga-Changed"), "");
}

TEST_F(Operators, SuspendAndResumeGoThere) {
  start("s");
  EXPECT_EQ(verb("s", "suspend", Json::object()).status, 200);
  EXPECT_EQ(verb("s", "resume", Json::object()).json["status"], "running");
}

struct BadCommand {
  const char* name;
  const char* verb;
  std::string body;
  int status;
  const char* says;
};

class BadCommands : public ApiFixture, public ::testing::WithParamInterface<BadCommand> {};

TEST_P(BadCommands, AreRefusedAndChangeNothing) {
  start("s");
  const auto before = call("GET", "/v1/sagas/s/events").json["events"].size();
  const Reply reply = call("POST", std::string("/v1/sagas/s/") + GetParam().verb, GetParam().body);
  EXPECT_EQ(reply.status, GetParam().status) << reply.text;
  EXPECT_THAT(reply.text, HasSubstr(GetParam().says));
  EXPECT_EQ(call("GET", "/v1/sagas/s/events").json["events"].size(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadCommands,
    ::testing::Values(
        BadCommand{"no_reason", "cancel", "{}", 422, R"("pointer":"/reason")"},
        BadCommand{"no_body", "terminate", "", 422, R"("pointer":"/reason")"},
        BadCommand{"empty_reason", "cancel", R"({"reason":""})", 422, R"("pointer":"/reason")"},
        BadCommand{"long_reason", "cancel", R"({"reason":")" + std::string(1001, 'x') + "\"}", 422, "1000"},
        BadCommand{"control_reason", "cancel", R"({"reason":"a\u0007"})", 422, "control"},
        BadCommand{"reason_type", "cancel", R"({"reason":1})", 422, "a number"},
        BadCommand{"skip_without_step", "skip", R"({"reason":"x"})", 422, R"("pointer":"/step")"},
        BadCommand{"cancel_with_step", "cancel", R"({"reason":"x","step":"pay"})", 422, R"("pointer":"/step")"},
        BadCommand{"output_of_retry", "retry", R"({"output":1})", 422, R"("pointer":"/output")"},
        BadCommand{"unknown_key", "suspend", R"({"resaon":"x"})", 422, "did you mean 'reason'"},
        BadCommand{"not_json", "suspend", "x", 400, "not JSON"},
        BadCommand{"unknown_verb", "cancle", "{}", 404, "did you mean 'cancel'"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Operators, AnUnknownSagaIs404) { EXPECT_EQ(verb("none", "suspend", Json::object()).status, 404); }

// ---- events as a stream ---------------------------------------------------------------------------------------------

/// Takes what a feed writes, and acknowledges it at once.
class CollectingSink final : public EventSink {
 public:
  void write(std::string text, std::function<void(bool)> written) override {
    {
      const std::lock_guard lock(mutex_);
      text_ += text;
    }
    changed_.notify_all();
    written(true);
  }
  void close() override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  bool wait_for(const std::string& text) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return text_.find(text) != std::string::npos; });
  }
  bool wait_for_close() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return closed_; });
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  bool closed_ = false;
};

TEST_F(Operators, EventsAreFollowedUntilTheSagaEnds) {
  start("s");
  const Reply reply = call("GET", "/v1/sagas/s/events", "", {{"accept", "text/event-stream"}});
  ASSERT_TRUE(reply.stream);
  EXPECT_EQ(reply.content_type, "text/event-stream");
  auto sink = std::make_shared<CollectingSink>();
  const auto over = reply.stream(sink);
  EXPECT_TRUE(sink->wait_for("saga_accepted"));
  next_call().answer(200, "{}");
  EXPECT_TRUE(sink->wait_for("step_completed"));
  next_call().answer(200, "{}");
  EXPECT_TRUE(sink->wait_for("saga_completed"));
  EXPECT_TRUE(sink->wait_for_close());
  over();
  const auto events = call("GET", "/v1/sagas/s/events").json["events"];
  std::size_t frames = 0;
  const std::string text = sink->text();
  for (std::size_t at = text.find("id: "); at != std::string::npos; at = text.find("id: ", at + 1)) ++frames;
  EXPECT_EQ(frames, events.size()) << "each once";
}

TEST_F(Operators, AStreamGoesOnAfterTheLastEventSeen) {
  obliging_workers();
  call("POST", "/v1/sagas?wait=30s", R"({"workflow":"order","id":"s","input":{"amount":1}})");
  const Reply reply = call("GET", "/v1/sagas/s/events", "", {{"accept", "text/event-stream"}, {"last-event-id", "2"}});
  ASSERT_TRUE(reply.stream);
  auto sink = std::make_shared<CollectingSink>();
  const auto over = reply.stream(sink);
  EXPECT_TRUE(sink->wait_for_close());
  over();
  EXPECT_TRUE(sink->text().starts_with("id: 3\n")) << sink->text();
  const auto last = call("GET", "/v1/sagas/s/events").json["events"].size();
  EXPECT_EQ(
      call("GET", "/v1/sagas/s/events", "", {{"accept", "text/event-stream"}, {"last-event-id", std::to_string(last)}})
          .status,
      204);
  EXPECT_EQ(call("GET", "/v1/sagas/s/events", "", {{"last-event-id", "x"}}).status, 400);
  EXPECT_EQ(call("GET", "/v1/sagas/s/events?after=2").json["events"][0]["seq"], 3);
}

// ---- workflows, services, stats -------------------------------------------------------------------------------------

constexpr const char* kNew = "name: fresh\nversion: 1\nsteps:\n  - name: a\n    service: nowhere\n    action: /a\n";

TEST_F(Operators, RegisteringIs201ThenTheSame200OtherContent409) {
  dispatcher_.without_instance("nowhere");
  const Reply first = call("POST", "/v1/workflows", kNew);
  EXPECT_EQ(first.status, 201) << first.text;
  EXPECT_EQ(first.header("Location"), "/v1/workflows/fresh/1");
  EXPECT_THAT(first.json["warnings"].dump(), HasSubstr("service 'nowhere' is not known"));
  const Reply same = call("POST", "/v1/workflows", std::string("# a comment\n") + kNew);
  EXPECT_EQ(same.status, 200) << same.text;
  EXPECT_EQ(same.json["workflows"][0]["created"], false);
  EXPECT_EQ(call("POST", "/v1/workflows", std::string(kNew) + "description: other\n").status, 409);
  const Reply shown = call("GET", "/v1/workflows/fresh/1");
  EXPECT_EQ(shown.json["source"], kNew);
  EXPECT_EQ(shown.json["definition"]["name"], "fresh");
  EXPECT_EQ(call("GET", "/v1/workflows/fresh").json["versions"], (Json{1}));
}

TEST_F(Operators, ADryRunRegistersNothing) {
  const Reply reply = call("POST", "/v1/workflows?dry_run=true", kNew);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json["workflows"][0]["created"], true);
  EXPECT_EQ(call("GET", "/v1/workflows/fresh").status, 404);
}

TEST_F(Operators, ABadDefinitionIs422WithEveryPlace) {
  const Reply reply = call("POST", "/v1/workflows?file=fresh.yaml", "name: fresh\nversion: 0\nstep: []\n");
  EXPECT_EQ(reply.status, 422);
  EXPECT_THAT(reply.json["detail"].get<std::string>(), HasSubstr("fresh.yaml:"));
  ASSERT_GE(reply.json["errors"].size(), 2u);
  for (const Json& error : reply.json["errors"]) EXPECT_GE(error["line"].get<int>(), 1);
  EXPECT_EQ(call("POST", "/v1/workflows", "name: \xff").status, 400);
  EXPECT_EQ(call("GET", "/v1/workflows/none").status, 404);
  EXPECT_EQ(call("GET", "/v1/workflows/order/7").status, 404);
}

TEST_F(Operators, ListsWorkflowsAndServicesAndCounts) {
  start("s");
  EXPECT_EQ(call("GET", "/v1/workflows").json["workflows"][0]["name"], "order");
  const Json services = call("GET", "/v1/services").json["services"];
  ASSERT_EQ(services.size(), 2u);
  EXPECT_EQ(services[0]["known"], false) << "the definition names it, nobody said where it is";
  const Json stats = call("GET", "/v1/stats").json;
  EXPECT_EQ(stats["counts"][0]["status"], "running");
  EXPECT_EQ(stats["counts"][0]["count"], 1);
  EXPECT_EQ(stats["queues"]["live"], 1);
  EXPECT_EQ(call("GET", "/v1/stats?workflow=none").json["counts"].size(), 0u);
  EXPECT_EQ(call("GET", "/v1/stats?limit=5").status, 422);
}

TEST_F(Operators, ServicesTellTheHealthOfTheirInstances) {
  using Instance = workers::InstanceStatus;
  Instance open;
  open.url = "http://a:1";
  open.health = Instance::Health::kFailing;
  open.breaker = Instance::Breaker::kOpen;
  open.consecutive_faults = 23;
  open.health_since = Millis{90'000};
  open.opens_in = Millis{4'500};
  open.last_error = "no connection to http://a:1: Connection refused";
  open.last_error_ago = Millis{1'000};
  open.last_success_ago = Millis{120'000};
  Instance fresh;
  fresh.url = "http://b:1";
  fresh.breaker = Instance::Breaker::kOff;
  Instance probed;
  probed.url = "http://c:1";
  probed.health = Instance::Health::kHealthy;
  probed.breaker = Instance::Breaker::kHalfOpen;
  dispatcher_.show({{"payment", {open, fresh}, 200, 7, 1}}, {probed});
  clock_.set(*parse_time("2026-11-23T01:00:00Z"));

  const Json answer = call("GET", "/v1/services").json;
  ASSERT_EQ(answer["services"].size(), 2u);
  const Json& payment = answer["services"][0];
  EXPECT_EQ(payment["name"], "payment");
  EXPECT_EQ(payment["instances"][0], (Json{{"url", "http://a:1"},
                                           {"health", "failing"},
                                           {"since", "2026-11-23T00:58:30.000Z"},
                                           {"consecutive_faults", 23},
                                           {"breaker", "open"},
                                           {"open_until", "2026-11-23T01:00:04.500Z"},
                                           {"last_error", "no connection to http://a:1: Connection refused"},
                                           {"last_error_at", "2026-11-23T00:59:59.000Z"},
                                           {"last_success_at", "2026-11-23T00:58:00.000Z"}}));
  EXPECT_EQ(payment["instances"][1]["health"], "unknown");
  EXPECT_EQ(payment["instances"][1]["breaker"], "off");
  for (const char* none : {"since", "open_until", "last_error", "last_error_at", "last_success_at"}) {
    EXPECT_TRUE(payment["instances"][1][none].is_null()) << none;
  }
  EXPECT_EQ(answer["services"][1]["name"], "inventory");
  EXPECT_EQ(answer["services"][1]["known"], false);
  ASSERT_EQ(answer["urls"].size(), 1u);
  EXPECT_EQ(answer["urls"][0]["url"], "http://c:1");
  EXPECT_EQ(answer["urls"][0]["breaker"], "half_open");
}

TEST_F(Operators, MetricsCountWhatHappened) {
  obliging_workers();
  call("POST", "/v1/sagas?wait=30s", R"({"workflow":"order","id":"s","input":{"amount":1}})");
  const Reply reply = call("GET", "/metrics");
  EXPECT_THAT(reply.content_type, HasSubstr("text/plain"));
  for (const char* line : {R"(sagad_sagas_started_total{workflow="order"} 1)",
                           R"(sagad_sagas_ended_total{status="completed",workflow="order"} 1)",
                           R"(sagad_attempts_total{phase="action",result="done",step="pay",workflow="order"} 1)",
                           R"(sagad_sagas{workflow="order",status="completed"} 1)", "process_resident_memory_bytes",
                           R"(sagad_http_requests_total{code="201",method="POST",route="/v1/sagas"} 1)"}) {
    EXPECT_NE(reply.text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace saga::api
