#include "sagactl/render/text.h"

#include <gtest/gtest.h>

#include "sagactl/client/event_stream.h"
#include "sagactl/render/table.h"
#include "sagactl/suggest.h"

namespace saga::ctl {
namespace {

TEST(Text, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Müller"), 6U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);
  EXPECT_EQ(display_width("注文"), 4U);
  EXPECT_EQ(display_width("\xFF\xC3"), 2U) << "broken bytes take one column each";
}

TEST(Text, ElidedTextFitsAndIsMarked) {
  EXPECT_EQ(elide("gateway_down", 12), "gateway_down");
  EXPECT_EQ(elide("gateway_down", 8), "gateway…");
  EXPECT_EQ(elide("注文注文", 6), "注文…");
  EXPECT_EQ(elide("abc", 1), "…");
  EXPECT_EQ(elide("abc", 0), "");
}

TEST(Text, OnlyATerminalPageIsCut) {
  EXPECT_EQ(fit({true, false, 80}, "gateway_down", 5), "gate…");
  EXPECT_EQ(fit({false, false, 80}, "gateway_down", 5), "gateway_down");
}

TEST(Text, WrappingBreaksBetweenWordsAndEndsAfterItsLines) {
  const Page page{true, false, 20};
  EXPECT_EQ(wrap(page, "short", 4, 3), "short");
  EXPECT_EQ(wrap(page, "one two three four five six", 4, 3), "one two three\n    four five six");
  EXPECT_EQ(wrap(page, "one two three four five six seven eight", 4, 2), "one two three\n    four five six s…");
  EXPECT_EQ(wrap(page, "averyveryverylongword and more", 4, 3), "averyveryverylo\n    ngword and more");
  EXPECT_EQ(wrap({false, false, 20}, "one two three four five six", 4, 2), "one two three four five six");
}

TEST(Text, PrintableLeavesNothingThatATerminalObeys) {
  EXPECT_EQ(printable("plain ü 注"), "plain ü 注");
  EXPECT_EQ(printable("a\x1b[31mb\nc\td\x7f"), "a\\x1b[31mb\\nc\\td\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"), "\\x9b");
  EXPECT_EQ(printable("\xE2\x80\xAE"
                      "evil"),
            "\\u202eevil");
  EXPECT_EQ(printable("\xC3("), "\uFFFD(");
}

TEST(Text, DurationsReadAtAGlance) {
  EXPECT_EQ(human_duration(Millis{0}), "0ms");
  EXPECT_EQ(human_duration(Millis{12}), "12ms");
  EXPECT_EQ(human_duration(Millis{6'620}), "6.6s");
  EXPECT_EQ(human_duration(Millis{2'000}), "2.0s");
  EXPECT_EQ(human_duration(Millis{307'000}), "5m07s");
  EXPECT_EQ(human_duration(Millis{8'040'000}), "2h14m");
  EXPECT_EQ(human_duration(Millis{273'600'000}), "3d04h");
  EXPECT_EQ(human_duration(Millis{-5}), "0ms") << "clocks of two machines differ";
}

TEST(Text, TimesSayUtcAndTheDateWhenItIsAnotherDay) {
  const Timestamp now = *parse_time("2026-11-23T03:21:20Z");
  EXPECT_EQ(human_time(*parse_time("2026-11-23T01:07:20.9Z"), now), "01:07:20 UTC");
  EXPECT_EQ(human_time(*parse_time("2026-11-22T23:59:59Z"), now), "2026-11-22 23:59:59 UTC");
}

TEST(Text, ShellQuoteKeepsAWordOneWord) {
  EXPECT_EQ(shell_quote("http://h:1/x"), "http://h:1/x");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(shell_quote("~/t"), "'~/t'");
  EXPECT_EQ(shell_quote(""), "''");
}

TEST(TableTest, ATerminalTableIsAlignedAndCutToItsWidth) {
  Table table({{"ID"}, {"N", true}, {"MESSAGE", false, true}});
  table.add({"a", "5", "short"});
  table.add({"long-id", "1234", "a message that is much too long"});
  EXPECT_EQ(table.render({true, false, 30}),
            "ID          N  MESSAGE\n"
            "a           5  short\n"
            "long-id  1234  a message that…\n");
}

TEST(TableTest, APipeGetsTabsAndWholeText) {
  Table table({{"ID"}, {"MESSAGE", false, true}});
  table.add({"a", "tab\there, and a message that is longer than any terminal is wide"});
  EXPECT_EQ(table.render({false, false, 10}),
            "ID\tMESSAGE\na\ttab\\there, and a message that is longer than any terminal is wide\n");
}

TEST(Suggest, HabitsOfOtherToolsLeadToTheRightWord) {
  EXPECT_EQ(habitual("describe"), "inspect");
  EXPECT_EQ(habitual("history"), "events");
  EXPECT_EQ(habitual("pause"), "suspend");
  EXPECT_EQ(habitual("ps"), "list");
  EXPECT_EQ(habitual("kill"), "terminate");
  EXPECT_EQ(habitual("nonsense"), "");
}

TEST(EventStream, EventsComeWholeFromAnyPieces) {
  const std::string stream =
      ": hello\n\nid: 1\ndata: {\"a\":1}\n\nid: 2\r\ndata: one\r\ndata: two\r\n\r\nretry: 5\n\ndata:last\n\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EventStreamReader reader;
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      EXPECT_TRUE(reader.feed(std::string_view(stream).substr(at, piece), [&](const StreamEvent& event) {
        seen.push_back(event.id + "=" + event.data);
        return true;
      }));
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"1={\"a\":1}", "2=one\ntwo", "2=last"})) << "pieces of " << piece;
  }
}

TEST(EventStream, StopsWhenToldTo) {
  EventStreamReader reader;
  int seen = 0;
  EXPECT_FALSE(reader.feed("data: a\n\ndata: b\n\n", [&](const StreamEvent&) { return ++seen > 1; }));
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace saga::ctl
