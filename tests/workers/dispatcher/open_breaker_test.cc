// Breakers over real sockets, with the time of the breakers in the test's hand: which instance is called, what is
// reported of a call that is held back, and what is told of it all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/workers/dispatcher/caller.h"
#include "tests/workers/dispatcher/scripted_worker.h"

namespace saga::workers::testing {
namespace {

using ::testing::HasSubstr;
using Told = InstanceStatus::Breaker;
using Condition = InstanceStatus::Health;

/// Time for breakers; stands still until it is moved. Outlives the dispatcher.
class BreakerTime {
 public:
  void pass(Millis time) { *ms_ += time.count(); }
  [[nodiscard]] DispatcherOptions options(std::size_t faults = 3) const {
    DispatcherOptions options;
    options.now = [ms = ms_] { return Breaker::Time{Millis{ms->load()}}; };
    options.url_breaker = breaker(faults);
    return options;
  }
  [[nodiscard]] static BreakerOptions breaker(std::size_t faults = 3) {
    return {true, faults, Millis{1'000}, Millis{4'000}};
  }
  /// Longer than any breaker here stays open.
  static constexpr Millis kLongest{5'000};

 private:
  std::shared_ptr<std::atomic<std::int64_t>> ms_ = std::make_shared<std::atomic<std::int64_t>>(3'600'000);
};

Services service_at(std::vector<std::string> urls, std::size_t faults = 3, std::size_t max_in_flight = 200) {
  return {{"w",
           {.urls = std::move(urls),
            .headers = {},
            .max_in_flight = max_in_flight,
            .breaker = BreakerTime::breaker(faults)}}};
}

/// Answers 503 until it is mended.
class MendableWorker {
 public:
  [[nodiscard]] std::string url() const { return worker_.url(); }
  [[nodiscard]] int calls() { return worker_.count("call"); }
  void mend(bool mended = true) { *mended_ = mended; }

 private:
  std::shared_ptr<std::atomic<bool>> mended_ = std::make_shared<std::atomic<bool>>(false);
  ScriptedWorker worker_{[mended = mended_](Peer& peer, ScriptedWorker& self) {
    while (peer.read_request()) {
      self.note("call");
      peer.send(http_answer(*mended ? 200 : 503, "{}"));
    }
  }};
};

TEST(OpenBreaker, HoldsCallsBackUntilAProbeSucceeds) {
  MendableWorker worker;
  BreakerTime time;
  Caller caller(service_at({worker.url()}), time.options());
  EXPECT_EQ(caller->admits("w", ""), Admits::kAll);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(caller.call()), 503);

  EXPECT_EQ(caller->admits("w", ""), Admits::kNone);
  const CallOutcome held_back = caller.call();
  ASSERT_TRUE(is_not_sent(held_back, NotSent::Reason::kNoInstance));
  const std::string message = std::get<NotSent>(held_back).message;
  EXPECT_THAT(message, HasSubstr("the circuit breaker of " + worker.url() + " is open until 20"));
  EXPECT_THAT(message, HasSubstr("after 3 faults in a row, the last: answered 503"));
  EXPECT_EQ(worker.calls(), 3) << "a call that is held back is not made";

  time.pass(BreakerTime::kLongest);
  EXPECT_EQ(caller->admits("w", ""), Admits::kOne);
  EXPECT_EQ(status_of(caller.call()), 503);
  EXPECT_EQ(caller->admits("w", ""), Admits::kNone) << "the probe failed";

  worker.mend();
  time.pass(BreakerTime::kLongest);
  EXPECT_EQ(status_of(caller.call()), 200);
  EXPECT_EQ(caller->admits("w", ""), Admits::kAll);
  EXPECT_EQ(status_of(caller.call()), 200);
}

TEST(OpenBreaker, LetsOneCallThroughWhileAProbeIsUnderWay) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    for (int i = 0; peer.read_request(); ++i) {
      self.note("call");
      if (self.count("call") == 2 && !self.wait_for("go")) return;
      peer.send(http_answer(self.count("go") > 0 ? 200 : 500, "{}"));
    }
  });
  BreakerTime time;
  Caller caller(service_at({worker.url()}, 1), time.options());
  EXPECT_EQ(status_of(caller.call()), 500);
  time.pass(BreakerTime::kLongest);
  auto probe = caller.begin(Caller::post());
  ASSERT_TRUE(worker.wait_for("call", 2));
  EXPECT_EQ(caller->admits("w", ""), Admits::kNone);
  EXPECT_EQ(caller->services().at(0).instances.at(0).breaker, Told::kHalfOpen);
  const CallOutcome second = caller.call();
  ASSERT_TRUE(is_not_sent(second, NotSent::Reason::kNoInstance));
  EXPECT_THAT(std::get<NotSent>(second).message, HasSubstr("waits for how one call ends"));
  worker.note("go");
  EXPECT_EQ(status_of(Caller::wait(std::move(probe)).outcome), 200);
  EXPECT_EQ(caller->admits("w", ""), Admits::kAll);
}

TEST(OpenBreaker, RoundRobinPassesOverAnInstanceThatIsGone) {
  std::string gone;
  { gone = ScriptedWorker(answer_always("")).url(); }
  ScriptedWorker alive(answer_always(http_answer(200, "{}")));
  BreakerTime time;
  Caller caller(service_at({gone, alive.url()}), time.options());
  int unreached = 0;
  for (int i = 0; i < 20; ++i) unreached += status_of(caller.call()) == 200 ? 0 : 1;
  EXPECT_EQ(unreached, 3) << "then its turns go to the other";
  EXPECT_EQ(caller->admits("w", ""), Admits::kAll);

  const ServiceStatus status = caller->services().at(0);
  ASSERT_EQ(status.instances.size(), 2U);
  EXPECT_EQ(status.instances[0].url, gone);
  EXPECT_EQ(status.instances[0].health, Condition::kFailing);
  EXPECT_EQ(status.instances[0].breaker, Told::kOpen);
  EXPECT_EQ(status.instances[0].consecutive_faults, 3U);
  EXPECT_TRUE(status.instances[0].opens_in);
  EXPECT_THAT(status.instances[0].last_error, HasSubstr("no connection to " + gone));
  EXPECT_EQ(status.instances[1].health, Condition::kHealthy);
  EXPECT_EQ(status.instances[1].breaker, Told::kClosed);
  EXPECT_EQ(status.instances[1].last_error, "");

  time.pass(BreakerTime::kLongest);
  for (int i = 0; i < 10; ++i) unreached += status_of(caller.call()) == 200 ? 0 : 1;
  EXPECT_EQ(unreached, 4) << "one of them was its probe";
}

TEST(OpenBreaker, NamesTheInstanceThatIsTriedFirstWhereAllAreHeldBack) {
  MendableWorker one, two;
  BreakerTime time;
  Caller caller(service_at({one.url(), two.url()}, 1), time.options());
  EXPECT_EQ(status_of(caller.call()), 503);
  time.pass(Millis{500});
  EXPECT_EQ(status_of(caller.call()), 503);
  const CallOutcome held_back = caller.call();
  ASSERT_TRUE(is_not_sent(held_back, NotSent::Reason::kNoInstance));
  EXPECT_THAT(std::get<NotSent>(held_back).message,
              HasSubstr("all 2 instances are held back; the first to be tried: the circuit breaker of " + one.url()));
}

TEST(OpenBreaker, AnInstanceThatRefusesIsAtWork) {
  ScriptedWorker worker(answer_always(http_answer(422, "{}")));
  BreakerTime time;
  Caller caller(service_at({worker.url()}, 1), time.options());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(caller.call()), 422);
  EXPECT_EQ(caller->services().at(0).instances.at(0).health, Condition::kHealthy);
}

TEST(OpenBreaker, AStatusThatMeansDoneIsNoFault) {
  ScriptedWorker worker(answer_always(http_answer(503, "{}")));
  BreakerTime time;
  Caller caller(service_at({worker.url()}, 1), time.options());
  WorkerCall call = Caller::post();
  call.accept = {503};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status_of(caller.call(call)), 503);
}

TEST(OpenBreaker, ReportsWhatWaitsInTheQueue) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker& self) {
    peer.read_request();
    self.note("call");
    if (self.wait_for("go")) peer.send(http_answer(500, "{}"));
  });
  BreakerTime time;
  Caller caller(service_at({worker.url()}, 1, 1), time.options());
  auto first = caller.begin(Caller::post());
  std::vector<std::future<CallReport>> queued;
  for (int i = 0; i < 20; ++i) queued.push_back(caller.begin(Caller::post()));
  ASSERT_TRUE(worker.wait_for("call"));
  worker.note("go");
  EXPECT_EQ(status_of(Caller::wait(std::move(first)).outcome), 500);
  for (auto& call : queued) {
    EXPECT_TRUE(is_not_sent(Caller::wait(std::move(call)).outcome, NotSent::Reason::kNoInstance));
  }
  EXPECT_EQ(worker.count("call"), 1);
  EXPECT_EQ(caller->services().at(0).queued, 0U);
  EXPECT_EQ(caller->in_flight(), 0U);
}

TEST(OpenBreaker, SwitchedOffEveryCallIsMade) {
  MendableWorker worker;
  BreakerTime time;
  Services services = service_at({worker.url()}, 1);
  services["w"].breaker.enabled = false;
  Caller caller(services, time.options());
  for (int i = 0; i < 30; ++i) EXPECT_EQ(status_of(caller.call()), 503);
  const InstanceStatus status = caller->services().at(0).instances.at(0);
  EXPECT_EQ(status.breaker, Told::kOff);
  EXPECT_EQ(status.health, Condition::kFailing);
  EXPECT_EQ(status.consecutive_faults, 30U);
}

TEST(OpenBreaker, AStepsOwnUrlHasOneToo) {
  MendableWorker worker, other;
  other.mend();
  BreakerTime time;
  Caller caller(Services{}, time.options());
  WorkerCall call = Caller::post();
  call.service.clear();
  call.url = worker.url();
  EXPECT_EQ(caller->admits("", worker.url()), Admits::kAll);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(caller.call(call)), 503);
  EXPECT_TRUE(is_not_sent(caller.call(call), NotSent::Reason::kNoInstance));
  EXPECT_EQ(caller->admits("", worker.url()), Admits::kNone);

  WorkerCall elsewhere = call;
  elsewhere.url = other.url();
  EXPECT_EQ(status_of(caller.call(elsewhere)), 200);
  const auto urls = caller->urls();
  ASSERT_EQ(urls.size(), 2U);
  for (const InstanceStatus& status : urls) {
    EXPECT_EQ(status.breaker, status.url == worker.url() ? Told::kOpen : Told::kClosed) << status.url;
  }

  worker.mend();
  time.pass(BreakerTime::kLongest);
  EXPECT_EQ(caller->admits("", worker.url()), Admits::kOne);
  EXPECT_EQ(status_of(caller.call(call)), 200);
  EXPECT_EQ(caller->admits("", worker.url()), Admits::kAll);
}

TEST(OpenBreaker, OfAServiceThatNobodyKnowsAdmitsNothing) {
  Caller caller(Services{});
  EXPECT_EQ(caller->admits("w", ""), Admits::kNone);
}

TEST(OpenBreaker, OneEndpointThatAlwaysFailsShutsNobodyOut) {
  ScriptedWorker worker([](Peer& peer, ScriptedWorker&) {
    while (const auto request = peer.read_request()) {
      peer.send(http_answer(request->find("/broken") == std::string::npos ? 200 : 500, "{}"));
    }
  });
  BreakerTime time;
  Caller caller(service_at({worker.url()}), time.options());
  WorkerCall broken = Caller::post();
  broken.path = "/broken";
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(status_of(caller.call(broken)), 500);
    EXPECT_EQ(status_of(caller.call(broken)), 500);
    EXPECT_EQ(status_of(caller.call()), 200);
  }
}

}  // namespace
}  // namespace saga::workers::testing
