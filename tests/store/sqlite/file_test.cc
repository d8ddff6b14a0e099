#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <span>
#include <thread>

#include "store/sqlite/checksum.h"
#include "store/sqlite/schema.h"
#include "tests/store/sqlite/opened.h"

namespace saga::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The schema that this build writes.
const std::size_t kNewest = sqlite::migrations().size();

class StoreFile : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.path("saga.db"); }
  /// Runs SQL on a file and returns all values, joined by commas.
  static std::string sql(const std::string& file, const std::string& text) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    std::string values;
    const auto take = [](void* into, int columns, char** row, char**) {
      for (int i = 0; i < columns; ++i)
        *static_cast<std::string*>(into) += std::string(row[i] == nullptr ? "NULL" : row[i]) + ",";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), take, &values, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return values;
  }

  TempFolder folder_;
};

TEST_F(StoreFile, EverythingIsThereWhenOpenedAgain) {
  SagaKey a = 0, b = 0;
  const WorkflowRow workflow{"order-saga", 1, "{}", "name: order-saga", kNoon};
  {
    const auto store = opened(path());
    own(*store);
    ASSERT_TRUE(store->register_workflows({workflow}));
    a = given(*store, "a", running(kNoon + Millis{3}), identity("w", 4, {{"k", "v"}}));
    b = given(*store, "b", failed({{"pay", "action", "declined"}}), identity("w"));
    ASSERT_TRUE(commit(*store, further(a, 2, 3)));
  }
  const auto store = opened(path());
  EXPECT_EQ(store->load(a)->size(), 4U);
  EXPECT_EQ(store->find("a")->identity.tags.size(), 1U);
  EXPECT_EQ(store->find("b")->head, failed({{"pay", "action", "declined"}}));
  EXPECT_THAT(*store->workflows(), ElementsAre(workflow));
  EXPECT_EQ(store->due(kShard, kNoon + Millis{3}, std::nullopt, 5)->at(0).key, a);
  EXPECT_THAT(*store->count_by_status({}),
              ElementsAre(StatusCount{"w", "failed", 1, 1, kNoon}, StatusCount{"w", "running", 1, 0, {}}));
  EXPECT_GT(store->reserve_key(), b);
  EXPECT_EQ(own(*store), 2);
}

TEST_F(StoreFile, APurgedIdOrKeyIsNeverFreeAgain) {
  {
    const auto store = opened(path());
    own(*store);
    given(*store, "order-0");
    const SagaKey key = given(*store, "order-1", completed(), identity("w", 1, {{"k", "v"}}));
    EXPECT_EQ(store->purge({key}, kNoon + Millis{6}), (Purged{1, 1}));
  }
  EXPECT_EQ(sql(path(), "SELECT COUNT(*) FROM events; SELECT COUNT(*) FROM tags; SELECT id FROM purged"),
            "1,0,order-1,");
  const auto store = opened(path());
  const Epoch epoch = own(*store);
  EXPECT_EQ(store->reserve_key(), 3);
  EXPECT_THAT(commit(*store, start(3, "order-1", epoch)), FailsWith(ErrorCode::kConflict, "its saga was purged"));
  EXPECT_TRUE(commit(*store, start(4, "order-2", epoch)));
}

TEST_F(StoreFile, WhatTheFirstSchemaKeptOfPurgedIdsStaysTaken) {
  {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    const std::string schema = "CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);" +
                               sqlite::migrations().front() +
                               "; INSERT INTO schema_version VALUES(1, 'then');"
                               "INSERT INTO purged_ids VALUES(41, 'order-1')";
    ASSERT_EQ(sqlite3_exec(db, schema.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  const auto store = opened(path());
  const Epoch epoch = own(*store);
  EXPECT_EQ(store->reserve_key(), 42);
  EXPECT_THAT(commit(*store, start(42, "order-1", epoch)), FailsWith(ErrorCode::kConflict, "its saga was purged"));
}

TEST_F(StoreFile, ASecondOwnerIsRefusedAtOnceAndTold) {
  auto store = opened(path());
  EXPECT_THAT(make_sqlite_store(options_for(path())),
              FailsWith(ErrorCode::kUnavailable, "in use by another sagad (pid " + std::to_string(::getpid()) + ")"));
  const std::string link = folder_.path("link.db");
  std::filesystem::create_symlink(path(), link);
  EXPECT_THAT(make_sqlite_store(options_for(link)), FailsWith(ErrorCode::kUnavailable))
      << "whatever the file is called by";

  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = make_sqlite_store(options_for(path()));
    ::_exit(!second && second.error().message.find("pid " + std::to_string(::getppid())) != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  store.reset();
  EXPECT_NE(opened(path()), nullptr);
}

TEST_F(StoreFile, ANewerStoreIsRefusedAndLeftAsItIs) {
  opened(path());
  sql(path(), fmt::format("INSERT INTO schema_version VALUES({}, 'later')", kNewest + 1));
  EXPECT_THAT(make_sqlite_store(options_for(path())),
              FailsWith(ErrorCode::kUnsupported, "was written by a newer version"));
  EXPECT_THAT(make_sqlite_store(options_for(path())),
              FailsWith(ErrorCode::kUnsupported, fmt::format("schema {}, this one knows {}", kNewest + 1, kNewest)));
}

TEST_F(StoreFile, TablesThatAreNotAsTheyWereMadeAreRefused) {
  for (const char* const change :
       {"DELETE FROM schema_version WHERE version = 2", "INSERT INTO schema_version VALUES(1000, 'later')",
        "DELETE FROM schema_version", "DROP INDEX sagas_due", "ALTER TABLE sagas ADD COLUMN mood TEXT",
        "DROP INDEX sagas_attention; CREATE INDEX sagas_attention ON sagas(workflow, status, attention_since) WHERE "
        "needs_attention = 3"}) {
    SCOPED_TRACE(change);
    std::filesystem::remove(path());
    opened(path());
    sql(path(), change);
    EXPECT_THAT(make_sqlite_store(options_for(path())),
                FailsWith(ErrorCode::kCorruption, "its tables are not those of sagad"));
    EXPECT_THAT(make_sqlite_store(options_for(path())), FailsWith(ErrorCode::kCorruption, "restore a backup"));
  }
}

TEST_F(StoreFile, AnIndexOfTheOperatorsOwnIsLeftAlone) {
  opened(path());
  sql(path(), "CREATE INDEX by_finish ON sagas(finished_at); ANALYZE");
  EXPECT_NE(opened(path()), nullptr);
}

TEST_F(StoreFile, WhatIsNoStoreIsRefusedAndLeftAsItIs) {
  std::ofstream(path()) << "once upon a time there was a text file that somebody named by mistake";
  EXPECT_THAT(make_sqlite_store(options_for(path())), FailsWith(ErrorCode::kInvalid, "is not a SQLite database"));
  EXPECT_EQ(std::filesystem::file_size(path()), 69U);

  const std::string other = folder_.path("other.db");
  sql(other, "CREATE TABLE customers(name TEXT)");
  EXPECT_THAT(make_sqlite_store(options_for(other)), FailsWith(ErrorCode::kInvalid, "not a store of sagad"));
  EXPECT_EQ(sql(other, "SELECT COUNT(*) FROM sqlite_master; PRAGMA journal_mode"), "1,delete,");
}

TEST_F(StoreFile, PlacesThatCannotHoldAStoreAreRefused) {
  std::filesystem::create_directory(folder_.path("folder"));
  EXPECT_THAT(make_sqlite_store(options_for(folder_.path("folder"))),
              FailsWith(ErrorCode::kInvalid, "is a folder, expected a file"));
  EXPECT_THAT(make_sqlite_store(options_for(folder_.path("no/saga.db"))),
              FailsWith(ErrorCode::kInvalid, "there is no folder"));
  EXPECT_THAT(make_sqlite_store(options_for(folder_.path("folder/"))), FailsWith(ErrorCode::kInvalid, "names no file"));
  EXPECT_THAT(make_sqlite_store(options_for("/dev/null")), FailsWith(ErrorCode::kInvalid, "not a regular file"));
  EXPECT_THAT(make_sqlite_store(options_for("/proc/sys/saga.db")), FailsWith(ErrorCode::kInvalid, "/proc/sys"));
}

TEST_F(StoreFile, AnEmptyFileBecomesAStore) {
  std::ofstream(path()).close();
  EXPECT_NE(opened(path()), nullptr);
  EXPECT_EQ(sql(path(), "SELECT MAX(version) FROM schema_version; PRAGMA journal_mode"),
            std::to_string(kNewest) + ",wal,");
}

TEST_F(StoreFile, AnOlderStoreIsMigratedWithWhatItHolds) {
  SagaKey key = 0;
  {
    const auto store = opened(path());
    own(*store);
    key = given(*store, "order-1");
  }
  SqliteOptions options = options_for(path());
  options.migrations = sqlite::migrations();
  options.migrations->push_back("ALTER TABLE sagas ADD COLUMN mood TEXT; UPDATE sagas SET mood = 'calm'");
  options.migrations->push_back("CREATE TABLE later(x)");
  {
    const auto store = opened(options);
    EXPECT_EQ(own(*store), 2);
    EXPECT_EQ(store->load(key)->size(), 1U);
  }
  EXPECT_EQ(sql(path(), "SELECT mood FROM sagas; SELECT MAX(version), COUNT(*) FROM schema_version"),
            fmt::format("calm,{0},{0},", kNewest + 2));
  EXPECT_THAT(make_sqlite_store(options_for(path())),
              FailsWith(ErrorCode::kUnsupported, fmt::format("schema {}, this one knows {}", kNewest + 2, kNewest)));
}

TEST_F(StoreFile, AMigrationThatFailsLeavesTheStoreAtItsLastStep) {
  opened(path());
  SqliteOptions options = options_for(path());
  options.migrations = sqlite::migrations();
  options.migrations->push_back("CREATE TABLE good(x)");
  options.migrations->push_back("CREATE TABLE half(x); INSERT INTO nowhere VALUES(1)");
  EXPECT_THAT(make_sqlite_store(options),
              FailsWith(ErrorCode::kInternal, fmt::format("bringing the store to schema {} failed", kNewest + 2)));
  EXPECT_EQ(
      sql(path(),
          "SELECT MAX(version) FROM schema_version; SELECT name FROM sqlite_master WHERE name IN ('good', 'half')"),
      std::to_string(kNewest + 1) + ",good,");
  options.migrations->back() = "CREATE TABLE half(x)";
  EXPECT_NE(opened(options), nullptr);
}

TEST_F(StoreFile, ABackupBesideARunningStoreIsSound) {
  const auto store = opened(path());
  own(*store);
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> sagas{0};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      const SagaKey key = given(*store, "order-" + std::to_string(i), running(), identity("w", 1, {{"k", "v"}}));
      EXPECT_TRUE(commit(*store, with_head(further(key, 2, 2), completed())));
      ++sagas;
    }
  });
  while (sagas < 20) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) {
    const std::string copy = folder_.path("backup-" + std::to_string(i) + ".db");
    const std::int64_t before = sagas;
    const std::string command = "sqlite3 '" + path() + "' \".backup '" + copy + "'\"";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    EXPECT_EQ(sql(copy, "PRAGMA integrity_check"), "ok,");
    const auto restored = opened(copy);
    const auto counts = restored->count_by_status({});
    std::int64_t found = 0;
    for (const StatusCount& count : *counts) found += count.sagas;
    EXPECT_GE(found, before);
    EXPECT_EQ(restored->load(1)->size(), 3U);
  }
  stop = true;
  writer.join();
  EXPECT_TRUE(store->health().writable);
}

TEST_F(StoreFile, TheLogIsCopiedAndDoesNotGrowForever) {
  SqliteOptions options = options_for(path());
  options.checkpoint_pages = 50;
  const auto store = opened(options);
  own(*store);
  const SagaKey key = given(*store, "order-1");
  for (std::int64_t seq = 2; seq <= 400; ++seq) {
    Append append = further(key, seq);
    append.events[0].data = R"({"text":")" + std::string(2'000, 'x') + "\"}";
    ASSERT_TRUE(commit(*store, append));
  }
  EXPECT_LT(std::filesystem::file_size(path() + "-wal"), 4096U * 100);
  EXPECT_EQ(store->load(key)->size(), 400U);
}

TEST_F(StoreFile, AnEventThatCannotBeReadIsNamedAndTheOthersAreRead) {
  SagaKey key = 0;
  {
    const auto store = opened(path());
    own(*store);
    key = given(*store, "order-1");
    Append big = further(key, 2);
    big.events.push_back(event(3, R"({"text":")" + std::string(200'000, 'x') + "\"}"));
    ASSERT_TRUE(commit(*store, big));
    ASSERT_TRUE(commit(*store, further(key, 4)));
  }
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    const std::size_t page = whole.rfind(std::string(3'000, 'x')) / 4096 - 10;  // One of those it runs over into.
    file.clear();
    file.seekp(static_cast<std::streamoff>(page * 4096));
    file << std::string(100, '\x7f');
  }
  const auto store = opened(path());
  const auto events = store->load(key);
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_EQ(events->size(), 4U);
  EXPECT_EQ(events->at(0), event(1));
  for (const std::size_t lost : {1U, 2U}) {  // Those of one row.
    EXPECT_TRUE(events->at(lost).damaged);
    EXPECT_EQ(events->at(lost).seq, static_cast<std::int64_t>(lost) + 1);
  }
  EXPECT_EQ(events->at(3), event(4));
  EXPECT_EQ(store->load(key, 3)->size(), 2U);
  EXPECT_EQ(store->load(key, 4)->size(), 1U);
}

TEST_F(StoreFile, ADamagedTableIsReportedWithWhatToDoWhileTheRestIsWritten) {
  SagaKey key = 0;
  {
    const auto store = opened(path());
    own(*store);
    for (int i = 0; i < 500; ++i) key = given(*store, "order-" + std::to_string(i));
  }
  std::int64_t page = 0;  // The first of the saga rows; what a page held before it was split is found before it.
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    page = static_cast<std::int64_t>(whole.rfind("order-1order-sagarunning")) / 4096;
    ASSERT_GT(page, 0);
    file.clear();
    file.seekp(page * 4096);
    file << std::string(100, '\x7f');
  }
  const auto store = opened(path());
  const Epoch epoch = own(*store);
  EXPECT_EQ(store->health().problem, "");
  EXPECT_THAT(store->find("order-1"), FailsWith(ErrorCode::kCorruption, "restore a backup"));
  EXPECT_THAT(store->health().problem, HasSubstr("restore a backup"));
  EXPECT_TRUE(store->health().writable);
  EXPECT_EQ(store->due(kShard, kNoon, std::nullopt, 1'000)->size(), 500U) << "those that can be read are found";
  EXPECT_TRUE(store->find(key));
  EXPECT_TRUE(commit(*store, further(key, 2, 1, epoch)));
}

TEST_F(StoreFile, AnIndexThatLeadsToAnotherSagaIsNotFollowed) {
  {
    const auto store = opened(path());
    own(*store);
    given(*store, "order-1");
    given(*store, "order-2");
  }
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string whole{std::istreambuf_iterator<char>(file), {}};
    // The entry of the index is the id and then, one byte, the key; in the row the id is followed by the workflow.
    const std::size_t at = whole.find(std::string("order-2\x02", 8));
    ASSERT_NE(at, std::string::npos);
    file.clear();
    file.seekp(static_cast<std::streamoff>(at + 7));
    file << '\x03';
  }
  EXPECT_THAT(opened(path())->find("order-2"), FailsWith(ErrorCode::kCorruption, "restore a backup"));
}

TEST_F(StoreFile, WhatAnOlderSchemaWroteIsReadWithoutChecksums) {
  {
    const auto store = opened(path());
    own(*store);
    given(*store, "order-1");
  }
  sql(path(), "UPDATE journal SET checksum = NULL");
  EXPECT_FALSE(opened(path())->load(1)->at(0).damaged);
  sql(path(), "UPDATE journal SET checksum = 1");
  EXPECT_TRUE(opened(path())->load(1)->at(0).damaged);
}

TEST_F(StoreFile, EventsOfTheSchemaThatHadARowForEachAreReadAndFollowed) {
  const std::vector<Record> old{event(1, R"({"a":"}\"{"})"), event(2), event(3, R"({"b":[1,{"c":null}]})")};
  {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    std::string schema = "CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);";
    for (std::size_t version = 1; version <= 6; ++version) {
      schema +=
          sqlite::migrations()[version - 1] + fmt::format("; INSERT INTO schema_version VALUES({}, 'then');", version);
    }
    for (const Record& one : old) {
      // The second was changed on the disk since it was written.
      const std::int64_t checksum = sqlite::checksum_of(7, std::span(&one, 1)) + (one.seq == 2 ? 1 : 0);
      schema +=
          fmt::format("INSERT INTO events(saga, seq, at, type, data, checksum) VALUES(7, {}, {}, '{}', '{}', {});",
                      one.seq, one.at.ms, one.type, one.data, checksum);
    }
    ASSERT_EQ(sqlite3_exec(db, schema.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  const auto store = opened(path());
  const Epoch epoch = own(*store);
  const auto events = store->load(7);
  ASSERT_EQ(events->size(), 3U);
  EXPECT_EQ(events->at(0), old[0]);
  EXPECT_TRUE(events->at(1).damaged) << "what was damaged before stays so";
  EXPECT_EQ(events->at(2), old[2]);
  EXPECT_THAT(commit(*store, further(7, 3, 1, epoch)), FailsWith(ErrorCode::kConflict, "has an event 3 already"));
  EXPECT_TRUE(commit(*store, further(7, 4, 2, epoch)));
  EXPECT_EQ(store->load(7)->size(), 5U);
}

TEST_F(StoreFile, WhoLooksIntoTheFileFindsEventsOneByOne) {
  {
    const auto store = opened(path());
    own(*store);
    const SagaKey key = given(*store, "order-1");
    Append two = further(key, 2, 2);
    two.events[1].data = R"({"step":"pay","output":{"id":7}})";
    ASSERT_TRUE(commit(*store, two));
  }
  EXPECT_EQ(
      sql(path(), "SELECT seq, type, at, json_extract(data, '$.output.id') FROM events WHERE saga = 1 ORDER BY seq"),
      fmt::format("1,step_completed,{},NULL,2,step_completed,{},NULL,3,step_completed,{},7,", kNoon.ms + 1,
                  kNoon.ms + 2, kNoon.ms + 3));
}

}  // namespace
}  // namespace saga::store::testing
