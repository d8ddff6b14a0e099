#include "net/event_loop.h"

#include <gmock/gmock.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/net/socket_pair.h"

namespace saga::net {
namespace {

using ::testing::ElementsAre;
using testing::SocketPair;

struct Told final : EventLoop::Watcher {
  explicit Told(std::function<void()> then = [] {}) : then_(std::move(then)) {}
  void ready(std::uint32_t events) override {
    if ((events & EPOLLIN) == 0) return;
    ++times;
    then_();
  }
  int times = 0;

 private:
  std::function<void()> then_;
};

struct Expires final : Expiring {
  explicit Expires(std::function<void()> then) : then_(std::move(then)) {}
  void expire() override { then_(); }

 private:
  std::function<void()> then_;
};

class EventLoopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(loop_.open()); }

  EventLoop loop_;
};

TEST_F(EventLoopTest, RunsWhatIsPostedInItsOrderFromAnyThread) {
  std::vector<int> ran;
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) loop_.post([&, i] { ran.push_back(i); });
    loop_.post([&] { loop_.stop(); });
  });
  loop_.run();
  other.join();
  ASSERT_EQ(ran.size(), 1'000U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
}

TEST_F(EventLoopTest, StoppedBeforeItRunsItEndsAtOnce) {
  loop_.stop();
  loop_.run();
}

TEST_F(EventLoopTest, TellsOfASocketBeforeItRunsWhatWasPostedLater) {
  // More than are told of at once.
  std::list<SocketPair> pairs(300);
  std::list<Told> told(300);
  auto watcher = told.begin();
  for (SocketPair& pair : pairs) ASSERT_FALSE(loop_.watch(pair.own, *watcher++));
  int told_before = -1;
  loop_.post([&] {
    for (SocketPair& pair : pairs) pair.peer_sends("x");
    loop_.post([&] {
      told_before = 0;
      for (const Told& one : told) told_before += one.times;
      loop_.stop();
    });
  });
  loop_.run();
  EXPECT_EQ(told_before, 300);
}

TEST_F(EventLoopTest, TellsNothingToWhoIsForgottenMeanwhile) {
  SocketPair pairs[2];
  std::unique_ptr<Told> told[2];
  int times = 0;
  for (int i = 0; i < 2; ++i) {
    told[i] = std::make_unique<Told>([&, i] {
      ++times;
      loop_.forget(*told[1 - i]);
      ::close(pairs[1 - i].give_own());
      told[1 - i].reset();
    });
    ASSERT_FALSE(loop_.watch(pairs[i].own, *told[i]));
    pairs[i].peer_sends("x");
  }
  loop_.post([&] { loop_.post([&] { loop_.stop(); }); });
  loop_.run();
  EXPECT_EQ(times, 1);
}

TEST_F(EventLoopTest, SaysWhyASocketCannotBeWatched) {
  Told told;
  EXPECT_EQ(loop_.watch(-1, told), std::errc::bad_file_descriptor);
}

TEST_F(EventLoopTest, DeadlinesExpireInTheirOrderAndNotTooSoon) {
  std::string expired;
  const TimePoint begun = SteadyClock::now();
  TimePoint last{};
  Expires a([&] { expired += 'a'; });
  Expires b([&] { expired += 'b'; });
  Expires c([&] {
    expired += 'c';
    last = SteadyClock::now();
    loop_.stop();
  });
  const Deadline of_c(loop_.deadlines(), begun + std::chrono::milliseconds(12), c);
  const Deadline of_a(loop_.deadlines(), begun + std::chrono::milliseconds(3), a);
  const Deadline of_b(loop_.deadlines(), begun + std::chrono::milliseconds(5), b);
  loop_.run();
  EXPECT_EQ(expired, "abc");
  EXPECT_GE(last - begun, std::chrono::milliseconds(12));
}

TEST_F(EventLoopTest, ADeadlineThatHasEndedDoesNotExpire) {
  std::vector<int> expired;
  std::optional<Deadline> second;
  Expires ends_the_second([&] {
    expired.push_back(1);
    second.reset();
  });
  Expires never([&] { expired.push_back(2); });
  Expires last([&] {
    expired.push_back(3);
    loop_.stop();
  });
  const TimePoint now = SteadyClock::now();  // All are due.
  const Deadline first(loop_.deadlines(), now - std::chrono::seconds(3), ends_the_second);
  second.emplace(loop_.deadlines(), now - std::chrono::seconds(2), never);
  const Deadline third(loop_.deadlines(), now - std::chrono::seconds(1), last);
  loop_.run();
  EXPECT_THAT(expired, ElementsAre(1, 3));
}

}  // namespace
}  // namespace saga::net
