#include "store/sqlite/tag_text.h"

#include "tests/store/sagas.h"

namespace saga::store::sqlite {
namespace {

TEST(TagText, IsReadBackInOrder) {
  const Tags tags{{"z", "1"}, {"a", ""}, {"quote\"", "line\nbreak"}, {"ü", "日本"}};
  EXPECT_EQ(tags_from_text(tags_to_text(tags)), tags);
  EXPECT_EQ(tags_to_text({{"a", "b"}}), R"([["a","b"]])");
  EXPECT_EQ(tags_from_text("[]"), Tags{});
}

TEST(TagText, WhatDoesNotFitIsCorruption) {
  for (const char* text : {"", "{}", "[1]", R"([["a"]])", R"([["a",1]])", R"([["a","b"]] x)"}) {
    EXPECT_THAT(tags_from_text(text), testing::FailsWith(ErrorCode::kCorruption)) << text;
  }
}

}  // namespace
}  // namespace saga::store::sqlite
