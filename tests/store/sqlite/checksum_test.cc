#include "store/sqlite/checksum.h"

#include "tests/store/sagas.h"

namespace saga::store::sqlite {
namespace {

TEST(Checksum, IsCrc32cInWhateverPieces) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);  // The check value of the polynomial.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(""), 0U);
  const std::string text = "an event of a saga, long enough for several strides";
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text)) << cut;
}

TEST(Checksum, IsTheSameWithAndWithoutTheProcessorsInstruction) {
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(crc32c(bytes), crc32c_by_tables(bytes)) << i;
    EXPECT_EQ(crc32c(bytes, 0x12345678), crc32c_by_tables(bytes, 0x12345678)) << i;
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Checksum, IsAnotherForEveryPartOfAnEvent) {
  const Record event = testing::event(3, R"({"step":"pay"})");
  const std::int64_t sum = checksum_of(7, event);
  EXPECT_EQ(checksum_of(7, event), sum);
  EXPECT_NE(checksum_of(8, event), sum);
  Record other = event;
  other.seq = 4;
  EXPECT_NE(checksum_of(7, other), sum);
  other = event;
  other.at.ms += 1;
  EXPECT_NE(checksum_of(7, other), sum);
  other = event;
  other.type += other.data.front();  // The same letters, cut elsewhere.
  other.data.erase(0, 1);
  EXPECT_NE(checksum_of(7, other), sum);
  for (std::size_t i = 0; i < event.data.size() * 8; ++i) {
    other = event;
    other.data[i / 8] = static_cast<char>(other.data[i / 8] ^ (1 << (i % 8)));
    EXPECT_NE(checksum_of(7, other), sum) << i;
  }
}

}  // namespace
}  // namespace saga::store::sqlite
