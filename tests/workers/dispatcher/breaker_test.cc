// The breaker's table, row by row, and what no order of calls may bring about.
#include "workers/dispatcher/breaker.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace saga::workers {
namespace {

using State = Breaker::State;
using Time = Breaker::Time;

constexpr double kMiddle = 0.5;  ///< The draw that spreads nothing.

/// Three faults open it, for 1 s at first and 8 s at most.
BreakerOptions options() { return {true, 3, Millis{1'000}, Millis{8'000}}; }

struct Driven {
  Breaker breaker{options()};
  Time now{std::chrono::hours(1)};

  void fault(Breaker::Pass pass = {}) { breaker.faulted(pass, now, kMiddle); }
  void fault_until_open() {
    while (breaker.state(now) == State::kClosed) fault(breaker.admit(now));
  }
  [[nodiscard]] State state() const { return breaker.state(now); }
  [[nodiscard]] bool admits() const { return breaker.admits(now); }
  /// How long until it lets a call through.
  [[nodiscard]] Millis held_back() const {
    return admits() ? Millis{0} : std::chrono::duration_cast<Millis>(breaker.until() - now);
  }
  void pass(Millis time) { now += time; }
};

TEST(Breaker, OpensAtTheLastFaultInARowThatItTakes) {
  Driven driven;
  driven.fault();
  driven.fault();
  EXPECT_EQ(driven.state(), State::kClosed);
  EXPECT_TRUE(driven.admits());
  driven.fault();
  EXPECT_EQ(driven.state(), State::kOpen);
  EXPECT_FALSE(driven.admits());
  EXPECT_EQ(driven.breaker.consecutive_faults(), 3U);
}

TEST(Breaker, ASuccessInBetweenStartsTheCountAnew) {
  Driven driven;
  for (int i = 0; i < 100; ++i) {
    driven.fault();
    driven.fault();
    driven.breaker.succeeded();
    EXPECT_EQ(driven.breaker.consecutive_faults(), 0U);
  }
  EXPECT_EQ(driven.state(), State::kClosed) << "an endpoint that always fails shuts out nobody else's calls";
}

TEST(Breaker, IsHalfOpenOnceItsTimeIsOverAndLetsOneProbeThrough) {
  Driven driven;
  driven.fault_until_open();
  driven.pass(Millis{999});
  EXPECT_EQ(driven.state(), State::kOpen);
  driven.pass(Millis{1});
  EXPECT_EQ(driven.state(), State::kHalfOpen);
  ASSERT_TRUE(driven.admits());
  EXPECT_NE(driven.breaker.admit(driven.now).probe, 0U);
  EXPECT_EQ(driven.state(), State::kHalfOpen);
  EXPECT_FALSE(driven.admits()) << "one at a time";
}

TEST(Breaker, ClosesWhenTheProbeSucceeds) {
  Driven driven;
  driven.fault_until_open();
  driven.pass(Millis{1'000});
  (void)driven.breaker.admit(driven.now);
  driven.breaker.succeeded();
  EXPECT_EQ(driven.state(), State::kClosed);
  driven.fault();
  driven.fault();
  EXPECT_EQ(driven.state(), State::kClosed) << "the faults from before are forgotten";
}

TEST(Breaker, StaysOpenTwiceAsLongEachTimeTheProbeFaults) {
  Driven driven;
  driven.fault_until_open();
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 6; ++i) {
    waits.push_back(driven.held_back().count());
    driven.pass(driven.held_back());
    driven.fault(driven.breaker.admit(driven.now));
    EXPECT_EQ(driven.state(), State::kOpen);
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1'000, 2'000, 4'000, 8'000, 8'000, 8'000}));

  driven.pass(driven.held_back());
  (void)driven.breaker.admit(driven.now);
  driven.breaker.succeeded();
  driven.fault_until_open();
  EXPECT_EQ(driven.held_back(), Millis{1'000}) << "once it was closed it begins with the first time again";
}

TEST(Breaker, AFaultOfACallFromBeforeOpensItNoLonger) {
  Driven driven;
  driven.fault_until_open();
  driven.pass(Millis{600});
  driven.fault();
  EXPECT_EQ(driven.held_back(), Millis{400});
  driven.pass(Millis{400});
  (void)driven.breaker.admit(driven.now);
  driven.fault();
  EXPECT_EQ(driven.state(), State::kHalfOpen) << "only the probe says whether the instance is back";
}

TEST(Breaker, ASuccessOfACallFromBeforeClosesIt) {
  Driven driven;
  driven.fault_until_open();
  driven.breaker.succeeded();
  EXPECT_EQ(driven.state(), State::kClosed);
}

TEST(Breaker, ASlowProbeLetsAnotherThroughInItsTime) {
  Driven driven;
  driven.fault_until_open();
  driven.pass(Millis{1'000});
  const auto slow = driven.breaker.admit(driven.now);
  driven.pass(Millis{999});
  EXPECT_FALSE(driven.admits());
  driven.pass(Millis{1});
  ASSERT_TRUE(driven.admits());
  const auto second = driven.breaker.admit(driven.now);
  driven.fault(slow);
  EXPECT_EQ(driven.state(), State::kHalfOpen) << "the newer one decides";
  driven.fault(second);
  EXPECT_EQ(driven.held_back(), Millis{2'000});
}

TEST(Breaker, AProbeThatToldNothingIsFollowedByAnother) {
  Driven driven;
  driven.fault_until_open();
  driven.pass(Millis{1'000});
  driven.breaker.told_nothing(driven.breaker.admit(driven.now));
  EXPECT_EQ(driven.state(), State::kHalfOpen);
  EXPECT_TRUE(driven.admits());
}

TEST(Breaker, SpreadsTheTimeItIsOpenByAFifthEitherWay) {
  for (const auto& [draw, expected] : {std::pair(0.0, 800), {0.25, 900}, {1.0, 1'200}}) {
    Driven driven;
    for (int i = 0; i < 3; ++i) driven.breaker.faulted({}, driven.now, draw);
    EXPECT_EQ(driven.held_back(), Millis{expected});
  }
}

TEST(Breaker, SwitchedOffCountsAndHoldsNothingBack) {
  Breaker breaker{BreakerOptions{.enabled = false, .consecutive_faults = 1}};
  const Time now{};
  for (int i = 0; i < 1'000; ++i) breaker.faulted(breaker.admit(now), now, kMiddle);
  EXPECT_EQ(breaker.state(now), State::kClosed);
  EXPECT_TRUE(breaker.admits(now));
  EXPECT_EQ(breaker.consecutive_faults(), 1'000U);
}

/// Calls begin, end well or badly in any order, and time passes: it holds back nobody for longer than its longest time,
/// never opens before its count, and at most one call leaves in the time it was open for.
RC_GTEST_PROP(Breaker, NobodyIsShutOutForLongWhateverHappens, ()) {
  Driven driven;
  std::vector<Breaker::Pass> under_way;
  std::size_t in_a_row = 0;
  for (const int action : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6))) {
    const State before = driven.state();
    if (action == 0 && driven.admits()) {
      under_way.push_back(driven.breaker.admit(driven.now));
      RC_ASSERT((under_way.back().probe != 0) == (before != State::kClosed));
      if (before != State::kClosed) RC_ASSERT(!driven.admits());
    } else if (action <= 2 && !under_way.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, under_way.size()));
      driven.fault(under_way[static_cast<std::size_t>(at)]);
      under_way.erase(under_way.begin() + at);
      ++in_a_row;
    } else if (action == 3 && !under_way.empty()) {
      under_way.pop_back();
      driven.breaker.succeeded();
      in_a_row = 0;
      RC_ASSERT(driven.state() == State::kClosed);
    } else {
      driven.pass(Millis{*rc::gen::inRange(0, 3'000)});
    }
    if (in_a_row < 3) RC_ASSERT(driven.state() == State::kClosed);
    RC_ASSERT(driven.held_back() <= Millis{8'000});
    RC_ASSERT(driven.breaker.consecutive_faults() == in_a_row);
  }
}

}  // namespace
}  // namespace saga::workers
