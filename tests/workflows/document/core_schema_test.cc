#include "workflows/document/core_schema.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace saga::workflows {
namespace {

struct Case {
  const char* text;
  Json value;
};

TEST(CoreSchema, ReadsWhatYaml12CallsNullBooleansAndNumbers) {
  const Case cases[] = {
      {"", nullptr},
      {"~", nullptr},
      {"null", nullptr},
      {"Null", nullptr},
      {"NULL", nullptr},
      {"true", true},
      {"True", true},
      {"TRUE", true},
      {"false", false},
      {"False", false},
      {"FALSE", false},
      {"0", 0},
      {"-0", 0},
      {"+12", 12},
      {"-12", -12},
      {"017", 17},
      {"0o17", 15},
      {"0xFf", 255},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
      {"1.5", 1.5},
      {"-.5", -0.5},
      {"1.", 1.0},
      {"+2e3", 2000.0},
      {"1E-2", 0.01},
      {"1e-999", 0.0},
  };
  for (const Case& c : cases) {
    const auto value = resolve_plain_scalar(c.text);
    ASSERT_TRUE(value) << c.text;
    EXPECT_EQ(*value, c.value) << c.text;
    EXPECT_EQ(value->is_number_float(), c.value.is_number_float()) << c.text;
  }
}

TEST(CoreSchema, LeavesEverythingElseAText) {
  for (const char* text : {"no",  "yes", "on",  "off", "y",   "N",    "nUll",  "tRUE", "12:30", "2026-11-23", "1_000",
                           "0b1", "0o8", "0xG", "0o",  "0x",  "-0x1", "1.2.3", ".",    "-",     "+",          "e5",
                           "1e",  "1e+", "- 1", "1 ",  ".in", "inf",  "nan",   "<<",   "5s"}) {
    const auto value = resolve_plain_scalar(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(*value, Json(text)) << text;
  }
}

TEST(CoreSchema, RefusesNumbersThatJsonOr64BitsCannotHold) {
  for (const char* text : {".inf", "-.Inf", "+.INF", ".nan", ".NaN", ".NAN"}) {
    const auto value = resolve_plain_scalar(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().message,
              "'" + std::string(text) + "' is no number in JSON: write it in quotes if it is a text");
  }
  for (const char* text :
       {"18446744073709551616", "-9223372036854775809", "0x10000000000000000", "99999999999999999999999"}) {
    const auto value = resolve_plain_scalar(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().message,
              "'" + std::string(text) + "' does not fit in 64 bits: write it in quotes to keep it as a text");
  }
  EXPECT_EQ(resolve_plain_scalar("-1e999").error().message, "'-1e999' is larger than any number a double holds");
}

}  // namespace
}  // namespace saga::workflows
