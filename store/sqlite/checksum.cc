#include "store/sqlite/checksum.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace saga::store::sqlite {
namespace {

/// Castagnoli's polynomial, its bits reversed.
constexpr std::uint32_t kPolynomial = 0x82F63B78;
/// Bytes taken at a time. A table for each: a byte at a time costs three times as much.
constexpr std::size_t kStride = 8;

using Tables = std::array<std::array<std::uint32_t, 256>, kStride>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? (sum >> 1) ^ kPolynomial : sum >> 1;
    tables[0][byte] = sum;
  }
  for (std::size_t t = 1; t < kStride; ++t) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[t - 1][byte];
      tables[t][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

#if defined(__x86_64__)
/// The processor has an instruction for this very polynomial. Of `sum` before its last inversion, as it returns it.
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view bytes, std::uint32_t sum) {
  std::uint64_t wide = sum;
  for (; bytes.size() >= sizeof(std::uint64_t); bytes.remove_prefix(sizeof(std::uint64_t))) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    wide = __builtin_ia32_crc32di(wide, eight);
  }
  sum = static_cast<std::uint32_t>(wide);
  for (const char c : bytes) sum = __builtin_ia32_crc32qi(sum, static_cast<unsigned char>(c));
  return sum;
}
#endif

/// Of each number eight bytes, the lowest first, as they stand in memory here.
static_assert(std::endian::native == std::endian::little);
template <std::size_t kNumbers>
std::string_view bytes_of(const std::array<std::int64_t, kNumbers>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), sizeof numbers};
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t sum) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~by_instruction(bytes, ~sum);
#endif
  return crc32c_by_tables(bytes, sum);
}

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t sum) {
  sum = ~sum;
  for (; bytes.size() >= kStride; bytes.remove_prefix(kStride)) {
    sum = kTables[7][byte_at(bytes, 0) ^ (sum & 0xff)] ^ kTables[6][byte_at(bytes, 1) ^ ((sum >> 8) & 0xff)] ^
          kTables[5][byte_at(bytes, 2) ^ ((sum >> 16) & 0xff)] ^ kTables[4][byte_at(bytes, 3) ^ (sum >> 24)] ^
          kTables[3][byte_at(bytes, 4)] ^ kTables[2][byte_at(bytes, 5)] ^ kTables[1][byte_at(bytes, 6)] ^
          kTables[0][byte_at(bytes, 7)];
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) sum = (sum >> 8) ^ kTables[0][(sum ^ byte_at(bytes, i)) & 0xff];
  return ~sum;
}

std::int64_t checksum_of(SagaKey saga, std::span<const Record> events) {
  std::uint32_t sum = crc32c(bytes_of(std::array{saga}));
  for (const Record& event : events) {
    const auto type_size = static_cast<std::int64_t>(event.type.size());  // Where one text ends and the next begins.
    sum = crc32c(bytes_of(std::array{event.seq, event.at.ms, type_size}), sum);
    sum = crc32c(event.data, crc32c(event.type, sum));
  }
  return sum;
}

}  // namespace saga::store::sqlite
