#include "workers/protocol/retry_after.h"

#include <gtest/gtest.h>

namespace saga::workers {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// 1994-11-06T08:49:30Z, seven seconds before the date that HTTP's examples use.
constexpr Timestamp kNow{784'111'770'000};

TEST(ParseRetryAfter, ReadsSecondsUpToAnHour) {
  EXPECT_EQ(parse_retry_after("0", kNow), Millis(0));
  EXPECT_EQ(parse_retry_after(" 120 ", kNow), seconds(120));
  EXPECT_EQ(parse_retry_after("3600", kNow), hours(1));
  EXPECT_EQ(parse_retry_after("3601", kNow), hours(1));
  EXPECT_EQ(parse_retry_after("99999999999999999999999", kNow), hours(1));
}

TEST(ParseRetryAfter, ReadsTheThreeDateFormats) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), seconds(7));
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:49:37 GMT", kNow), seconds(7));
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:49:37 1994", kNow), seconds(7));
  EXPECT_EQ(parse_retry_after("Tue, 06 Dec 1994 08:49:37 GMT", kNow), hours(1));
}

TEST(ParseRetryAfter, TakesATwoDigitYearFarAheadForThePast) {
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-44 08:49:37 GMT", kNow), hours(1));
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-45 08:49:37 GMT", kNow), std::nullopt);
}

TEST(ParseRetryAfter, IgnoresWhatHasPassedAndWhatIsNeither) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:29 GMT", kNow), std::nullopt);
  for (const char* text :
       {"", "-5", "1.5", "soon", "10 s", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 31 Feb 1995 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, xx Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 0x:49:37 GMT"}) {
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace saga::workers
