#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace saga {
namespace {

TEST(Bytes, AsHexTwoDigitsEach) {
  std::string text = "00-";
  append_hex(text, std::array<unsigned char, 4>{0x00, 0x0f, 0xa0, 0xff});
  EXPECT_EQ(text, "00-000fa0ff");
}

TEST(Bytes, RandomOnesFillTheWholeAndAreNotTheSameTwice) {
  std::array<unsigned char, 256> first{};
  std::array<unsigned char, 256> second{};
  fill_random(first);
  fill_random(second);
  EXPECT_NE(first, second);
  // The last eight left as they were would be a chance of one in 2^64.
  EXPECT_NE(std::string(first.end() - 8, first.end()), std::string(8, '\0'));
}

}  // namespace
}  // namespace saga
