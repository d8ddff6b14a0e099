// A store by the text that an operator writes: `--store sqlite:PATH | memory | postgresql://…`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/group_committer.h"
#include "store/store.h"

namespace saga::store {

/// `kInvalid`: not such a text, or not a place for a store. `kUnsupported`: a kind not built yet, or a store of a newer
/// version. `kUnavailable`: in use by another.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(std::string_view place, const CommitterOptions& options = {});

}  // namespace saga::store
