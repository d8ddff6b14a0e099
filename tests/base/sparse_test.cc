#include "base/sparse.h"

#include <gtest/gtest.h>

#include <string>

namespace saga {
namespace {

using Text = Sparse<std::string>;

TEST(Sparse, EmptyTakesAPointersRoom) {
  EXPECT_EQ(sizeof(Text), sizeof(void*));
  EXPECT_FALSE(Text().has_value());
  EXPECT_FALSE(Text(std::nullopt));
}

TEST(Sparse, HoldsWhatItIsGiven) {
  Text text = std::string("declined");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "declined");
  EXPECT_EQ(text->size(), 8U);
  text = std::string("paid");
  EXPECT_EQ(*text, "paid");
  text.reset();
  EXPECT_FALSE(text);
}

TEST(Sparse, ACopyHasAValueOfItsOwn) {
  const Text first = std::string("declined");
  Text second = first;
  *second += " twice";
  EXPECT_EQ(*first, "declined");
  EXPECT_EQ(*second, "declined twice");
  Text third;
  third = first;
  EXPECT_NE(&*third, &*first);
  third = Text();
  EXPECT_FALSE(third);
}

TEST(Sparse, AssignedToItselfItStays) {
  Text text = std::string("declined");
  const Text& same = text;
  text = same;
  EXPECT_EQ(*text, "declined");
}

TEST(Sparse, AMovedOneIsEmpty) {
  Text first = std::string("declined");
  const Text second = std::move(first);
  EXPECT_EQ(*second, "declined");
  EXPECT_FALSE(first);  // NOLINT: that is what is looked at.
}

TEST(Sparse, EqualWhereTheValuesAre) {
  EXPECT_EQ(Text(), Text());
  EXPECT_EQ(Text(std::string("a")), Text(std::string("a")));
  EXPECT_NE(Text(std::string("a")), Text(std::string("b")));
  EXPECT_NE(Text(std::string("a")), Text());
}

}  // namespace
}  // namespace saga
