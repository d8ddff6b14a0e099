// A SQLite store opened for a test.
#pragma once

#include <memory>
#include <string>

#include "store/sqlite/sqlite_store.h"
#include "tests/store/sagas.h"

namespace saga::store::testing {

inline SqliteOptions options_for(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  options.committer.first_retry = std::chrono::milliseconds{1};
  options.committer.longest_retry = std::chrono::milliseconds{5};
  return options;
}

inline std::unique_ptr<Store> opened(const SqliteOptions& options) {
  Result<std::unique_ptr<Store>> store = make_sqlite_store(options);
  EXPECT_TRUE(store) << (store ? "" : store.error().message);
  return store ? std::move(*store) : nullptr;
}

inline std::unique_ptr<Store> opened(const std::string& path) { return opened(options_for(path)); }

/// Of shard 0, after the former owner's.
inline Epoch own(Store& store) {
  const Result<Epoch> epoch = store.take_over(kShard, "test");
  EXPECT_TRUE(epoch) << (epoch ? "" : epoch.error().message);
  return epoch.value_or(0);
}

}  // namespace saga::store::testing
