#include "base/time.h"

#include <gtest/gtest.h>

namespace saga {
namespace {

TEST(Duration, ReadsEveryUnitAndSums) {
  EXPECT_EQ(parse_duration("250ms"), Millis{250});
  EXPECT_EQ(parse_duration("2s"), Millis{2'000});
  EXPECT_EQ(parse_duration("5m"), Millis{300'000});
  EXPECT_EQ(parse_duration("24h"), Millis{86'400'000});
  EXPECT_EQ(parse_duration("30d"), Millis{30LL * 86'400'000});
  EXPECT_EQ(parse_duration("1h30m"), Millis{5'400'000});
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "5", "s", "-5s", "5 s", "1m1h", "1s1s", "5S", "1.5s", "0s", "4000d", "99999999999999999999s"}) {
    const auto read = parse_duration(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_NE(read.error().message.find(text), std::string::npos);
  }
}

TEST(Duration, CutsALongTextBetweenCharacters) {
  const std::string front(63, 'a');
  EXPECT_EQ(parse_duration(front + "\u00e9").error().message.substr(0, 67), "'" + front + "' i");
  EXPECT_EQ(parse_time(front + "\u00e9").error().message.substr(0, 67), "'" + front + "' i");
}

TEST(Duration, FormatIsReadBack) {
  for (const std::int64_t ms : {1LL, 999LL, 1'000LL, 5'400'000LL, 90'061'001LL}) {
    EXPECT_EQ(parse_duration(format_duration(Millis{ms})), Millis{ms});
  }
  EXPECT_EQ(format_duration(Millis{5'400'000}), "1h30m");
}

TEST(Time, FormatAndParseAgree) {
  const Timestamp time{1795409687123};
  EXPECT_EQ(format_time(time), "2026-11-23T04:54:47.123Z");
  EXPECT_EQ(parse_time("2026-11-23T04:54:47.123Z"), time);
  EXPECT_EQ(parse_time("2026-11-23T05:54:47.123+01:00"), time);
  EXPECT_EQ(parse_time("2026-11-23T04:54:47.123999Z"), time);
}

TEST(Time, EveryPlaceOfATimeIsWritten) {
  EXPECT_EQ(format_time(Timestamp{0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(Timestamp{-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(Timestamp{951'827'696'007}), "2000-02-29T12:34:56.007Z");
  EXPECT_EQ(format_time(Timestamp{253'402'300'799'999}), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(Timestamp{-62'167'219'200'000}), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(Timestamp{253'402'300'800'000}), "year 10000");
  for (std::int64_t ms = 1; ms < 4'000'000'000'000; ms = ms * 7 + 13) {
    EXPECT_EQ(parse_time(format_time(Timestamp{ms})), Timestamp{ms});
  }
}

TEST(Time, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "now", "2026-11-23", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T04:54:47",
        "2026-11-23T24:00:00Z", "2026-11-23T04:54:47.Z", "2026-11-23T04:54:47Zx"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(SystemClock, NeverRunsBackwards) {
  const SystemClock clock;
  Timestamp before = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Timestamp after = clock.now();
    ASSERT_GE(after, before);
    before = after;
  }
}

}  // namespace
}  // namespace saga
