// A sum over an event as it was written, stored beside it: SQLite keeps none, so that a bit that changed on the disk
// would be read back as if it had been meant.
#pragma once

#include <cstdint>
#include <string_view>

#include "store/store.h"

namespace saga::store::sqlite {

/// CRC-32C of `bytes`, going on from `sum` of what came before them.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t sum = 0);
/// The same, for a processor without an instruction for it.
[[nodiscard]] std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t sum = 0);

/// Of everything that is stored of an event, whose it is and which one included.
[[nodiscard]] std::int64_t checksum_of(SagaKey saga, const Record& event);

}  // namespace saga::store::sqlite
