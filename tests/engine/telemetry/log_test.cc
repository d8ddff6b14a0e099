#include "engine/telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/json.h"

namespace saga::telemetry {
namespace {

constexpr Timestamp kAt{1'800'000'000'123};

TEST(Log, ATextLineHasKeysAndValues) {
  EXPECT_EQ(
      format_log_line(LogFormat::kText, kAt, LogLevel::kWarn, "saga_failed", {{"saga_id", "order-42"}, {"attempt", 3}}),
      "2027-01-15T08:00:00.123Z warn saga_failed saga_id=order-42 attempt=3");
}

TEST(Log, AValueThatCouldBeMistakenIsQuoted) {
  EXPECT_EQ(format_log_line(LogFormat::kText, kAt, LogLevel::kInfo, "x", {{"a", "b c"}, {"d", ""}, {"e", "f=\"g\"\n"}}),
            R"(2027-01-15T08:00:00.123Z info x a="b c" d="" e="f=\"g\"\n")");
}

TEST(Log, AJsonLineIsOneObject) {
  const std::string line =
      format_log_line(LogFormat::kJson, kAt, LogLevel::kError, "store_problem", {{"problem", "a\n\"b\""}, {"n", 5}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(Json::parse(line), (Json{{"time", "2027-01-15T08:00:00.123Z"},
                                     {"level", "error"},
                                     {"event", "store_problem"},
                                     {"problem", "a\n\"b\""},
                                     {"n", 5}}));
}

TEST(Log, WritesFromItsLevelOn) {
  std::vector<std::string> lines;
  Log log(LogFormat::kText, LogLevel::kWarn, [&](std::string_view line) { lines.emplace_back(line); });
  log.debug("a", {});
  log.info("b", {});
  log.warn("c", {});
  log.error("d", {});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].ends_with("warn c"));
  EXPECT_TRUE(lines[1].ends_with("error d"));
}

TEST(Log, KnowsItsNames) {
  EXPECT_EQ(log_level_from("debug"), LogLevel::kDebug);
  EXPECT_EQ(log_level_from("error"), LogLevel::kError);
  EXPECT_EQ(log_level_from("loud"), std::nullopt);
  EXPECT_EQ(log_format_from("json"), LogFormat::kJson);
  EXPECT_EQ(log_format_from("xml"), std::nullopt);
}

}  // namespace
}  // namespace saga::telemetry
