#include "workers/protocol/text.h"

#include <gtest/gtest.h>

namespace saga::workers {
namespace {

TEST(IsUtf8, TakesWellFormedTextOnly) {
  for (const char* good : {"", "a", "ü", "€", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE2\x82", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(BoundedUtf8, CutsAtACharacterAndReplacesWhatIsMalformed) {
  EXPECT_EQ(bounded_utf8("grüß", 100), "grüß");
  EXPECT_EQ(bounded_utf8("grüß", 3), "gr");
  EXPECT_EQ(bounded_utf8("grüß", 4), "grü");
  EXPECT_EQ(bounded_utf8("a\xFF"
                         "b",
                         100),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(bounded_utf8("\xFF", 2), "");
}

TEST(Trim, DropsBlanksAround) {
  EXPECT_EQ(trim(" \t\r\na b\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(EqualIgnoringCase, FoldsAsciiLettersOnly) {
  EXPECT_TRUE(equal_ignoring_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("Ü", "ü"));
}

}  // namespace
}  // namespace saga::workers
