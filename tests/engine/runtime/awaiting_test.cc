// Who goes when, of those that wait for an instance.
#include "engine/runtime/awaiting.h"

#include <gmock/gmock.h>

#include <set>

namespace saga::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using workers::Admits;

constexpr core::AwaitService kAction{0, core::Phase::kAction};

struct Queue {
  AwaitedCalls awaited;
  Timestamp now{1'000'000};
  std::set<store::SagaKey> gone;

  void add(store::SagaKey saga, const std::string& kind = "order/pay/action", const std::string& service = "payment") {
    EXPECT_NE(awaited.add({service, ""}, kind, saga, kAction), 0U);
  }
  std::vector<store::SagaKey> take(const std::function<Admits(const AwaitedCalls::Where&)>& admits) {
    std::vector<store::SagaKey> sagas;
    for (const auto& call : awaited.take(
             now, admits, [this](const AwaitedCalls::Call& waiting) { return !gone.contains(waiting.saga); })) {
      sagas.push_back(call.saga);
    }
    return sagas;
  }
  std::vector<store::SagaKey> take(Admits admits) {
    return take([admits](const AwaitedCalls::Where&) { return admits; });
  }
};

TEST(AwaitedCalls, NobodyGoesWhileNothingIsAdmitted) {
  Queue queue;
  queue.add(1);
  EXPECT_THAT(queue.take(Admits::kNone), IsEmpty());
  queue.now = queue.now + std::chrono::hours(1);
  EXPECT_THAT(queue.take(Admits::kNone), IsEmpty());
  EXPECT_FALSE(queue.awaited.empty());
}

TEST(AwaitedCalls, OneGoesAsAProbeAndTheOthersWait) {
  Queue queue;
  for (store::SagaKey saga = 1; saga <= 10'000; ++saga) queue.add(saga);
  EXPECT_THAT(queue.take(Admits::kOne), ElementsAre(1));
  EXPECT_THAT(queue.take(Admits::kOne), IsEmpty()) << "the first is still on its way";
  queue.now = queue.now + Millis{999};
  EXPECT_THAT(queue.take(Admits::kOne), IsEmpty());
  queue.now = queue.now + Millis{1};
  EXPECT_THAT(queue.take(Admits::kOne), ElementsAre(2)) << "the first never got there";
}

TEST(AwaitedCalls, AllGoInGrowingBatchesOnceAllAreAdmitted) {
  Queue queue;
  for (store::SagaKey saga = 1; saga <= 10'000; ++saga) queue.add(saga);
  EXPECT_EQ(queue.take(Admits::kOne).size(), 1U);
  std::vector<std::size_t> batches;
  while (!queue.awaited.empty()) {
    batches.push_back(queue.take(Admits::kAll).size());
    EXPECT_THAT(queue.take(Admits::kAll), IsEmpty()) << "each is given its time";
    queue.now = queue.now + Millis{100};
  }
  EXPECT_THAT(batches, ElementsAre(100, 200, 400, 800, 1'600, 3'200, 3'699, 0));
}

TEST(AwaitedCalls, BatchesBeginSmallAgainAfterABreakerOpened) {
  Queue queue;
  for (store::SagaKey saga = 1; saga <= 1'000; ++saga) queue.add(saga);
  EXPECT_EQ(queue.take(Admits::kAll).size(), 100U);
  EXPECT_THAT(queue.take(Admits::kNone), IsEmpty());
  EXPECT_EQ(queue.take(Admits::kAll).size(), 100U);
}

TEST(AwaitedCalls, TheKindsTakeTurns) {
  Queue queue;
  for (store::SagaKey saga = 1; saga <= 3; ++saga) queue.add(saga, "order/broken/action");
  for (store::SagaKey saga = 11; saga <= 13; ++saga) queue.add(saga, "order/fine/action");
  std::vector<store::SagaKey> probes;
  for (int i = 0; i < 6; ++i) {
    for (const store::SagaKey saga : queue.take(Admits::kOne)) probes.push_back(saga);
    queue.now = queue.now + Millis{1'000};
  }
  EXPECT_THAT(probes, ElementsAre(1, 11, 2, 12, 3, 13));
}

TEST(AwaitedCalls, WhoWaitsNoLongerTakesNobodysTurn) {
  Queue queue;
  for (store::SagaKey saga = 1; saga <= 1'000; ++saga) {
    queue.add(saga);
    if (saga < 1'000) queue.gone.insert(saga);
  }
  EXPECT_THAT(queue.take(Admits::kOne), ElementsAre(1'000));
  queue.now = queue.now + Millis{1'000};
  EXPECT_THAT(queue.take(Admits::kOne), IsEmpty());
  EXPECT_TRUE(queue.awaited.empty());
}

TEST(AwaitedCalls, ServicesAreWaitedForApart) {
  Queue queue;
  queue.add(1, "order/pay/action", "payment");
  queue.add(2, "order/ship/action", "shipping");
  EXPECT_THAT(queue.take([](const AwaitedCalls::Where& where) {
    return where.service == "shipping" ? Admits::kAll : Admits::kNone;
  }),
              ElementsAre(2));
}

}  // namespace
}  // namespace saga::runtime
