// A sum over events as they were written, stored beside them: SQLite keeps none, so that a bit that changed on the disk
// would be read back as if it had been meant.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "store/store.h"

namespace saga::store::sqlite {

/// CRC-32C of `bytes`, going on from `sum` of what came before them.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t sum = 0);
/// The same, for a processor without an instruction for it.
[[nodiscard]] std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t sum = 0);

/// Of everything that is stored of events in a row, whose they are and which ones included.
[[nodiscard]] std::int64_t checksum_of(SagaKey saga, std::span<const Record> events);

}  // namespace saga::store::sqlite
