#include "base/uuid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace saga {
namespace {

TEST(Uuid, HasItsTimeThenTheVersionTheVariantAndWhatIsRandom) {
  EXPECT_EQ(uuid_v7(Timestamp{0x0123456789AB}, {0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5, 6}),
            "01234567-89ab-7fff-bfff-010203040506");
}

TEST(Uuid, SortsByTimeAndIsNeverMadeTwice) {
  const std::string early = make_uuid_v7(Timestamp{1'700'000'000'000});
  const std::string late = make_uuid_v7(Timestamp{1'700'000'000'001});
  EXPECT_THAT(early, ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_LT(early.substr(0, 13), late.substr(0, 13));
  std::set<std::string> many;
  for (int i = 0; i < 1'000; ++i) many.insert(make_uuid_v7(Timestamp{1}));
  EXPECT_EQ(many.size(), 1'000U);
}

}  // namespace
}  // namespace saga
