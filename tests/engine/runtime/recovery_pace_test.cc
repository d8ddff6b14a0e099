// How fast sagas are read back after a crash: no faster than they can be worked on, and never not at all.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/runtime/runtime.h"
#include "store/memory/memory_store.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::runtime {
namespace {

constexpr std::size_t kSagas = 9'000;

struct RecoveryPace : ::testing::Test {
  /// A process that begins over the same tables, and commits only when the test says so.
  void boot(bool own_threads) {
    runtime.reset();
    dispatcher = std::make_unique<saga::testing::FakeDispatcher>();
    store::CommitterOptions committer;
    committer.own_thread = false;
    store = std::make_unique<store::StoreOverMemory>(tables, tables, committer);
    registry = std::make_unique<Registry>(*store);
    const auto loaded =
        workflows::load_workflows("name: trip\nversion: 1\nsteps: [{ name: hotel, service: hotels, action: /book }]\n",
                                  "test.yaml");
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(registry->add(*loaded, clock.now()));
    RuntimeOptions options;
    options.own_threads = own_threads;  // No thread runs: the test turns.
    options.seed = 7;
    auto created = Runtime::create(*registry, *store, *dispatcher, clock, nullptr, options);
    ASSERT_TRUE(created);
    runtime = std::move(*created);
  }

  void start_all() const {
    std::vector<StartRequest> requests;
    for (std::size_t i = 0; i < kSagas; ++i) {
      StartRequest& request = requests.emplace_back();
      request.id = "t" + std::to_string(i);
      request.workflow = registry->newest("trip");
      request.input = share(Json::object());
      request.trace_id = std::string(32, 'a');
    }
    runtime->start_many(std::move(requests), [](const Result<ManyStarted>&) {});
    while (runtime->turn() > 0 || store->step()) continue;
  }

  void turn_often() const {
    for (int i = 0; i < 50; ++i) runtime->turn();
  }

  saga::testing::ManualClock clock;
  store::MemoryBackend tables;
  std::unique_ptr<saga::testing::FakeDispatcher> dispatcher;
  std::unique_ptr<store::StoreOverMemory> store;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<Runtime> runtime;
};

TEST_F(RecoveryPace, IsThatOfTheStoreAndNobodyIsStranded) {
  boot(false);
  start_all();
  ASSERT_EQ(dispatcher->in_flight(), kSagas);

  boot(true);
  turn_often();
  const std::size_t read_back = runtime->stats().live;
  EXPECT_GE(read_back, 4'000U) << "enough for full batches";
  EXPECT_LE(read_back, 6'000U) << "nothing was committed yet";

  for (std::size_t live = read_back; live < kSagas;) {  // However long the store takes, the others have their turn.
    clock.advance(Millis{100});
    turn_often();
    ASSERT_GT(runtime->stats().live, live);
    live = runtime->stats().live;
  }
  while (runtime->turn() > 0 || store->step()) continue;
  EXPECT_EQ(dispatcher->in_flight(), kSagas) << "all are called again";
}

TEST_F(RecoveryPace, GoesOnAtOnceWithWhatIsCommitted) {
  boot(false);
  start_all();
  boot(true);
  turn_often();
  ASSERT_LT(runtime->stats().live, kSagas);
  while (runtime->turn() > 0 || store->step()) continue;  // The clock stands still.
  EXPECT_EQ(dispatcher->in_flight(), kSagas);
}

}  // namespace
}  // namespace saga::runtime
