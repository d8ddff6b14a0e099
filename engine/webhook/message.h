// What is told about sagas that need attention: the text of a message, and the id by which it is known again.
#pragma once

#include <string>
#include <vector>

#include "engine/runtime/reader.h"
#include "store/store.h"

namespace saga::webhook {

struct Message {
  std::string id;    ///< The same for the same notices, whenever and wherever they are told.
  std::string body;  ///< JSON.
  std::vector<store::Notice> notices;
};

/// Up to so many are told one by one; more go together in one message, so that ten thousand failures are not as many
/// requests.
inline constexpr std::size_t kMostSingles = 10;

/// Messages for `notices` as the sagas now stand. One that has changed in the meantime is left out: it is due
/// differently the next time. Blocks on the store; its failure too only leaves out.
[[nodiscard]] std::vector<Message> compose(store::Store& store, const runtime::Reader& reader,
                                           const std::vector<store::Notice>& notices);

}  // namespace saga::webhook
