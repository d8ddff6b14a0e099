// What every test of the contract suite runs on: a fresh store of each backend, its shard taken over.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/store/sagas.h"

namespace saga::store::testing {

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<Store>(const TempFolder&, const CommitterOptions&)> make;
};

inline std::vector<StoreKind> store_kinds() {
  return {{"Memory", [](const TempFolder&, const CommitterOptions& options) { return make_memory_store({options}); }},
          {"Sqlite", [](const TempFolder& folder, const CommitterOptions& options) {
             SqliteOptions sqlite;
             sqlite.path = folder.path("saga.db");
             sqlite.committer = options;
             Result<std::unique_ptr<Store>> store = make_sqlite_store(sqlite);
             EXPECT_TRUE(store) << (store ? "" : store.error().message);
             return store ? std::move(*store) : nullptr;
           }}};
}

class StoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreContract() { open({}); }

  /// A new, empty store in the place of the fixture's.
  void open(const CommitterOptions& options) {
    store_.reset();
    folder_ = std::make_unique<TempFolder>();
    store_ = GetParam().make(*folder_, options);
    EXPECT_EQ(store_->take_over(kShard, "first"), Epoch{1});
  }

  [[nodiscard]] Store& store() { return *store_; }

  std::unique_ptr<TempFolder> folder_;
  std::unique_ptr<Store> store_;
};

inline std::string name_of(const ::testing::TestParamInfo<StoreKind>& kind) { return kind.param.name; }

}  // namespace saga::store::testing

/// Runs a suite over every backend.
#define EVERY_STORE(suite)                                                                           \
  INSTANTIATE_TEST_SUITE_P(Every, suite, ::testing::ValuesIn(::saga::store::testing::store_kinds()), \
                           ::saga::store::testing::name_of)
