#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <random>
#include <utility>

#include "tests/store/sqlite/opened.h"

namespace saga::store::testing {
namespace {

/// One acknowledged append, as the child tells it.
struct Acknowledged {
  SagaKey saga = 0;
  std::int64_t seq = 0;
};

/// Appends to eight sagas without end and writes to `pipe` what was acknowledged. Never returns.
[[noreturn]] void append_until_killed(const std::string& path, int pipe) {
  constexpr int kSagas = 8;
  Result<std::unique_ptr<Store>> store = make_sqlite_store(options_for(path));
  if (!store) ::_exit(3);
  const Result<Epoch> epoch = (*store)->take_over(kShard, "child");
  if (!epoch) ::_exit(4);
  std::mutex mutex;
  std::condition_variable room;
  int in_flight = 0;
  std::vector<std::pair<SagaKey, std::int64_t>> sagas;
  for (int i = 0; i < kSagas; ++i) sagas.emplace_back((*store)->reserve_key(), 0);
  while (true) {
    for (auto& [key, seq] : sagas) {
      ++seq;
      Append append = seq == 1 ? start(key, "saga-" + std::to_string(key), *epoch) : further(key, seq, 1, *epoch);
      {
        std::unique_lock lock(mutex);
        room.wait(lock, [&] { return in_flight < 64; });
        ++in_flight;
      }
      const Result<void> accepted =
          (*store)->submit(std::move(append), [&, told = Acknowledged{key, seq}](const Result<void>& result) {
            if (!result || ::write(pipe, &told, sizeof told) != static_cast<ssize_t>(sizeof told)) ::_exit(5);
            const std::lock_guard lock(mutex);
            --in_flight;
            room.notify_one();
          });
      if (!accepted) ::_exit(6);
    }
  }
}

TEST(Kill, EveryAcknowledgedAppendSurvivesKill9) {
  constexpr int kRounds = 60;
  const auto seed = static_cast<std::uint32_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const TempFolder folder;
  const std::string path = folder.path("saga.db");
  std::map<SagaKey, std::int64_t> acknowledged;
  std::size_t told_in_all = 0;

  for (int round = 0; round < kRounds; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      append_until_killed(path, ends[1]);
    }
    ::close(ends[1]);
    const std::size_t kill_after = 1 + random() % 300;
    std::size_t told = 0;
    Acknowledged next;
    while (::read(ends[0], &next, sizeof next) == static_cast<ssize_t>(sizeof next)) {
      acknowledged[next.saga] = next.seq;
      if (++told == kill_after) ::kill(child, SIGKILL);
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round << ": the child ended by itself, with "
                                     << WEXITSTATUS(status);
    told_in_all += told;

    const auto store = opened(path);
    ASSERT_NE(store, nullptr);
    for (const auto& [key, seq] : acknowledged) {
      const auto events = store->load(key);
      ASSERT_TRUE(events);
      ASSERT_GE(static_cast<std::int64_t>(events->size()), seq) << "round " << round << ", saga " << key;
      for (std::size_t i = 0; i < events->size(); ++i) ASSERT_EQ((*events)[i].seq, static_cast<std::int64_t>(i) + 1);
      ASSERT_TRUE(store->find("saga-" + std::to_string(key)));
    }
    ASSERT_GT(store->reserve_key(), acknowledged.rbegin()->first);
  }
  EXPECT_GE(told_in_all, static_cast<std::size_t>(kRounds));
  RecordProperty("acknowledged", static_cast<int>(told_in_all));

  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  std::string verdict;
  const auto take = [](void* into, int, char** values, char**) {
    *static_cast<std::string*>(into) += values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA integrity_check", take, &verdict, nullptr), SQLITE_OK);
  EXPECT_EQ(verdict, "ok");
  sqlite3_close(db);
}

}  // namespace
}  // namespace saga::store::testing
