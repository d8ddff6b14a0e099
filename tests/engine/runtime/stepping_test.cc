// The runtime and its store on one thread, under a clock that is set to the next moment at which anything is due.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "engine/runtime/runtime.h"
#include "store/memory/memory_store.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kTrip = R"(
name: trip
version: 1
defaults: { retry: { max_attempts: 50, initial_interval: 100ms, jitter: 0.5 } }
steps:
  - { name: hotel, service: hotels, action: /book, compensation: /cancel }
)";

/// What a process is, and what is left of it: the tables.
class World {
  const std::uint64_t seed_;
  store::MemoryBackend tables_;

 public:
  explicit World(std::uint64_t seed = 7) : seed_(seed) { boot(); }

  /// A process that begins after the last one ended.
  void boot() {
    runtime_.reset();
    store.reset();
    store::CommitterOptions committer;
    committer.own_thread = false;
    store = std::make_unique<store::StoreOverMemory>(tables_, tables_, committer);
    registry_ = std::make_unique<Registry>(*store);
    ASSERT_TRUE(registry_->load());
    auto loaded = workflows::load_workflows(kTrip, "test.yaml");
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(registry_->add(*loaded, clock.now()));
    dispatcher = std::make_unique<saga::testing::FakeDispatcher>();
    RuntimeOptions options;
    options.seed = seed_;
    options.own_threads = false;
    auto created = Runtime::create(*registry_, *store, *dispatcher, clock, nullptr, options);
    ASSERT_TRUE(created) << created.error().message;
    runtime_ = std::move(*created);
    runtime_->set_public_url("http://sagad");
  }

  Runtime& operator*() { return *runtime_; }
  Runtime* operator->() { return runtime_.get(); }

  /// Until nothing is left to do at this moment.
  void settle() {
    do {
      runtime_->turn();
    } while (store->step() || runtime_->next_due() <= clock.now());
  }
  /// On to the next moment at which something is due.
  void jump() {
    const auto next = runtime_->next_due();
    ASSERT_TRUE(next);
    ASSERT_GT(*next, clock.now());
    clock.set(*next);
    settle();
  }

  void start(const std::string& id, std::optional<Timestamp> start_at = {}) {
    StartRequest start;
    start.id = id;
    start.workflow = registry_->newest("trip");
    start.input = share(Json::object());
    start.trace_id = std::string(32, 'a');
    start.start_at = start_at;
    bool started = false;
    runtime_->start(std::move(start), [&started](const Result<Started>& result) { started = result.has_value(); });
    settle();
    ASSERT_TRUE(started);
  }

  saga::testing::ManualClock clock;
  std::unique_ptr<store::StoreOverMemory> store;
  std::unique_ptr<saga::testing::FakeDispatcher> dispatcher;

 private:
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Runtime> runtime_;
};

TEST(Stepping, ADueSagaIsReadBackAndCalledAtItsTime) {
  World world;
  const Timestamp due = world.clock.now() + std::chrono::hours(1);
  world.start("t1", due);
  EXPECT_EQ(world->stats().live, 0U);
  while (world.dispatcher->log().empty() && world.clock.now() <= due) world.jump();
  EXPECT_EQ(world.clock.now(), due) << "not a millisecond late";
  EXPECT_THAT(world.dispatcher->log(), ElementsAre("hotel/action/1"));
}

TEST(Stepping, AnAttemptLostWithTheProcessIsMadeAgain) {
  World world;
  world.start("t1");
  world.boot();
  EXPECT_LE(world->next_due(), world.clock.now()) << "the first scan is due at once";
  world.settle();
  EXPECT_THAT(world.dispatcher->log(), ElementsAre("hotel/action/2"));
}

TEST(Stepping, ACallThatWaitsForItsServiceIsLookedAtAgain) {
  World world;
  world.dispatcher->without_instance("hotels");
  world.start("t1");
  const std::size_t tried = world.dispatcher->log().size();
  world.jump();
  EXPECT_THAT(world.dispatcher->log(), SizeIs(tried));
  world.dispatcher->without_instance("hotels", false);
  world.jump();
  EXPECT_THAT(world.dispatcher->log(), SizeIs(tried + 1));
}

TEST(Stepping, ADeliveryForASagaOutOfMemoryIsAnsweredAtOnce) {
  World world;
  world.start("t1", world.clock.now() + std::chrono::hours(1));
  std::optional<Result<DeliveryAnswer>> answer;
  world->deliver({"t1", core::OperatorCommand{core::Verb::kTerminate, "", nullptr, {"tester", false, "why"}}, ""},
                 [&answer](Result<DeliveryAnswer> result) { answer = std::move(result); });
  world.settle();
  ASSERT_TRUE(answer && *answer);
  EXPECT_TRUE((*answer)->changed);
  EXPECT_EQ(world.store->find("t1")->head.status, "terminated");
}

TEST(Stepping, CountsWhatIsOverdueWithoutAnotherThread) {
  World world;
  for (const char* id : {"t1", "t2"}) world.start(id);
  world.boot();
  world.clock.advance(Millis{60'000});
  EXPECT_EQ(world->count_overdue(), 2U) << "nobody has turned";
  world.settle();
  EXPECT_EQ(world->count_overdue(), 0U);
}

TEST(Stepping, HoldsWhileTheCallerStepsTheStore) {
  World world;
  for (const char* id : {"t1", "t2", "t3"}) world.start(id);
  world.boot();
  for (;;) {
    const auto more = world->hold_some({"sagad", true, "held"});
    ASSERT_TRUE(more) << more.error().message;
    if (!*more) break;
    world.store->step();
  }
  world.settle();
  EXPECT_THAT(world.dispatcher->log(), IsEmpty());
  for (const char* id : {"t1", "t2", "t3"}) EXPECT_EQ(world.store->find(id)->head.status, "suspended");
}

/// When which call was made, and where it may be called back.
std::vector<std::string> story(std::uint64_t seed) {
  World world(seed);
  std::vector<std::string> told;
  world.dispatcher->answer_by([&](const saga::testing::FakeDispatcher::Sent& sent) {
    told.push_back(format_time(world.clock.now()) + " " + sent.what() + " " + sent.header("Saga-Callback-Url"));
    sent.answer(503);
  });
  world.start("t1");
  while (told.size() < 10) world.jump();
  return told;
}

TEST(Stepping, EqualSeedsGiveEqualRuns) {
  const auto first = story(1);
  EXPECT_EQ(story(1), first);
  EXPECT_THAT(story(2), Not(first));
}

TEST(Stepping, ARunningEngineWithoutAThreadForRecoveryRecovers) {
  saga::testing::ManualClock clock;
  const std::unique_ptr<store::Store> store = store::make_memory_store();
  Registry registry(*store);
  ASSERT_TRUE(registry.load());
  saga::testing::FakeDispatcher dispatcher;
  RuntimeOptions options;
  options.own_threads = false;
  auto runtime = Runtime::create(registry, *store, dispatcher, clock, nullptr, options);
  ASSERT_TRUE(runtime);
  std::promise<ErrorCode> answer;
  const std::jthread engine([&](const std::stop_token& stop) { (*runtime)->run(stop); });
  (*runtime)->deliver({"nobody", core::OperatorCommand{core::Verb::kRetry, "", nullptr, {"tester", false, ""}}, ""},
                      [&answer](const Result<DeliveryAnswer>& result) {
                        answer.set_value(result ? ErrorCode::kInternal : result.error().code);
                      });
  std::future<ErrorCode> answered = answer.get_future();
  ASSERT_EQ(answered.wait_for(std::chrono::seconds{30}), std::future_status::ready);
  EXPECT_EQ(answered.get(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace saga::runtime
