#include "base/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace saga {
namespace {

TEST(ParseJson, KeepsIntegersExact) {
  const auto value =
      parse_json(R"({"big": 9223372036854775807, "huge": 18446744073709551615, "low": -9223372036854775808})");
  ASSERT_TRUE(value);
  EXPECT_EQ(dump_json(*value), R"({"big":9223372036854775807,"huge":18446744073709551615,"low":-9223372036854775808})");
}

TEST(ParseJson, BuildsNestedValues) {
  const std::string text = R"({"a":[1,[2,{"b":null}],"x"],"c":{"d":true}})";
  const auto value = parse_json(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(dump_json(*value), text);
}

TEST(ParseJson, RefusesARepeatedKeyAndSaysWhere) {
  const auto value = parse_json("{\"id\": 1,\n \"id\": 2}");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "key 'id' is there twice");
  EXPECT_EQ(value.error().position.line, 2U);
}

TEST(ParseJson, CutsALongRepeatedKeyBetweenCharacters) {
  const std::string front(63, 'a');
  const std::string key = "\"" + front + "\u00e9\":1";
  EXPECT_EQ(parse_json("{" + key + "," + key + "}").error().message, "key '" + front + "' is there twice");
}

TEST(ParseJson, RefusesDepthBeyondTheLimitWithoutRecursing) {
  const std::string fits = std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']');
  EXPECT_TRUE(parse_json(fits));
  const std::string deep(100'000, '[');
  const auto value = parse_json(deep);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message, "nested deeper than 64 levels");
}

TEST(ParseJson, RefusesBrokenText) {
  for (const char* text : {"", "{", "{]", "[1,]", "nul", "1 2", "\"\xff\"", "{'a':1}", "NaN"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(ParseJson, SaysWhatIsWrongInPlainCharactersWhateverTheTextHolds) {
  for (const char* text : {"\"a\xff\xfe\"", "{\"k\xc3\": 1}", "\xe2\x82", "[\"\xc3\xbc\" x]"}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    for (const char c : value.error().message) EXPECT_GE(c, ' ') << value.error().message;
  }
}

bool same_types(const Json& a, const Json& b) {
  if (a.type() != b.type() || a.size() != b.size()) return false;
  if (!a.is_structured()) return true;
  return std::equal(a.begin(), a.end(), b.begin(), same_types);
}

/// The library's reader, which is not as strict; the texts below have no key twice and are not deep.
void expect_read_as_the_library_does(const std::string& text) {
  const auto ours = parse_json(text);
  const Json theirs = Json::parse(text, nullptr, false);
  ASSERT_EQ(ours.has_value(), !theirs.is_discarded()) << text;
  if (!ours) return;
  EXPECT_EQ(*ours, theirs) << text;
  EXPECT_TRUE(same_types(*ours, theirs)) << text;
}

TEST(ParseJson, ReadsWhatTheLibraryReads) {
  for (const char* const text : {"",
                                 " ",
                                 "0",
                                 "-0",
                                 "-",
                                 "00",
                                 "01",
                                 "-01",
                                 "1.5",
                                 "1e3",
                                 "-2E-1",
                                 "1.",
                                 "999999999999999999",
                                 "9999999999999999999",
                                 "-999999999999999999",
                                 "-9223372036854775808",
                                 "9223372036854775807",
                                 "18446744073709551615",
                                 "18446744073709551616",
                                 "true",
                                 "tru",
                                 "truefalse",
                                 "null",
                                 "nul",
                                 "\"\"",
                                 "\"a\\n\"",
                                 "\"\\u00e9\"",
                                 "\"\xc3\xa9\"",
                                 "\"\xc3\"",
                                 "\"\t\"",
                                 "[]",
                                 "[ ]",
                                 "[1,]",
                                 "[,1]",
                                 "[1 2]",
                                 "[1,2]x",
                                 "{}",
                                 "{ }",
                                 "{,}",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "{\"a\":}",
                                 "{a:1}",
                                 " { \"a\" : [ true , null , { } ] , \"b\" : -7 } \r\n\t",
                                 "\xef\xbb\xbf{}"})
    expect_read_as_the_library_does(text);
}

TEST(ParseJson, ReadsWhatTheLibraryReadsOfAnyText) {
  constexpr std::string_view kPieces[] = {"{", "}",  "[",  "]",        ",",           ":",   "\"a\"", "\"",    "b",
                                          "1", "-",  "0",  "27",       ".",           "e",   "true",  "false", "null",
                                          " ", "\n", "\\", "\xc3\xa9", "\"\\u0041\"", "[1]", "{}"};
  std::mt19937 random(7);
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (auto left = random() % 9; left-- > 0;) text += kPieces[random() % std::size(kPieces)];
    if (text.find(R"("a")") != text.rfind(R"("a")")) continue;  // Twice may be a key twice.
    expect_read_as_the_library_does(text);
    if (HasFatalFailure()) return;
  }
}

TEST(DumpJson, WritesWhatTheLibraryWrites) {
  Json values = {nullptr,
                 true,
                 false,
                 0,
                 -1,
                 0.1,
                 1.0,
                 1e300,
                 -2.5e-9,
                 9007199254740993,
                 18446744073709551615ULL,
                 "",
                 Json::object(),
                 Json::array(),
                 {{"", {{"a", {1, {}, {{"b", Json::array()}}}}}}, {"\u00e9", "\u20ac"}}};
  values.push_back(std::numeric_limits<std::int64_t>::min());
  values.push_back(std::numeric_limits<double>::infinity());
  values.push_back("no \xff utf-8");
  for (int c = 0; c < 256; ++c) values.push_back(std::string("<") + static_cast<char>(c) + ">\"\\");
  const auto by_library = [](const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); };
  for (const Json& value : values) EXPECT_EQ(dump_json(value), by_library(value));
  EXPECT_EQ(dump_json(values), by_library(values));
}

// Plain characters are looked at eight at a time: one that is not plain is found wherever it stands.
TEST(DumpJson, FindsWhatIsToBeEscapedAtEveryPlace) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 128; ++c) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        const std::string by_library = Json(text).dump();
        EXPECT_EQ(dump_json(Json(text)), by_library);
        EXPECT_EQ(json_string(text), by_library);
      }
      const std::string longer = std::string(at, 'a') + "\u00e9" + std::string(size - at, 'b');
      EXPECT_EQ(dump_json(Json(longer)), Json(longer).dump());
      EXPECT_EQ(json_string(longer), Json(longer).dump());
    }
  }
}

TEST(JsonString, EscapesWhatJsonWantsEscaped) {
  const std::string out = json_string("a\"b\\c\n\t\x01ü");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\t\\u0001ü\"");
  EXPECT_EQ(*parse_json(out), Json("a\"b\\c\n\t\x01ü"));
}

}  // namespace
}  // namespace saga
