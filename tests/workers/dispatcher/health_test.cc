// What an outcome says of the instance that was called, and what is told of it.
#include "workers/dispatcher/health.h"

#include <gtest/gtest.h>

namespace saga::workers {
namespace {

using Told = InstanceStatus::Breaker;
using Condition = InstanceStatus::Health;

CallOutcome answered(int status) {
  Answered answer;
  answer.status = status;
  return answer;
}
const CallOutcome kUnreached = NotSent{NotSent::Reason::kUnreachable, "no connection to http://a: refused"};

TEST(FaultIn, IsNoConnectionNoAnswerOrA5xx) {
  using Unknown = OutcomeUnknown::Reason;
  for (const int status : {500, 502, 503, 504, 599}) EXPECT_TRUE(fault_in(answered(status), {})) << status;
  for (const Unknown reason : {Unknown::kTimeout, Unknown::kConnectionLost, Unknown::kBadAnswer}) {
    EXPECT_EQ(fault_in(OutcomeUnknown{reason, "gone"}, {}), "gone");
  }
  EXPECT_EQ(fault_in(kUnreached, {}), "no connection to http://a: refused");
  EXPECT_EQ(fault_in(answered(503), {}), "answered 503");
}

TEST(FaultIn, IsNoneWhereTheInstanceIsAtWork) {
  for (const int status : {200, 202, 301, 400, 404, 408, 409, 422, 425, 429}) {
    EXPECT_FALSE(fault_in(answered(status), {})) << status;
  }
  const int accept[] = {404, 501};
  EXPECT_FALSE(fault_in(answered(501), accept)) << "it means done";
  EXPECT_TRUE(fault_in(answered(500), accept));
}

struct Watched {
  Health health{"http://a", BreakerOptions{.consecutive_faults = 2}};
  Breaker::Time now{std::chrono::hours(1)};

  void record(const CallOutcome& outcome) { health.record(health.breaker().admit(now), outcome, {}, now, 0.5); }
  [[nodiscard]] InstanceStatus status() const { return health.status(now); }
};

TEST(Health, IsUnknownBeforeTheFirstCall) {
  const InstanceStatus status = Watched().status();
  EXPECT_EQ(status.url, "http://a");
  EXPECT_EQ(status.health, Condition::kUnknown);
  EXPECT_EQ(status.breaker, Told::kClosed);
  EXPECT_FALSE(status.health_since || status.opens_in || status.last_error_ago || status.last_success_ago);
  EXPECT_TRUE(status.last_error.empty());
}

TEST(Health, TellsSinceWhenItFailsAndUntilWhenItIsHeldBack) {
  Watched watched;
  watched.record(answered(200));
  watched.now += Millis{5'000};
  watched.record(kUnreached);
  EXPECT_EQ(watched.status().health, Condition::kFailing);
  EXPECT_EQ(watched.status().breaker, Told::kClosed);
  watched.now += Millis{1'000};
  watched.record(answered(503));
  watched.now += Millis{300};

  InstanceStatus status = watched.status();
  EXPECT_EQ(status.breaker, Told::kOpen);
  EXPECT_EQ(status.consecutive_faults, 2U);
  EXPECT_EQ(status.health_since, Millis{1'300}) << "since the first fault";
  EXPECT_EQ(status.opens_in, Millis{700});
  EXPECT_EQ(status.last_error, "answered 503");
  EXPECT_EQ(status.last_error_ago, Millis{300});
  EXPECT_EQ(status.last_success_ago, Millis{6'300});

  watched.now += Millis{700};
  EXPECT_EQ(watched.status().breaker, Told::kHalfOpen);
  watched.record(answered(422));
  status = watched.status();
  EXPECT_EQ(status.health, Condition::kHealthy);
  EXPECT_EQ(status.breaker, Told::kClosed);
  EXPECT_EQ(status.health_since, Millis{0});
  EXPECT_EQ(status.last_error, "answered 503") << "it is still worth knowing";
}

TEST(Health, SaysThatItsBreakerIsOff) {
  const Health health{"http://a", BreakerOptions{.enabled = false}};
  EXPECT_EQ(health.status({}).breaker, Told::kOff);
}

TEST(Health, IsWorthKeepingForAWhileAfterAFault) {
  Watched watched;
  EXPECT_FALSE(watched.health.worth_keeping(watched.now));
  watched.record(kUnreached);
  watched.now += std::chrono::minutes(9);
  EXPECT_TRUE(watched.health.worth_keeping(watched.now));
  watched.now += std::chrono::minutes(1);
  EXPECT_FALSE(watched.health.worth_keeping(watched.now));
  watched.record(kUnreached);
  watched.record(answered(200));
  EXPECT_FALSE(watched.health.worth_keeping(watched.now));
}

}  // namespace
}  // namespace saga::workers
