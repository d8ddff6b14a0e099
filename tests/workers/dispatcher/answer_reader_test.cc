#include "workers/dispatcher/answer_reader.h"

#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <algorithm>
#include <cstring>

namespace saga::workers {
namespace {

using State = AnswerReader::State;
constexpr std::size_t kBodyLimit = 1 << 20, kHeaderLimit = 64 << 10;

/// Feeds `bytes` in pieces of at most `piece`, until the reader wants no more.
State feed(AnswerReader& reader, std::string_view bytes, std::size_t piece = 1 << 20) {
  State state = State::kReading;
  while (!bytes.empty() && state == State::kReading) {
    const auto space = reader.space();
    const std::size_t count = std::min({piece, space.size(), bytes.size()});
    std::memcpy(space.data(), bytes.data(), count);
    bytes.remove_prefix(count);
    state = reader.received(count);
  }
  return state;
}

struct Case {
  std::string bytes;
  bool until_end;
  int status;
  std::string body;
  bool reusable;
};

const Case kCases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", true},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", false, 200, "", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 200, "", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\n\r\n", false, 200, "hello!",
     true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Type: text/plain\r\n\r\n", false, 200, "",
     true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\nok", false, 200, "ok", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", true},
    {"HTTP/1.1 500 Oh\r\n\r\nuntil the end", true, 500, "until the end", false},
    {"HTTP/1.1 200 OK\r\n\r\n", true, 200, "", false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 422 No\r\nContent-Length: "
     "1\r\n\r\nn",
     false, 422, "n", true},
};

TEST(AnswerReader, ReadsEveryFramingHoweverItIsCut) {
  for (const Case& expected : kCases) {
    for (std::size_t piece = 1; piece <= expected.bytes.size(); ++piece) {
      SCOPED_TRACE(expected.bytes + " in pieces of " + std::to_string(piece));
      AnswerReader reader(kBodyLimit, kHeaderLimit);
      EXPECT_EQ(feed(reader, expected.bytes, piece), expected.until_end ? State::kReading : State::kComplete);
      EXPECT_EQ(expected.until_end && !reader.ended(), false);
      EXPECT_EQ(reader.connection_reusable(), expected.reusable);
      const Answered answer = reader.take_answer();
      EXPECT_EQ(answer.status, expected.status);
      EXPECT_EQ(answer.body, expected.body);
      EXPECT_EQ(answer.content_type, "");
    }
  }
}

TEST(AnswerReader, IsNotCompletedByAnEndInTheMiddle) {
  for (const Case& whole : kCases) {
    const std::size_t end = whole.until_end ? whole.bytes.find("\r\n\r\n") + 4 : whole.bytes.size();
    for (std::size_t cut = 0; cut < end; ++cut) {
      AnswerReader reader(kBodyLimit, kHeaderLimit);
      ASSERT_EQ(feed(reader, whole.bytes.substr(0, cut)), State::kReading) << whole.bytes.substr(0, cut);
      EXPECT_FALSE(reader.ended()) << whole.bytes.substr(0, cut);
    }
  }
}

TEST(AnswerReader, KeepsTheHeadersTheProtocolReads) {
  AnswerReader reader(kBodyLimit, kHeaderLimit);
  ASSERT_EQ(feed(reader,
                 "HTTP/1.1 202 OK\r\ncontent-type: application/json;  charset=utf-8\r\nSAGA-ASYNC: TRUE\r\n"
                 "retry-after:   5  \r\nKeep-Alive: max=3, Timeout=15\r\nContent-Length: 0\r\n\r\n"),
            State::kComplete);
  EXPECT_EQ(reader.kept_alive_for(), std::chrono::seconds(15));
  const Answered answer = reader.take_answer();
  EXPECT_EQ(answer.content_type, "application/json;  charset=utf-8");
  EXPECT_EQ(answer.retry_after, "5");
  EXPECT_TRUE(answer.async);
}

TEST(AnswerReader, TakesNoOtherValueForSagaAsync) {
  AnswerReader reader(kBodyLimit, kHeaderLimit);
  ASSERT_EQ(feed(reader, "HTTP/1.1 202 OK\r\nSaga-Async: 1\r\nKeep-Alive: timeout=x\r\nContent-Length: 0\r\n\r\n"),
            State::kComplete);
  EXPECT_FALSE(reader.take_answer().async);
  EXPECT_EQ(reader.kept_alive_for(), std::nullopt);
}

TEST(AnswerReader, LeavesNoConnectionInUseWithBytesOfNobody) {
  AnswerReader reader(kBodyLimit, kHeaderLimit);
  EXPECT_EQ(feed(reader, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"), State::kComplete);
  EXPECT_FALSE(reader.connection_reusable());
  EXPECT_EQ(reader.take_answer().body, "ok");
}

TEST(AnswerReader, BoundsTheBodyExactly) {
  const std::string fits(1'000, 'x'), over(1'001, 'x');
  for (const bool chunked : {false, true}) {
    const auto answer = [&](const std::string& body) {
      return chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" + body.substr(0, 1) + "\r\n" +
                           (body.size() == 1'000 ? "3e7" : "3e8") + "\r\n" + body.substr(1) + "\r\n0\r\n\r\n"
                     : "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    AnswerReader good(1'000, kHeaderLimit), bad(1'000, kHeaderLimit);
    EXPECT_EQ(feed(good, answer(fits)), State::kComplete);
    EXPECT_EQ(good.take_answer().body, fits);
    EXPECT_EQ(feed(bad, answer(over)), State::kComplete);
    EXPECT_FALSE(bad.connection_reusable());
    const Answered answered = bad.take_answer();
    EXPECT_TRUE(answered.body_over_limit);
    EXPECT_EQ(answered.body, "");
    EXPECT_EQ(answered.status, 200);
  }
}

TEST(AnswerReader, SeesAtTheFirstByteWhatIsNotHttp) {
  for (const char* bytes : {"x", "HTTP/2", "http/1.1 200 OK", "\r\n"}) {
    AnswerReader reader(kBodyLimit, kHeaderLimit);
    EXPECT_EQ(feed(reader, bytes, 1), State::kNotHttp) << bytes;
    EXPECT_EQ(reader.problem(), "it is not HTTP/1");
  }
}

TEST(AnswerReader, BoundsTheHeader) {
  std::string header = "HTTP/1.1 200 OK\r\n";
  while (header.size() < 3'000) header += "A: b\r\n";
  for (const std::size_t piece : {1, 7, 5'000}) {
    AnswerReader fits(kBodyLimit, 4'000), over(kBodyLimit, 2'000);
    EXPECT_EQ(feed(fits, header + "Content-Length: 0\r\n\r\n", piece), State::kComplete);
    EXPECT_EQ(feed(over, header, piece), State::kNotHttp);
    EXPECT_FALSE(over.problem().empty());
  }
}

RC_GTEST_PROP(AnswerReaderProperty, ReadsTheSameInWhateverPieces,
              (std::vector<std::uint8_t> noise, std::uint8_t which)) {
  // A good answer with some bytes changed: whatever it is now, the cuts must not matter, and nothing may break.
  std::string bytes = kCases[which % std::size(kCases)].bytes;
  for (std::size_t i = 0; i + 1 < noise.size() && i < 6; i += 2)
    bytes[noise[i] % bytes.size()] = static_cast<char>(noise[i + 1]);
  AnswerReader whole(kBodyLimit, kHeaderLimit), cut(kBodyLimit, kHeaderLimit);
  const State state = feed(whole, bytes), state_of_cut = feed(cut, bytes, *rc::gen::inRange<std::size_t>(1, 9));
  // Broken bytes may be seen to be so only when more come; good ones are good either way.
  RC_ASSERT((state == State::kComplete) == (state_of_cut == State::kComplete));
  if (state != State::kComplete) return;
  const Answered one = whole.take_answer(), other = cut.take_answer();
  RC_ASSERT(one == other);
}

}  // namespace
}  // namespace saga::workers
