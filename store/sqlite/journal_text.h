// The events of one append as the one text that a row of `journal` holds: [[at,"type",{data}],…], so that `sqlite3`
// takes it apart by itself (the view `events`). A row an append costs half of what a row an event did.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace saga::store::sqlite {

/// In the place of what `out` held.
void write_journal_text(std::string& out, std::span<const Record> events);

/// The events of a row, the last of which has the number `last_seq`; their data to the byte as it was written. None:
/// `text` is not what is written, or holds more events than there are numbers up to `last_seq`.
[[nodiscard]] std::optional<std::vector<Record>> read_journal_text(std::string_view text, std::int64_t last_seq);

}  // namespace saga::store::sqlite
