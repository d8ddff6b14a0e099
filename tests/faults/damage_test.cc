// A store's files, cut off and with bits changed, opened and read as the engine does: what was written comes back as it
// was, or it is said that it does not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>

#include "engine/runtime/runtime.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_folder.h"
#include "workflows/load.h"

namespace saga::runtime {
namespace {

using ::testing::AnyOf;
using testing::FakeDispatcher;
using ::testing::HasSubstr;
using testing::TempFolder;

constexpr const char* kTrip = R"(
name: trip
version: 1
steps:
  - { name: hotel, service: hotels, action: /book, compensation: /cancel, input: { city: "${ input.city }" } }
  - { name: flight, service: flights, action: /book, compensation: /cancel }
)";
/// Some end, some turn back, some stop, some are called still, some wait for their time.
constexpr std::array kKinds{"done", "undone", "stuck", "open", "asleep"};
constexpr int kSagas = 20;
constexpr std::size_t kPage = 4096;

/// How many damages of each kind are tried; SAGA_FAULT_TRIALS multiplies them.
int trials(int usual) {
  const char* const more = std::getenv("SAGA_FAULT_TRIALS");
  return usual * (more == nullptr ? 1 : std::max(1, std::atoi(more)));
}

using Files = std::map<std::string, std::string>;  ///< Contents by the ending of their names.
using Records = std::vector<store::Record>;

/// What a store holds, as its readers say it.
struct Contents {
  std::map<std::string, Records> events;  ///< By the saga's id; none for one whose record is refused.
  std::map<std::string, std::string> refused;
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<std::unique_ptr<store::Store>> open_at(const std::string& path) {
  store::SqliteOptions options;
  options.path = path;
  options.checkpoint_pages = 1'000'000;
  return store::make_sqlite_store(options);
}

/// An engine of one thread over a store, whose workers answer by the saga's id.
class Engine {
 public:
  explicit Engine(store::Store& store) : store_(store), registry_(store) {
    dispatcher_.answer_by([](const FakeDispatcher::Sent& call) {
      const std::string id = call.header("Saga-Id");
      const bool turns_back = id.starts_with("undone") || id.starts_with("stuck");
      if (id.starts_with("open") && call.what().starts_with("flight")) return;
      if (turns_back && call.what().starts_with("flight/action")) return call.answer(422, R"({"code":"full"})");
      if (id.starts_with("stuck")) {
        if (call.what().starts_with("hotel/compensation")) return call.answer(422, R"({"retryable":false})");
      }
      call.answer(200, R"({"booking":"b-12345"})");
    });
  }
  Result<void> begin() {
    auto loaded = registry_.load();
    if (!loaded) return tl::unexpected(loaded.error());
    RuntimeOptions options;
    options.seed = 7;
    auto created = Runtime::create(registry_, store_, dispatcher_, clock_, nullptr, options);
    if (!created) return tl::unexpected(created.error());
    runtime_ = std::move(*created);
    return {};
  }
  void register_trip() {
    const auto loaded = workflows::load_workflows(kTrip, "trip.yaml");
    ASSERT_TRUE(loaded);
    ASSERT_TRUE(registry_.add(*loaded, clock_.now()));
  }
  void start(const std::string& id) {
    StartRequest request;
    request.id = id;
    request.workflow = registry_.newest("trip");
    request.input = share(Json{{"city", "Oslo"}, {"note", std::string(100, 'n')}});
    request.trace_id = std::string(32, 'a');
    request.tags = {{"customer", "c-7"}};
    if (id.starts_with("asleep")) request.start_at = clock_.now() + Millis{3'600'000};
    runtime_->start(request, [](const Result<Started>& started) { EXPECT_TRUE(started); });
    settle();
    clock_.advance(Millis{10});
  }
  void settle() {
    for (int quiet = 0; quiet < 3 && !store_.health().poisoned;) {
      const std::size_t taken = runtime_->turn();
      const RuntimeStats stats = runtime_->stats();
      const bool still = taken == 0 && stats.mailbox == 0 && stats.commits_in_flight == 0 && stats.recovering == 0;
      quiet = still ? quiet + 1 : 0;
      std::this_thread::yield();
    }
  }
  /// Long enough for every saga to be due.
  void pass_a_day() {
    clock_.advance(Millis{86'400'000});
    settle();
  }
  [[nodiscard]] const Registry& registry() const { return registry_; }

 private:
  store::Store& store_;
  Registry registry_;
  testing::ManualClock clock_;
  FakeDispatcher dispatcher_;
  std::unique_ptr<Runtime> runtime_;
};

std::vector<std::string> ids() {
  std::vector<std::string> all;
  for (int i = 0; i < kSagas; ++i) all.push_back(fmt::format("{}-{}", kKinds[i % kKinds.size()], i));
  return all;
}

/// As `GET` reads them. An id that is not found is in neither list.
Contents contents_of(store::Store& store, const Registry& registry) {
  const Reader reader(store, registry);
  Contents contents;
  for (const std::string& id : ids()) {
    const auto saga = reader.read(id);
    if (!saga && saga.error().code == ErrorCode::kNotFound) continue;
    if (!saga) {
      contents.refused[id] = saga.error().message;
      continue;
    }
    const auto events = store.load(saga->key);
    if (events) contents.events[id] = *events;
    EXPECT_EQ(saga->state->facts->id, id);
  }
  return contents;
}

/// Written once: the files of a store that was closed, of one that is open, and what both hold.
class Damage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    written_ = new Written;
    const TempFolder folder;
    const std::string path = folder.path("saga.db");
    const auto store = open_at(path);
    ASSERT_TRUE(store) << store.error().message;
    {
      Engine engine(**store);
      ASSERT_TRUE(engine.begin());
      engine.register_trip();
      for (const std::string& id : ids()) engine.start(id);
      written_->contents = contents_of(**store, engine.registry());
    }
    ASSERT_EQ(written_->contents.events.size(), std::size_t{kSagas});
    for (const std::string ending : {"", "-wal"}) written_->open[ending] = content_of(path + ending);
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
    written_->closed[""] = content_of(path);
  }
  static void TearDownTestSuite() { delete written_; }

  void SetUp() override {
    seed_ = static_cast<std::uint32_t>(std::random_device{}());
    if (const char* const given = std::getenv("SAGA_FAULT_SEED")) seed_ = static_cast<std::uint32_t>(std::atoll(given));
    random_.seed(seed_);
  }

  [[nodiscard]] std::string path() const { return folder_.path("saga.db"); }
  void write(const Files& files) const {
    for (const char* const ending : {"", "-wal", "-shm", "-journal", ".lock"}) std::filesystem::remove(path() + ending);
    for (const auto& [ending, content] : files) std::ofstream(path() + ending, std::ios::binary) << content;
  }
  static void change_a_bit(std::string& content, std::size_t at, unsigned bit) {
    content[at] = static_cast<char>(content[at] ^ (1 << bit));
  }
  /// Any of `size` places.
  std::size_t place(std::size_t size) { return std::uniform_int_distribution<std::size_t>(0, size - 1)(random_); }

  /// What the manual says to ask of a file that is doubted.
  [[nodiscard]] std::string integrity() const {
    sqlite3* db = nullptr;
    std::string verdict;
    const auto take = [](void* into, int, char** values, char**) {
      *static_cast<std::string*>(into) += values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    if (sqlite3_exec(db, "PRAGMA integrity_check", take, &verdict, nullptr) != SQLITE_OK) verdict = sqlite3_errmsg(db);
    sqlite3_close(db);
    return verdict;
  }

  static void expect_one_line_that_says_what_to_do(const Error& error) {
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
    EXPECT_THAT(error.message, HasSubstr("saga.db"));
    EXPECT_THAT(error.message, HasSubstr("restore a backup"));
  }

  using Tally = std::map<std::string, int>;
  /// Every saga is as it was, or refused by name, or the whole file is. What slips through, an index that leads
  /// nowhere, is found by SQLite's own check. Counts in `tally` which it was.
  void try_a_changed_bit(std::size_t at, Tally& tally) {
    Files files = written_->closed;
    const auto bit = static_cast<unsigned>(place(8));
    change_a_bit(files[""], at, bit);
    SCOPED_TRACE(fmt::format("bit {} of byte {}", bit, at));
    write(files);
    auto store = open_at(path());
    if (!store) {
      expect_one_line_that_says_what_to_do(store.error());
      ++tally["refused"];
      return;
    }
    Registry registry(**store);
    const auto unreadable = registry.load();
    if (!unreadable) {
      expect_one_line_that_says_what_to_do(unreadable.error());
      ++tally["refused"];
      return;
    }
    const Contents contents = contents_of(**store, registry);
    store->reset();
    bool missed = false;
    for (const auto& [id, events] : written_->contents.events) {
      if (contents.refused.contains(id)) continue;
      const auto found = contents.events.find(id);
      missed = missed || found == contents.events.end() || found->second != events;
    }
    if (missed) {
      EXPECT_NE(integrity(), "ok");
    }
    ++tally[missed ? "found by integrity_check only" : contents.refused.empty() ? "whole" : "some sagas refused"];
  }

  struct Written {
    Files closed;
    Files open;
    Contents contents;
  };
  static inline Written* written_ = nullptr;
  TempFolder folder_;
  std::uint32_t seed_ = 0;
  std::mt19937 random_;
};

TEST_F(Damage, WhatIsWholeIsReadAsItWasWritten) {
  for (const Files& files : {written_->closed, written_->open}) {
    write(files);
    const auto store = open_at(path());
    ASSERT_TRUE(store) << store.error().message;
    Registry registry(**store);
    EXPECT_THAT(*registry.load(), ::testing::IsEmpty());
    EXPECT_EQ(contents_of(**store, registry).events, written_->contents.events);
  }
}

TEST_F(Damage, AChangedBitInTheDatabaseIsNeverServedAsTruth) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  Tally tally;
  const std::size_t size = written_->closed.at("").size();
  for (int trial = 0; trial < trials(200); ++trial) try_a_changed_bit(place(size), tally);
  for (const auto& [verdict, count] : tally) RecordProperty(verdict, count);
  EXPECT_GT(tally["some sagas refused"], 0);
  EXPECT_LT(tally["found by integrity_check only"] * 20, trials(200)) << "one in twenty of arbitrary bits";
}

/// What the tables and indexes are is written in the file itself.
TEST_F(Damage, AChangedBitInTheSchemaIsNeverServedAsTruth) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  Tally tally;
  const std::string& whole = written_->closed.at("");
  std::vector<std::size_t> pages;
  for (std::size_t at = 0; at < whole.size(); at += kPage) {
    if (at == 0 || whole.substr(at, kPage).find("CREATE ") != std::string::npos) pages.push_back(at);
  }
  ASSERT_GT(pages.size(), 1U);
  for (int trial = 0; trial < trials(200); ++trial) {
    try_a_changed_bit(pages[place(pages.size())] + place(kPage), tally);
  }
  for (const auto& [verdict, count] : tally) RecordProperty(verdict, count);
  EXPECT_GT(tally["refused"] * 4, trials(200)) << "a page is full, or nearly";
}

TEST_F(Damage, TheEngineSuspendsExactlyTheSagasWhoseRecordsAreDamaged) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  const std::string& whole = written_->closed.at("");
  std::vector<std::size_t> places;  // In the texts of events, which SQLite does not look at.
  for (std::size_t at = 0; (at = whole.find("\"attempt\":1", at)) != std::string::npos; ++at) places.push_back(at);
  ASSERT_GT(places.size(), 20U);
  int suspended = 0;
  // By chance, all of the first few can be of sagas that have ended.
  for (int trial = 0; trial < trials(25) || (suspended == 0 && trial < 1'000); ++trial) {
    Files files = written_->closed;
    const std::size_t at = places[place(places.size())] + 10;
    change_a_bit(files[""], at, 1);  // 1 becomes 3: as good a number as any.
    SCOPED_TRACE(fmt::format("byte {}", at));
    write(files);
    const auto store = open_at(path());
    ASSERT_TRUE(store) << store.error().message;
    Engine engine(**store);
    ASSERT_TRUE(engine.begin());
    const Contents before = contents_of(**store, engine.registry());
    ASSERT_LE(before.refused.size(), 1U);
    engine.pass_a_day();
    EXPECT_FALSE((*store)->health().poisoned);
    for (const std::string& id : ids()) {
      const auto row = (*store)->find(id);
      ASSERT_TRUE(row) << id;
      if (before.refused.contains(id)) {
        EXPECT_THAT(before.refused.at(id), HasSubstr("is damaged on the disk"));
        if (row->head.ended) continue;
        ++suspended;
        EXPECT_EQ(row->head.status, "suspended") << id;
        EXPECT_EQ(row->head.stuck.at(0).code, "corrupt");
        EXPECT_TRUE(row->head.needs_attention);
      } else if (id.starts_with("asleep")) {
        EXPECT_EQ(row->head.status, "completed") << id;  // Its time had come.
      } else {
        EXPECT_NE(row->head.status, "suspended") << id;
      }
    }
  }
  EXPECT_GT(suspended, 0);
}

TEST_F(Damage, APageThatCannotBeReadStopsNobodyElse) {
  // The events' last pages but one: what a new event needs stays as it is.
  const std::string& whole = written_->closed.at("");
  const std::size_t page = whole.find("asleep-9\"") / kPage;
  Files files = written_->closed;
  files[""].replace(page * kPage, 64, std::string(64, '\x7f'));
  write(files);
  const auto store = open_at(path());
  ASSERT_TRUE(store) << store.error().message;
  Engine engine(**store);
  ASSERT_TRUE(engine.begin());
  const Contents before = contents_of(**store, engine.registry());
  EXPECT_FALSE(before.refused.empty());
  EXPECT_FALSE(before.events.empty());
  engine.pass_a_day();
  int went_on = 0;
  for (const auto& [id, events] : before.events) {
    if (!id.starts_with("asleep")) continue;
    ++went_on;
    EXPECT_EQ((*store)->find(id)->head.status, "completed") << id;
  }
  EXPECT_GT(went_on, 0);
  for (const auto& [id, why] : before.refused) {
    const auto row = (*store)->find(id);
    if (!row || row->head.ended) continue;
    EXPECT_EQ(row->head.status, "suspended") << id;
  }
}

TEST_F(Damage, ADatabaseThatWasCutOffIsRefused) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  const std::string& whole = written_->closed.at("");
  std::vector<std::size_t> lengths{
      2, 15, 16, 99, 100, 511, 512, 4'095, 4'096, 4'097, whole.size() - 4'096, whole.size() - 1};
  for (int i = 0; i < trials(60); ++i) lengths.push_back(1 + place(whole.size() - 1));
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(fmt::format("cut to {} of {} bytes", length, whole.size()));
    write({{"", whole.substr(0, length)}});
    const auto store = open_at(path());
    ASSERT_FALSE(store);
    expect_one_line_that_says_what_to_do(store.error());
  }
}

/// The database lacks pages that its log holds: then they come from there.
TEST_F(Damage, ADatabaseThatWasCutOffIsMadeWholeFromItsLogOrRefused) {
  const std::string& whole = written_->open.at("");
  for (const std::size_t length : std::initializer_list<std::size_t>{0, 1, 100, 512, 4'095, whole.size()}) {
    SCOPED_TRACE(fmt::format("cut to {} of {} bytes", length, whole.size()));
    Files files = written_->open;
    files[""].resize(length);
    write(files);
    const auto store = open_at(path());
    if (!store) {
      expect_one_line_that_says_what_to_do(store.error());
      EXPECT_EQ(content_of(path() + "-wal"), written_->open.at("-wal")) << "the log was touched";
      continue;
    }
    Registry registry(**store);
    ASSERT_TRUE(registry.load());
    EXPECT_EQ(contents_of(**store, registry).events, written_->contents.events);
  }
  write({{"-wal", written_->open.at("-wal")}});  // No database at all.
  const auto store = open_at(path());
  ASSERT_FALSE(store);
  expect_one_line_that_says_what_to_do(store.error());
  EXPECT_THAT(store.error().message, HasSubstr("is missing, but its log"));
  EXPECT_FALSE(std::filesystem::exists(path()));
}

bool is_beginning_of(const Records& part, const Records& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

/// The end of a log that was cut off looks like a commit that was under way: commits go, from the last one backwards,
/// whole, and none from the middle.
TEST_F(Damage, ALogThatWasCutOffLosesItsLastCommitsAndNothingElse) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  const std::string& whole = written_->open.at("-wal");
  std::size_t longest = 0;
  std::size_t most_events = 0;
  for (int trial = 0; trial < trials(60); ++trial) {
    const std::size_t length = place(whole.size());
    SCOPED_TRACE(fmt::format("cut to {} of {} bytes", length, whole.size()));
    Files files = written_->open;
    files["-wal"].resize(length);
    write(files);
    auto store = open_at(path());
    ASSERT_TRUE(store) << store.error().message;
    Registry registry(**store);
    ASSERT_TRUE(registry.load());
    const Contents contents = contents_of(**store, registry);
    EXPECT_TRUE(contents.refused.empty()) << contents.refused.begin()->second;
    std::size_t events = 0;
    bool gone = false;
    for (const std::string& id : ids()) {  // In the order of their starts; each had ended when the next began.
      const auto found = contents.events.find(id);
      if (found != contents.events.end()) {
        EXPECT_FALSE(gone) << id << " is there, and one before it is not";
        EXPECT_TRUE(is_beginning_of(found->second, written_->contents.events.at(id))) << id;
        events += found->second.size();
      }
      gone = gone || found == contents.events.end() || found->second != written_->contents.events.at(id);
    }
    if (length > longest) {
      longest = length;
      EXPECT_GE(events, most_events);
    }
    most_events = std::max(most_events, events);
    store->reset();
    EXPECT_EQ(integrity(), "ok");
  }
}

TEST_F(Damage, AChangedBitInTheLogIsRefusedWhereCommitsWouldBeLost) {
  SCOPED_TRACE(fmt::format("SAGA_FAULT_SEED={}", seed_));
  const std::size_t size = written_->open.at("-wal").size();
  std::size_t all_events = 0;
  for (const auto& [id, events] : written_->contents.events) all_events += events.size();
  int refused = 0;
  for (int trial = 0; trial < trials(40); ++trial) {
    Files files = written_->open;
    // Its header too, of 32 bytes.
    const std::size_t at = trial < 8 ? place(32) : place(size);
    change_a_bit(files["-wal"], at, static_cast<unsigned>(place(8)));
    SCOPED_TRACE(fmt::format("byte {} of {}", at, size));
    write(files);
    const auto store = open_at(path());
    if (!store) {
      ++refused;
      expect_one_line_that_says_what_to_do(store.error());
      EXPECT_THAT(store.error().message, HasSubstr("wal_checkpoint(TRUNCATE)"));
      EXPECT_EQ(content_of(path() + "-wal"), files["-wal"]) << "the log was touched";
      continue;
    }
    Registry registry(**store);
    ASSERT_TRUE(registry.load());
    std::size_t events = 0;
    for (const auto& [id, found] : contents_of(**store, registry).events) {
      EXPECT_TRUE(is_beginning_of(found, written_->contents.events.at(id))) << id;
      events += found.size();
    }
    // A damaged end looks like a commit that was under way: at most the last two.
    EXPECT_GE(events + 4, all_events);
  }
  EXPECT_GT(refused, trials(40) / 2);
}

TEST_F(Damage, WhatTheRefusalOfALogProposesGoesOnWithoutTheLostCommits) {
  Files files = written_->open;
  change_a_bit(files["-wal"], files["-wal"].size() / 2, 3);
  write(files);
  ASSERT_FALSE(open_at(path()));
  const std::string command = "sqlite3 '" + path() + "' 'PRAGMA wal_checkpoint(TRUNCATE)' > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto store = open_at(path());
  ASSERT_TRUE(store) << store.error().message;
  Registry registry(**store);
  ASSERT_TRUE(registry.load());
  const Contents contents = contents_of(**store, registry);
  EXPECT_TRUE(contents.refused.empty());
  EXPECT_GT(contents.events.size(), 0U);
  EXPECT_LT(contents.events.size(), written_->contents.events.size());
}

}  // namespace
}  // namespace saga::runtime
