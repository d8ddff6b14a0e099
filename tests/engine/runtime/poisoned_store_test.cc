// After a failed sync nothing is written any more; until the process ends, whoever waits is told so.
#include <gtest/gtest.h>

#include "engine/runtime/runtime.h"
#include "store/memory/memory_store.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::runtime {
namespace {

/// Tables whose disk fails at a sync when it is told to.
class FailingDisk final : public store::Backend {
 public:
  store::MemoryBackend tables;
  bool fails = false;

  Result<std::vector<Result<void>>> commit(std::span<const store::AppendGroup> groups) override {
    if (fails) return fail(ErrorCode::kPoisoned, "fsync failed");
    return tables.commit(groups);
  }
  Result<bool> register_workflows(std::span<const store::WorkflowRow> rows, const store::AuditEntry* audit) override {
    return tables.register_workflows(rows, audit);
  }
  Result<std::string> keep_secret(const std::string& name, const std::string& fresh) override {
    return tables.keep_secret(name, fresh);
  }
  Result<store::Epoch> take_over(store::ShardId shard, const std::string& owner) override {
    return tables.take_over(shard, owner);
  }
  Result<bool> record_notices(std::span<const store::Notice> told) override { return tables.record_notices(told); }
  Result<store::Purged> purge(std::span<const store::SagaKey> roots, Timestamp ended_before) override {
    return tables.purge(roots, ended_before);
  }
  Result<void> maintain() override { return {}; }
};

TEST(PoisonedStore, WhoWaitsBehindAFailedCommitIsToldAndTheEngineComesToRest) {
  FailingDisk disk;
  store::CommitterOptions committer;
  committer.own_thread = false;
  store::StoreOverMemory store(disk.tables, disk, committer);
  Registry registry(store);
  const auto loaded = workflows::load_workflows(
      "name: trip\nversion: 1\nsteps: [{ name: hotel, service: hotels, action: /book, compensation: /cancel }]\n",
      "test.yaml");
  ASSERT_TRUE(loaded);
  ASSERT_TRUE(registry.add(*loaded, {}));
  saga::testing::FakeDispatcher dispatcher;
  saga::testing::ManualClock clock;
  RuntimeOptions options;
  options.own_threads = false;
  options.seed = 7;
  auto runtime = Runtime::create(registry, store, dispatcher, clock, nullptr, options);
  ASSERT_TRUE(runtime);

  StartRequest start;
  start.id = "t1";
  start.workflow = registry.newest("trip");
  start.input = share(Json::object());
  start.trace_id = std::string(32, 'a');
  (*runtime)->start(std::move(start), [](const Result<Started>&) {});
  while ((*runtime)->turn() > 0 || store.step()) continue;

  // Two commands, so that the second waits for the first one's commit.
  disk.fails = true;
  int told = 0;
  for (const auto verb : {core::Verb::kSuspend, core::Verb::kResume}) {
    (*runtime)->deliver({"t1", core::OperatorCommand{verb, "", nullptr, {"tester", false, "why"}}, ""},
                        [&told](const Result<DeliveryAnswer>& answer) {
                          ASSERT_FALSE(answer);
                          EXPECT_EQ(answer.error().code, ErrorCode::kPoisoned);
                          ++told;
                        });
  }
  for (int turns = 0; turns < 100; ++turns) {
    (*runtime)->turn();
    store.step();
  }
  EXPECT_EQ(told, 2);
  EXPECT_EQ((*runtime)->turn(), 0U) << "nothing is tried again";
}

}  // namespace
}  // namespace saga::runtime
