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

std::int64_t sum_of(SagaKey saga, const Record& event) { return checksum_of(saga, std::span(&event, 1)); }

TEST(Checksum, IsAnotherForEveryPartOfAnEvent) {
  const Record event = testing::event(3, R"({"step":"pay"})");
  const std::int64_t sum = sum_of(7, event);
  EXPECT_EQ(sum_of(7, event), sum);
  EXPECT_NE(sum_of(8, event), sum);
  Record other = event;
  other.seq = 4;
  EXPECT_NE(sum_of(7, other), sum);
  other = event;
  other.at.ms += 1;
  EXPECT_NE(sum_of(7, other), sum);
  other = event;
  other.type += other.data.front();  // The same letters, cut elsewhere.
  other.data.erase(0, 1);
  EXPECT_NE(sum_of(7, other), sum);
  for (std::size_t i = 0; i < event.data.size() * 8; ++i) {
    other = event;
    other.data[i / 8] = static_cast<char>(other.data[i / 8] ^ (1 << (i % 8)));
    EXPECT_NE(sum_of(7, other), sum) << i;
  }
}

/// What stores hold must not come to be something else.
TEST(Checksum, OfTheEventsOfARowIsThatOfTheirBytesInARow) {
  const std::vector<Record> events{testing::event(3, R"({"step":"pay"})"), testing::event(4)};
  std::string bytes;
  const auto add_number = [&bytes](std::int64_t number) {
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i));
  };
  add_number(7);
  for (const Record& event : events) {
    add_number(event.seq);
    add_number(event.at.ms);
    add_number(static_cast<std::int64_t>(event.type.size()));
    bytes += event.type + event.data;
  }
  EXPECT_EQ(checksum_of(7, events), crc32c_by_tables(bytes));
}

}  // namespace
}  // namespace saga::store::sqlite
