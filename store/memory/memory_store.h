// A store that lasts as long as its process: for tests and for trying things out (`--store memory`).
#pragma once

#include <memory>

#include "store/group_committer.h"
#include "store/store.h"

namespace saga::store {

struct MemoryOptions {
  CommitterOptions committer;
};

[[nodiscard]] std::unique_ptr<Store> make_memory_store(MemoryOptions options = {});

}  // namespace saga::store
