#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "tests/store/contract/contract.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;

class Writing : public StoreContract {};
EVERY_STORE(Writing);

TEST_P(Writing, WhatIsAcknowledgedIsThere) {
  const SagaKey key = store().reserve_key();
  Append append = start(key, "order-1");
  append.create->tags = {{"region", "eu"}, {"a", "\"quoted\"\n"}};
  append.create->version = 3;
  append.events.push_back(event(2, R"({"text":"ü and \u0000"})"));
  ASSERT_TRUE(commit(store(), append));

  const Result<SagaRow> row = store().find("order-1");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->key, key);
  EXPECT_EQ(row->identity, *append.create);
  EXPECT_EQ(row->head, *append.head);
  EXPECT_EQ(store().load(key), append.events);
}

TEST_P(Writing, FurtherEventsLeaveTheHeadAloneUnlessTheyBringOne) {
  const SagaKey key = given(store(), "order-1");
  ASSERT_TRUE(commit(store(), further(key, 2, 3)));
  EXPECT_EQ(store().find(key)->head, running());
  ASSERT_TRUE(commit(store(), with_head(further(key, 5), completed())));
  EXPECT_EQ(store().find(key)->head, completed());
  EXPECT_EQ(store().load(key)->size(), 5U);
}

TEST_P(Writing, AHeadMayChangeInEveryWay) {
  const SagaKey key = given(store(), "order-1");
  Head asleep = running(kNoon + Millis{3'600'000});
  Head suspended = failed({{"pay", "action", "card_declined"}, {"", "", "corrupt"}});
  suspended.status = "suspended";
  suspended.ended = false;
  suspended.finished_at = std::nullopt;
  Head retrying = running();
  retrying.needs_attention = true;
  retrying.attention_since = kNoon + Millis{7};
  retrying.stuck = {{"ship", "compensation", "503"}};
  std::int64_t seq = 2;
  for (const Head& head :
       {asleep, suspended, retrying, running(), failed({}), failed({{"a", "b", "c"}}), completed()}) {
    ASSERT_TRUE(commit(store(), with_head(further(key, seq++), head)));
    EXPECT_EQ(store().find(key)->head, head) << "event " << seq - 1;
  }
}

TEST_P(Writing, ASeqThatIsThereIsAConflictAndNothingOfTheAppendIsWritten) {
  const SagaKey key = given(store(), "order-1");
  ASSERT_TRUE(commit(store(), further(key, 2)));
  Append stale = with_head(further(key, 2, 3), completed());
  stale.events[0].data = R"({"stale":true})";
  EXPECT_THAT(commit(store(), stale), FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(store().find(key)->head, running());
  EXPECT_THAT(*store().load(key), ElementsAre(event(1), event(2)));
}

TEST_P(Writing, AGapIsAConflict) {
  const SagaKey key = given(store(), "order-1");
  EXPECT_THAT(commit(store(), further(key, 3)), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit(store(), further(key + 100, 2)), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit(store(), with_head(further(key + 100, 2), running())), FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(store().load(key)->size(), 1U);
  EXPECT_TRUE(store().load(key + 100)->empty());
}

TEST_P(Writing, AnIdOrKeyThatIsTakenIsAConflict) {
  const SagaKey key = given(store(), "order-1");
  const SagaKey other = store().reserve_key();
  EXPECT_THAT(commit(store(), start(other, "order-1")), FailsWith(ErrorCode::kConflict, "order-1"));
  EXPECT_THAT(commit(store(), start(key, "order-2")), FailsWith(ErrorCode::kConflict));
  EXPECT_TRUE(store().load(other)->empty());
  EXPECT_THAT(store().find(other), FailsWith(ErrorCode::kNotFound));
  EXPECT_THAT(store().find("order-2"), FailsWith(ErrorCode::kNotFound));
  EXPECT_EQ(store().find("order-1")->key, key);
}

/// Holds the store thread in a `done`, so that what is submitted meanwhile waits together.
class Hold {
 public:
  explicit Hold(Store& store) {
    // A conflict keeps the thread as well as a commit does, and writes nothing.
    EXPECT_TRUE(store.submit(further(1'000'000, 2), [this](const Result<void>&) {
      held_.count_down();
      released_.wait();
    }));
    held_.wait();
  }
  void release() { released_.count_down(); }

 private:
  std::latch held_{1};
  std::latch released_{1};
};

TEST_P(Writing, AConflictFailsOnlyItsOwn) {
  const SagaKey taken = given(store(), "taken");
  const SagaKey a = store().reserve_key();
  const SagaKey b = store().reserve_key();
  const SagaKey c = store().reserve_key();
  // One conflicts at its first row, one at its second, one after its events: each has to vanish whole.
  Append late = with_head(further(taken, 2, 1), running());
  Append at_once = start(b, "taken");
  Append second_row = start(a, "order-a");
  second_row.events.push_back(event(2));
  std::vector<Append> appends{start(a, "order-a"), at_once,       further(a, 2),      further(taken, 2, 2), late,
                              second_row,          further(a, 3), start(c, "order-c")};
  std::vector<Result<void>> results;
  std::promise<void> all;
  Hold hold(store());
  for (const Append& append : appends) {
    ASSERT_TRUE(store().submit(Append(append), [&](Result<void> result) {
      results.push_back(std::move(result));
      if (results.size() == appends.size()) all.set_value();
    }));
  }
  hold.release();
  all.get_future().wait();
  std::vector<bool> written;
  for (const Result<void>& result : results) {
    written.push_back(result.has_value());
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::kConflict);
    }
  }
  EXPECT_THAT(written, ElementsAre(true, false, true, true, false, false, true, true));
  EXPECT_EQ(store().load(a)->size(), 3U);
  EXPECT_TRUE(store().load(b)->empty());
  EXPECT_EQ(store().load(c)->size(), 1U);
  EXPECT_EQ(store().load(taken)->size(), 3U);
  EXPECT_EQ(store().count_by_status({})->at(0).sagas, 3);
}

TEST_P(Writing, SeveralSagasAreWrittenAllOrNone) {
  const SagaKey parent = given(store(), "parent");
  const SagaKey child = given(store(), "child");
  ASSERT_TRUE(commit_all(
      store(), {with_head(further(child, 2), completed()), with_head(further(parent, 2), running(kNoon + Millis{1}))}));
  EXPECT_EQ(store().find(child)->head.status, "completed");
  EXPECT_EQ(store().find(parent)->head.wake_at, kNoon + Millis{1});

  const SagaKey a = store().reserve_key();
  const SagaKey b = store().reserve_key();
  EXPECT_THAT(commit_all(store(), {start(a, "order-a"), start(b, "parent")}), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit_all(store(), {with_head(further(child, 3, 2), running()), further(parent, 2)}),
              FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(store().find("order-a"), FailsWith(ErrorCode::kNotFound));
  EXPECT_EQ(store().find(child)->head.status, "completed");
  EXPECT_EQ(store().load(child)->size(), 2U);
  EXPECT_THAT(commit_all(store(), {}), FailsWith(ErrorCode::kInvalid));

  ASSERT_TRUE(commit_all(store(), {start(a, "order-a"), further(a, 2), start(b, "order-b")}));
  EXPECT_EQ(store().load(a)->size(), 2U);
}

TEST_P(Writing, AHeadAloneIsWrittenWhereTheNextEventWouldBe) {
  const SagaKey key = given(store(), "order-1");
  ASSERT_TRUE(commit(store(), further(key, 2)));
  const Head asleep = running(kNoon + Millis{3'600'000});
  Append sleep = with_head(further(key, 3, 0), asleep);
  ASSERT_TRUE(sleep.events.empty());
  ASSERT_TRUE(commit(store(), sleep));
  EXPECT_EQ(store().find(key)->head, asleep);
  EXPECT_EQ(store().load(key)->size(), 2U);
  EXPECT_THAT(commit(store(), with_head(further(key, 2, 0), running())), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit(store(), with_head(further(key, 4, 0), running())), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit(store(), with_head(further(key + 100, 2, 0), running())), FailsWith(ErrorCode::kConflict));
  EXPECT_THAT(commit(store(), with_head(further(key, 3, 0, 7), running())), FailsWith(ErrorCode::kFenced));
  EXPECT_EQ(store().find(key)->head, asleep);
  ASSERT_TRUE(commit(store(), further(key, 3)));
}

TEST_P(Writing, AnAppendWakesOthersInTheSameCommit) {
  Head forever = running();
  forever.wake_at.reset();
  const SagaKey child = given(store(), "parent~step");
  const SagaKey parent = given(store(), "parent", forever);
  const SagaKey later = given(store(), "later", running(kNoon + Millis{50}));
  const SagaKey sooner = given(store(), "sooner", running(kNoon + Millis{1}));
  const SagaKey ended = given(store(), "ended", completed());
  Append end = with_head(further(child, 2), completed());
  end.wake = {"parent", "later", "sooner", "ended", "nobody", "parent"};
  end.wake_at = kNoon + Millis{7};
  ASSERT_TRUE(commit(store(), end));
  EXPECT_EQ(store().find(parent)->head, running(kNoon + Millis{7})) << "nothing but wake_at is changed";
  EXPECT_EQ(store().find(later)->head.wake_at, kNoon + Millis{7});
  EXPECT_EQ(store().find(sooner)->head.wake_at, kNoon + Millis{1});
  EXPECT_EQ(store().find(ended)->head, completed());
  EXPECT_EQ(store().load(parent)->size(), 1U);
  const auto due = store().due(kShard, kNoon + Millis{7}, std::nullopt, 10);
  ASSERT_TRUE(due);
  std::vector<SagaKey> keys;
  for (const DueSaga& saga : *due) keys.push_back(saga.key);
  EXPECT_THAT(keys, ElementsAre(sooner, parent, later));
}

TEST_P(Writing, AnAppendThatConflictsWakesNobody) {
  Head forever = running();
  forever.wake_at.reset();
  const SagaKey child = given(store(), "parent~step");
  const SagaKey parent = given(store(), "parent", forever);
  Append stale = with_head(further(child, 2), completed());
  stale.wake = {"parent"};
  stale.wake_at = kNoon;
  EXPECT_THAT(commit_all(store(), {stale, further(child, 2)}), FailsWith(ErrorCode::kConflict));
  EXPECT_EQ(store().find(parent)->head, forever);
  EXPECT_EQ(store().find(child)->head, running());
  ASSERT_TRUE(commit(store(), stale));
  EXPECT_EQ(store().find(parent)->head, running());
}

TEST_P(Writing, DoneRunsOnceInOrderOfSubmissionOnOneThread) {
  constexpr int kAppends = 1'500;
  const SagaKey key = given(store(), "order-1");
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  std::promise<void> all;
  for (int i = 0; i < kAppends; ++i) {
    ASSERT_TRUE(store().submit(further(key, 2 + i), [&, i](const Result<void>& result) {
      EXPECT_TRUE(result);
      order.push_back(i);
      threads.push_back(std::this_thread::get_id());
      if (i == kAppends - 1) all.set_value();
    }));
  }
  all.get_future().wait();
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kAppends));
  for (int i = 0; i < kAppends; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  for (const auto& thread : threads) ASSERT_EQ(thread, threads.front());
  EXPECT_NE(threads.front(), std::this_thread::get_id());
}

TEST_P(Writing, ACommitIsVisibleWhenItsDoneRuns) {
  const SagaKey key = store().reserve_key();
  std::promise<std::size_t> seen;
  ASSERT_TRUE(
      store().submit(start(key, "order-1"), [&](const Result<void>&) { seen.set_value(store().load(key)->size()); }));
  EXPECT_EQ(seen.get_future().get(), 1U);
}

TEST_P(Writing, AFullQueueRefusesAndAcceptsAgain) {
  CommitterOptions options;
  options.max_queued = 10;
  open(options);
  const SagaKey key = given(store(), "order-1");
  std::atomic<int> done{0};
  std::promise<void> last;
  const auto count = [&](const Result<void>& result) {
    EXPECT_TRUE(result);
    if (++done == 10) last.set_value();
  };
  Hold hold(store());
  std::int64_t seq = 2;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store().submit(further(key, seq++), count));
  EXPECT_EQ(store().queue_length(), 10U);
  EXPECT_THAT(store().submit(further(key, seq), count), FailsWith(ErrorCode::kOverloaded));
  EXPECT_TRUE(store().health().writable);
  hold.release();
  last.get_future().wait();
  EXPECT_EQ(done, 10);
  ASSERT_TRUE(commit(store(), further(key, seq)));
  EXPECT_EQ(store().load(key)->size(), 12U);
}

TEST_P(Writing, AQueueOfBigAppendsIsBoundedByBytes) {
  CommitterOptions options;
  options.max_queued_bytes = 10'000;
  open(options);
  const SagaKey key = given(store(), "order-1");
  const auto big = [&](std::int64_t seq, std::size_t bytes) {
    Append append = further(key, seq);
    append.events[0].data = R"({"text":")" + std::string(bytes, 'x') + "\"}";
    return append;
  };
  ASSERT_TRUE(commit(store(), big(2, 50'000))) << "one alone is always let in";
  Hold hold(store());
  std::promise<void> last;
  ASSERT_TRUE(store().submit(big(3, 6'000), [&](const Result<void>& result) {
    EXPECT_TRUE(result);
    last.set_value();
  }));
  EXPECT_THAT(store().submit(big(4, 6'000), [](const Result<void>&) { FAIL() << "it was refused"; }),
              FailsWith(ErrorCode::kOverloaded));
  hold.release();
  last.get_future().wait();
}

TEST_P(Writing, ManyThreadsWriteAndReadAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kSagas = 40;
  constexpr int kSteps = 5;
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSagas; ++i) {
        const std::string id = "order-" + std::to_string(t) + "-" + std::to_string(i);
        const SagaKey key = store().reserve_key();
        if (commit(store(), start(key, id))) ++acknowledged;
        for (int step = 0; step < kSteps; ++step) {
          if (commit(store(), further(key, 2 + step))) ++acknowledged;
        }
        EXPECT_EQ(store().load(key)->size(), std::size_t{1 + kSteps});
        EXPECT_EQ(store().find(id)->key, key);
        EXPECT_TRUE(store().list({}, std::nullopt, 5));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(acknowledged, kThreads * kSagas * (1 + kSteps));
  EXPECT_EQ(store().count_by_status({})->at(0).sagas, kThreads * kSagas);
  EXPECT_EQ(store().queue_length(), 0U);
}

TEST_P(Writing, KeysAreNeverHandedOutTwice) {
  std::mutex mutex;
  std::vector<SagaKey> keys;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const SagaKey key = store().reserve_key();
        const std::lock_guard lock(mutex);
        keys.push_back(key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
  EXPECT_GE(keys.front(), 1);
}

TEST_P(Writing, TakingOverFencesTheFormerOwner) {
  const SagaKey key = given(store(), "order-1");
  EXPECT_EQ(store().take_over(kShard, "second"), Epoch{2});
  EXPECT_THAT(commit(store(), further(key, 2)), FailsWith(ErrorCode::kFenced));
  EXPECT_THAT(commit(store(), start(store().reserve_key(), "order-2")), FailsWith(ErrorCode::kFenced));
  EXPECT_TRUE(commit(store(), further(key, 2, 1, 2)));
  EXPECT_EQ(store().load(key)->size(), 2U);
}

TEST_P(Writing, AFencedAppendFailsOnlyItsOwn) {
  const SagaKey key = given(store(), "order-1");
  ASSERT_EQ(store().take_over(kShard, "second"), Epoch{2});
  EXPECT_THAT(commit_all(store(), {further(key, 2, 1, 2), further(key, 3, 1, 1)}), FailsWith(ErrorCode::kFenced));
  EXPECT_EQ(store().load(key)->size(), 1U);
  std::vector<bool> written;
  std::promise<void> all;
  Hold hold(store());
  for (const auto& [seq, epoch] : std::vector<std::pair<std::int64_t, Epoch>>{{2, 1}, {2, 2}, {3, 1}, {3, 2}, {4, 3}}) {
    ASSERT_TRUE(store().submit(further(key, seq, 1, epoch), [&](const Result<void>& result) {
      written.push_back(result.has_value());
      if (written.size() == 5) all.set_value();
    }));
  }
  hold.release();
  all.get_future().wait();
  EXPECT_THAT(written, ElementsAre(false, true, false, true, false));
}

TEST_P(Writing, ShardsAreFencedEachForItself) {
  EXPECT_EQ(store().take_over(7, "seven"), Epoch{1});
  EXPECT_EQ(store().take_over(7, "eight"), Epoch{2});
  Append other = start(store().reserve_key(), "order-7", 2);
  other.fence.shard = 7;
  other.create->shard = 7;
  EXPECT_TRUE(commit(store(), other));
  EXPECT_TRUE(commit(store(), start(store().reserve_key(), "order-0")));
  Append unknown = start(store().reserve_key(), "order-9", 1);
  unknown.fence.shard = 9;
  unknown.create->shard = 9;
  EXPECT_THAT(commit(store(), unknown), FailsWith(ErrorCode::kFenced));
}

TEST_P(Writing, TheObserverIsToldOfEveryCommit) {
  std::size_t appends = 0;
  std::size_t commits = 0;
  store().observe_commits([&](const CommitFacts& facts) {
    appends += facts.appends;
    ++commits;
    EXPECT_GE(facts.duration.count(), 0);
  });
  const SagaKey key = given(store(), "order-1");
  Hold hold(store());
  std::promise<void> last;
  for (std::int64_t seq = 2; seq <= 11; ++seq) {
    ASSERT_TRUE(store().submit(further(key, seq), [&, seq](const Result<void>&) {
      if (seq == 11) last.set_value();
    }));
  }
  hold.release();
  last.get_future().wait();
  EXPECT_EQ(appends, 12U);
  EXPECT_EQ(commits, 3U) << "the ten that waited together share one";
}

TEST_P(Writing, ClosingCommitsWhatWasAccepted) {
  const SagaKey key = given(store(), "order-1");
  int done = 0;
  for (std::int64_t seq = 2; seq <= 1'001; ++seq) {
    ASSERT_TRUE(store().submit(further(key, seq), [&done](const Result<void>& result) {
      EXPECT_TRUE(result);
      ++done;
    }));
  }
  store_.reset();
  EXPECT_EQ(done, 1'000);
}

}  // namespace
}  // namespace saga::store::testing
