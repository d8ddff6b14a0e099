#include "store/sqlite/journal_text.h"

#include <random>

#include "tests/store/sagas.h"

namespace saga::store::sqlite {
namespace {

using testing::event;

std::string text_of(const std::vector<Record>& events) {
  std::string text = "what was there before";
  write_journal_text(text, events);
  return text;
}

TEST(JournalText, IsJsonThatNamesEachEvent) {
  EXPECT_EQ(text_of({event(1, R"({"step":"pay"})")}), R"([[1795435200001,"step_completed",{"step":"pay"}]])");
  EXPECT_EQ(text_of({event(8), event(9)}),
            R"([[1795435200008,"step_completed",{}],[1795435200009,"step_completed",{}]])");
}

TEST(JournalText, IsReadBackToTheByte) {
  const std::vector<Record> events{
      event(5, R"({"text":"a \\\" } ] , { [ and \\\\"})"),
      event(6, "{ \"spread\" :\n [ {\"deep\": {}} , \"]]\" ] }"),
      Record{7, {-1}, "x", R"({"ü":"\u0000"})"},
  };
  const auto read = read_journal_text(text_of(events), 7);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, events);
}

TEST(JournalText, WhatIsNoneIsNotRead) {
  const std::string whole = text_of({event(1, R"({"a":"b"})"), event(2)});
  ASSERT_TRUE(read_journal_text(whole, 2));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_journal_text(whole.substr(0, size), 2)) << size;
  EXPECT_FALSE(read_journal_text(whole + " ", 2));
  EXPECT_FALSE(read_journal_text(whole, 1)) << "two events, and the second is the first";
  for (const char* const other : {"[]", "{}", "[[1,\"x\",7]]", "[[1,\"x\",[]]]", "[[\"1\",\"x\",{}]]", "[[1,x,{}]]",
                                  "[[1,\"x\",{}],]", "[[1,\"x\",{}}]]", "[[1,\"x\",{\"]]", "[[1,\"x\",{\\"}) {
    EXPECT_FALSE(read_journal_text(other, 9)) << other;
  }
}

/// Whatever becomes of a text, reading it ends, and gives no more events than numbers.
TEST(JournalText, DamageDoesNoHarm) {
  const auto seed = static_cast<std::uint32_t>(std::random_device{}());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string whole = text_of({event(1, R"({"a":"b\\\"c","d":{"e":[]}})"), event(2), event(3, R"({"f":null})")});
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = whole;
    for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto events = read_journal_text(damaged, 3);
    if (!events) continue;
    ++read;
    ASSERT_LE(events->size(), 3U);
    EXPECT_EQ(events->back().seq, 3);
  }
  EXPECT_GT(read, 0) << "letters inside of texts may be any";
}

}  // namespace
}  // namespace saga::store::sqlite
