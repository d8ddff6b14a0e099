// The start of a child, between the commit in which its parent decides it and the child's own.
#include <gtest/gtest.h>

#include "engine/runtime/runtime.h"
#include "store/memory/memory_store.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::runtime {
namespace {

constexpr const char* kDefinitions = R"(
name: inner
version: 1
steps: [{ name: wrap, service: packer, action: /wrap, compensation: /unwrap }]
---
name: outer
version: 1
deadline: 10s
steps: [{ name: packing, saga: inner }]
---
name: filler
version: 1
steps: [{ name: pause, wait: 1h }]
)";

struct ChildStart : ::testing::Test {
  /// A process that begins over the same tables, with room for one append in its queue.
  void boot() {
    runtime.reset();
    store.reset();
    store::CommitterOptions committer;
    committer.own_thread = false;
    committer.max_queued = 1;
    store = std::make_unique<store::StoreOverMemory>(tables, tables, committer);
    registry = std::make_unique<Registry>(*store);
    const auto loaded = workflows::load_workflows(kDefinitions, "test.yaml");
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(registry->add(*loaded, clock.now()));
    RuntimeOptions options;
    options.own_threads = false;
    options.seed = 7;
    auto created = Runtime::create(*registry, *store, dispatcher, clock, nullptr, options);
    ASSERT_TRUE(created);
    runtime = std::move(*created);
  }

  /// "o1" has decided to start its child, and the process ends.
  void lose_start() {
    boot();
    start("o1", "outer");
    while (runtime->turn() == 0 || !store->step()) continue;
    boot();
    ASSERT_FALSE(tables.find("o1~packing"));
  }

  void start(const std::string& id, const std::string& workflow) const {
    StartRequest request;
    request.id = id;
    request.workflow = registry->newest(workflow);
    request.input = share(Json::object());
    request.trace_id = std::string(32, 'a');
    runtime->start(std::move(request), [](const Result<Started>&) {});
  }

  saga::testing::ManualClock clock;
  saga::testing::FakeDispatcher dispatcher;
  store::MemoryBackend tables;
  std::unique_ptr<store::StoreOverMemory> store;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<Runtime> runtime;
};

TEST_F(ChildStart, ThatFoundTheQueueFullIsNotMadeOnceTheParentHasTurnedBack) {
  lose_start();
  clock.advance(Millis{60'000});

  // Read back past its deadline, the parent asks for its child and then takes that back, both after one commit.
  while (!store->step()) runtime->turn();
  start("f1", "filler");  // Fills the queue just then.
  for (int i = 0; i < 10; ++i) runtime->turn();
  for (int i = 0; i < 10; ++i) {
    while (store->step()) runtime->turn();
    clock.advance(Millis{1'000});
    runtime->turn();
  }
  ASSERT_EQ(tables.find("o1")->head.status, "compensated");
  EXPECT_FALSE(tables.find("o1~packing")) << "nobody would ever undo it";
  EXPECT_EQ(runtime->stats().live, 0U);
}

TEST_F(ChildStart, OfAHeldParentIsHeldToo) {
  lose_start();
  for (bool more = true; more;) {
    const auto held = runtime->hold_some({"sagad", true, "held"});
    ASSERT_TRUE(held) << held.error().message;
    more = *held;
    store->step();
  }
  for (int i = 0; i < 10; ++i) {
    while (runtime->turn() > 0 || store->step()) continue;
    clock.advance(Millis{1'000});
  }
  EXPECT_EQ(tables.find("o1")->head.status, "suspended");
  const auto child = tables.find("o1~packing");
  EXPECT_TRUE(!child || child->head.status == "suspended") << child->head.status;
  EXPECT_EQ(dispatcher.in_flight(), 0U) << "no worker is called";
}

}  // namespace
}  // namespace saga::runtime
