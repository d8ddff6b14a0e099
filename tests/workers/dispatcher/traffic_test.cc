#include "workers/dispatcher/traffic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace saga::workers::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Timestamp kNoon{1'795'435'200'000};

/// Calls that are made by standing in `open` until the test says how they end.
class TrafficTest : public ::testing::Test {
 protected:
  TrafficTest() : TrafficTest(7) {}
  explicit TrafficTest(std::uint64_t seed)
      : traffic_({1, breaker(), seed, [] { return kNoon; }},
                 [this](std::unique_ptr<Attempt> attempt) { open_.push_back(std::move(attempt)); }) {}

  static BreakerOptions breaker() { return {true, 3, Millis{1'000}, Millis{4'000}}; }
  /// Longer than any breaker here stays open.
  static constexpr Millis kLongest{5'000};

  void add(std::vector<std::string> urls, std::size_t max_in_flight = 200) {
    ASSERT_TRUE(traffic_.add(
        "w", {.urls = std::move(urls), .headers = {}, .max_in_flight = max_in_flight, .breaker = breaker()}));
  }
  void call(const std::string& path, const std::string& service = "w", const std::string& url = "") {
    WorkerCall call;
    call.service = service;
    call.url = url;
    call.path = path;
    traffic_.take(announce(std::move(call)), now_);
  }
  std::unique_ptr<Attempt> announce(WorkerCall call) {
    const std::string path = call.path;
    return traffic_.announce(std::move(call), [this, path](const CallReport& report) {
      const auto* answered = std::get_if<Answered>(&report.outcome);
      const auto* not_sent = std::get_if<NotSent>(&report.outcome);
      if (not_sent != nullptr) why_ = not_sent->message;
      ended_.push_back(path + " " + (answered != nullptr ? std::to_string(answered->status) : "not sent"));
    });
  }
  /// The oldest call under way ends so.
  void finish(int status, bool own_trouble = false) {
    ASSERT_FALSE(open_.empty());
    auto attempt = std::move(open_.front());
    open_.pop_front();
    attempt->own_trouble = own_trouble;
    Answered answered;
    answered.status = status;
    traffic_.finish(std::move(attempt), {answered, {}}, now_);
  }
  void fail_until_open() {
    for (int i = 0; i < 3; ++i) {
      call("/fails");
      finish(503);
    }
    ended_.clear();
  }
  void pass(Millis time) { now_ += time; }

  [[nodiscard]] std::vector<std::string> under_way() const {
    std::vector<std::string> all;
    for (const auto& attempt : open_) all.push_back(attempt->call.path);
    return all;
  }
  [[nodiscard]] std::vector<std::size_t> instances() const {
    std::vector<std::size_t> all;
    for (const auto& attempt : open_) all.push_back(attempt->instance);
    return all;
  }

  Breaker::Time now_{std::chrono::hours{1}};
  std::deque<std::unique_ptr<Attempt>> open_;
  std::vector<std::string> ended_;
  std::string why_;
  Traffic traffic_;
};

TEST_F(TrafficTest, CallsBeyondMaxInFlightWaitAndGoInOrder) {
  add({"http://a"}, 2);
  for (const char* path : {"/1", "/2", "/3", "/4"}) call(path);
  EXPECT_THAT(under_way(), ElementsAre("/1", "/2"));
  const ServiceStatus status = traffic_.services(now_).front();
  EXPECT_EQ(status.in_flight, 2U);
  EXPECT_EQ(status.queued, 2U);
  EXPECT_EQ(traffic_.in_flight(), 2U);
  finish(200);
  EXPECT_THAT(under_way(), ElementsAre("/2", "/3"));
  finish(422);
  EXPECT_THAT(under_way(), ElementsAre("/3", "/4"));
  EXPECT_THAT(ended_, ElementsAre("/1 200", "/2 422"));
  finish(200);
  finish(200);
  EXPECT_EQ(traffic_.in_flight(), 0U);
  EXPECT_EQ(traffic_.services(now_).front().queued, 0U);
}

TEST_F(TrafficTest, ACallCountsAsQueuedFromItsAnnouncement) {
  add({"http://a"});
  WorkerCall call;
  call.service = "w";
  auto attempt = announce(std::move(call));
  EXPECT_EQ(traffic_.services(now_).front().queued, 1U);
  traffic_.take(std::move(attempt), now_);
  EXPECT_EQ(traffic_.services(now_).front().queued, 0U);
}

TEST_F(TrafficTest, InstancesTakeTurns) {
  add({"http://a", "http://b", "http://c"});
  for (int i = 0; i < 7; ++i) call("/");
  EXPECT_THAT(instances(), ElementsAre(0, 1, 2, 0, 1, 2, 0));
  EXPECT_EQ(open_.front()->route->urls()[1].host, "b");
}

TEST_F(TrafficTest, AnInstanceWhoseBreakerIsOpenIsPassedOver) {
  add({"http://a", "http://b", "http://c"});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) call("/");
    finish(200);
    finish(503);
    finish(200);
  }
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kAll);
  for (int i = 0; i < 4; ++i) call("/");
  EXPECT_THAT(instances(), ElementsAre(0, 2, 0, 2));
}

TEST_F(TrafficTest, WhereEveryBreakerIsOpenACallIsReportedAtOnce) {
  add({"http://a"});
  fail_until_open();
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kNone);
  call("/held");
  EXPECT_THAT(under_way(), IsEmpty());
  EXPECT_THAT(ended_, ElementsAre("/held not sent"));
  EXPECT_THAT(why_, AllOf(HasSubstr("the circuit breaker of http://a is open until 2026-11-23T12:00:0"),
                          HasSubstr("after 3 faults in a row, the last: answered 503")));
}

TEST_F(TrafficTest, ABreakerThatOpensReportsAllThatWait) {
  add({"http://a"}, 3);
  for (const char* path : {"/1", "/2", "/3", "/4", "/5"}) call(path);
  finish(503);
  finish(503);
  EXPECT_THAT(under_way(), ElementsAre("/3", "/4", "/5"));
  for (const char* path : {"/6", "/7"}) call(path);
  finish(503);
  EXPECT_THAT(under_way(), ElementsAre("/4", "/5"));
  EXPECT_THAT(ended_, ElementsAre("/1 503", "/2 503", "/6 not sent", "/7 not sent", "/3 503"));
  EXPECT_EQ(traffic_.services(now_).front().queued, 0U);
}

TEST_F(TrafficTest, OneProbeGoesAndItsSuccessLetsAllThrough) {
  add({"http://a"});
  fail_until_open();
  pass(kLongest);
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kOne);
  call("/probe");
  call("/held");
  EXPECT_THAT(under_way(), ElementsAre("/probe"));
  EXPECT_THAT(why_, HasSubstr("waits for how one call ends"));
  finish(200);
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kAll);
  call("/free");
  EXPECT_THAT(under_way(), ElementsAre("/free"));
}

TEST_F(TrafficTest, OwnTroubleIsNoFaultOfTheInstance) {
  add({"http://a"});
  for (int i = 0; i < 10; ++i) {
    call("/");
    finish(503, true);
  }
  EXPECT_THAT(ended_, AllOf(SizeIs(10), Each("/ 503")));
  EXPECT_EQ(traffic_.services(now_).front().instances.front().health, InstanceStatus::Health::kUnknown);
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kAll);
}

TEST_F(TrafficTest, AServiceNobodyKnowsHasNoInstance) {
  EXPECT_FALSE(traffic_.has_instance("w"));
  EXPECT_EQ(traffic_.admits("w", "", now_), Admits::kNone);
  call("/1");
  EXPECT_THAT(ended_, ElementsAre("/1 not sent"));
  EXPECT_EQ(why_, "service 'w' has no instance");
  ASSERT_TRUE(traffic_.add("w", {}));
  EXPECT_FALSE(traffic_.has_instance("w")) << "known, and nowhere";
}

TEST_F(TrafficTest, RefusesWhatIsNoUrl) {
  const auto added = traffic_.add("w", {.urls = {"http://a", "ftp://b"}, .headers = {}, .max_in_flight = 1});
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().message, AllOf(HasSubstr("service 'w'"), HasSubstr("ftp://b")));
  call("/1", "", "ftp://b");
  EXPECT_THAT(ended_, ElementsAre("/1 not sent"));
  EXPECT_THAT(traffic_.urls(now_), IsEmpty());
}

TEST_F(TrafficTest, AUrlIsARouteOfItsOwnUntilItIsForgotten) {
  const auto may_go = [](const Route&) { return true; };
  EXPECT_EQ(traffic_.admits("", "http://a", now_), Admits::kAll);
  call("/1", "", "http://a");
  call("/2", "", "http://a");
  call("/3", "", "http://b");
  EXPECT_THAT(under_way(), ElementsAre("/1", "/3")) << "one at a time each";
  EXPECT_TRUE(traffic_.forget_urls(now_, may_go));
  EXPECT_THAT(traffic_.urls(now_), SizeIs(2)) << "calls are under way";
  finish(200);
  finish(503);
  finish(200);
  EXPECT_TRUE(traffic_.forget_urls(now_, [](const Route&) { return false; }));
  EXPECT_TRUE(traffic_.forget_urls(now_, may_go));
  ASSERT_THAT(traffic_.urls(now_), SizeIs(1)) << "one has failed lately";
  EXPECT_EQ(traffic_.urls(now_).front().url, "http://b");
  pass(std::chrono::hours{1});
  EXPECT_FALSE(traffic_.forget_urls(now_, may_go));
}

class SeededTraffic : public TrafficTest {
 public:
  explicit SeededTraffic(std::uint64_t seed) : TrafficTest(seed) {}
  void TestBody() override {}
  std::optional<Millis> opens_in() {
    add({"http://a"});
    fail_until_open();
    return traffic_.services(now_).front().instances.front().opens_in;
  }
};

TEST(TrafficSeed, DecidesHowLongABreakerStaysOpen) {
  const auto first = SeededTraffic(1).opens_in();
  ASSERT_TRUE(first);
  EXPECT_EQ(SeededTraffic(1).opens_in(), first);
  EXPECT_NE(SeededTraffic(2).opens_in(), first);
}

}  // namespace
}  // namespace saga::workers::testing
