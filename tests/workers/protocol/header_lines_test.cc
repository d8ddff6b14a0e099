#include "workers/protocol/header_lines.h"

#include <gtest/gtest.h>

#include "workers/protocol/protocol.h"

namespace saga::workers {
namespace {

TEST(HeaderLines, AreALineEachInTheOrderTheyCame) {
  HeaderLines lines;
  EXPECT_EQ(lines.text(), "");
  lines.add_protocol(kSagaWorkflow, {"order-saga", "/", "2"});
  EXPECT_FALSE(lines.has_others());
  lines.add("X-Tier", "gold");
  lines.add_protocol(kSagaId, {"order-42"});
  lines.add("X-Empty", "");
  EXPECT_TRUE(lines.has_others());
  EXPECT_EQ(lines.text(), "Saga-Workflow: order-saga/2\r\nX-Tier: gold\r\nSaga-Id: order-42\r\nX-Empty: \r\n");
}

TEST(HeaderLines, AreFoundInWhateverCaseTheFirstOfAName) {
  const HeaderLines lines = {{"X-Tier", "gold: 1"}, {"Host", ""}, {"x-tier", "silver"}};
  EXPECT_EQ(lines.find("x-TIER"), "gold: 1");
  EXPECT_EQ(lines.find("host"), "");
  EXPECT_EQ(lines.find("X-Tie"), std::nullopt);
  EXPECT_EQ(lines.find(""), std::nullopt);
  EXPECT_EQ(HeaderLines().find("Host"), std::nullopt);
}

TEST(HeaderLines, StayOneLineEachWhateverTheyAreMadeOf) {
  HeaderLines lines = {{"Na me:\r\n", "a\r\nInjected: yes\r\n\r\nGET / HTTP/1.1"}, {"\r\n", "gone"}, {"", "gone"}};
  EXPECT_EQ(lines.text(), "Name: a  Injected: yes    GET / HTTP/1.1\r\n");
  lines.add_protocol(kSagaId, {std::string_view("a\0b", 3), "\x7f", "c"});
  EXPECT_EQ(lines.find(kSagaId), "a b c");
}

TEST(HeaderLines, LeaveTheFramingOfTheMessageToItsSender) {
  const HeaderLines lines = {
      {"connection", "close"},    {"Content-Length", "9"},    {"TE", "trailers"}, {"Conn ection", "close"},
      {"Transfer-Encoding", "x"}, {"Expect", "100-continue"}, {"Upgrade", "h2c"}, {"Trailer", "X"}};
  EXPECT_EQ(lines.text(), "");
  EXPECT_FALSE(lines.has_others());
}

}  // namespace
}  // namespace saga::workers
