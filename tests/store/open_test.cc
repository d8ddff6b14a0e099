#include "store/open.h"

#include "tests/store/sagas.h"

namespace saga::store::testing {
namespace {

TEST(OpenStore, OpensMemoryAndSqlite) {
  const TempFolder folder;
  EXPECT_TRUE(open_store("memory"));
  const auto store = open_store("sqlite:" + folder.path("saga.db"));
  ASSERT_TRUE(store);
  EXPECT_TRUE((*store)->take_over(kShard, "me"));
  EXPECT_TRUE(std::filesystem::exists(folder.path("saga.db")));
}

TEST(OpenStore, RefusesWhatIsNotBuiltOrNotAStore) {
  EXPECT_THAT(open_store("postgresql://db/sagas"), FailsWith(ErrorCode::kUnsupported, "not built yet"));
  EXPECT_THAT(open_store("postgres://db/sagas"), FailsWith(ErrorCode::kUnsupported, "not built yet"));
  for (const char* place : {"", "saga.db", "sqlite:", "mysql://x", "Memory"}) {
    EXPECT_THAT(open_store(place), FailsWith(ErrorCode::kInvalid, "is not a store: expected sqlite:PATH or memory"))
        << place;
  }
}

}  // namespace
}  // namespace saga::store::testing
