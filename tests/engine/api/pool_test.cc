#include "engine/api/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace saga::api {
namespace {

constexpr std::chrono::seconds kPatience{30};

TEST(Pool, RunsWhatIsPosted) {
  Pool pool(2);
  std::promise<void> ran;
  pool.post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(kPatience), std::future_status::ready);
}

TEST(Pool, RunsWhatIsForLaterInOrderOfTime) {
  std::vector<int> order;
  std::promise<void> last;
  Pool pool(1);
  pool.post_after(Millis{20}, [&] {
    order.push_back(2);
    last.set_value();
  });
  pool.post_after(Millis{1}, [&] { order.push_back(1); });
  ASSERT_EQ(last.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Pool, ACancelledTaskIsDroppedAndFreed) {
  Pool pool(1);
  auto held = std::make_shared<int>(0);
  const auto ticket = pool.post_after(Millis{3'600'000}, [held] { ++*held; });
  EXPECT_EQ(held.use_count(), 2);
  pool.cancel(ticket);
  EXPECT_EQ(held.use_count(), 1);
  pool.cancel(ticket);
}

TEST(Pool, ItsEndRunsWhatIsQueuedAndDropsWhatIsForLater) {
  std::atomic<int> ran{0};
  std::atomic<int> later{0};
  {
    Pool pool(3);
    for (int i = 0; i < 1'000; ++i) pool.post([&] { ++ran; });
    pool.post_after(Millis{3'600'000}, [&] { ++later; });
  }
  EXPECT_EQ(ran, 1'000);
  EXPECT_EQ(later, 0);
}

TEST(Pool, ABlockedThreadDoesNotHoldUpTheOthers) {
  Pool pool(2);
  std::promise<void> release;
  std::promise<void> ran;
  pool.post([&] { release.get_future().wait(); });
  pool.post([&] { ran.set_value(); });
  EXPECT_EQ(ran.get_future().wait_for(kPatience), std::future_status::ready);
  release.set_value();
}

// Its time was once read where it stood, in what `cancel` had freed: the address sanitizer sees it.
TEST(Pool, ACancelledTaskIsNotTheOneWaitedFor) {
  Pool pool(1);
  for (int round = 0; round < 200; ++round) {
    const auto ticket = pool.post_after(Millis{3'600'000}, [] {});
    std::promise<void> waits;
    pool.post([&] { waits.set_value(); });
    waits.get_future().wait();
    pool.cancel(ticket);
    std::promise<void> ran;
    pool.post([&] { ran.set_value(); });
    ASSERT_EQ(ran.get_future().wait_for(kPatience), std::future_status::ready);
  }
}

TEST(Pool, WithoutThreadsRunsOnlyWhatItIsSteppedThrough) {
  std::vector<int> order;
  {
    Pool pool(0);
    EXPECT_FALSE(pool.step());
    pool.post([&] {
      order.push_back(1);
      pool.post([&] { order.push_back(3); });
    });
    pool.post([&] { order.push_back(2); });
    pool.post_after(Millis{3'600'000}, [&] { order.push_back(5); });
    EXPECT_TRUE(order.empty());
    EXPECT_TRUE(pool.step());
    EXPECT_TRUE(pool.step());
    EXPECT_TRUE(pool.step());
    EXPECT_FALSE(pool.step());
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    pool.post_after(Millis{0}, [&] { order.push_back(4); });
    EXPECT_TRUE(pool.step());
    pool.post([&] { order.push_back(6); });
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 6}));
}

}  // namespace
}  // namespace saga::api
