// The bytes of a worker's answer, after two bytes that say how they are cut and what the call was. However they come,
// the same is read; and whatever it is, its meaning is one of the protocol's table.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "tests/fuzz/fuzzing.h"
#include "workers/dispatcher/answer_reader.h"

namespace saga::fuzz {
namespace {

using workers::AnswerContext;
using workers::Answered;
using workers::AnswerReader;
using workers::Outcome;
using workers::Phase;
using workers::Verdict;

constexpr std::size_t kBodyLimit = 1'000;
constexpr std::size_t kHeaderLimit = 2'000;
constexpr Timestamp kNow{1'800'000'000'000};

struct Reading {
  bool complete = false;
  std::optional<Answered> answer;
  bool reusable = false;
};

/// `piece`: the most bytes that come at once.
Reading read(std::string_view bytes, std::size_t piece) {
  AnswerReader reader(kBodyLimit, kHeaderLimit);
  auto state = AnswerReader::State::kReading;
  while (state == AnswerReader::State::kReading && !bytes.empty()) {
    const std::span<char> space = reader.space();
    expect(!space.empty(), "there is room for what comes next");
    const std::size_t count = std::min({bytes.size(), piece, space.size()});
    std::memcpy(space.data(), bytes.data(), count);
    bytes.remove_prefix(count);
    state = reader.received(count);
  }
  Reading read;
  if (state == AnswerReader::State::kNotHttp) {
    expect_message(reader.problem());
    return read;
  }
  read.complete = state == AnswerReader::State::kComplete || reader.ended();
  if (!read.complete) return read;
  read.reusable = reader.connection_reusable();
  (void)reader.kept_alive_for();
  read.answer = reader.take_answer();
  return read;
}

void check_done(const Verdict& verdict, const Answered& answer, const AnswerContext& context) {
  const bool accepted = std::ranges::find(context.accept, answer.status) != context.accept.end();
  expect(accepted || answer.status / 100 == 2, "only 2xx and an accepted status are done");
  expect(!verdict.retryable && verdict.code.empty() && verdict.message.empty(), "what is done has not failed");
  expect(verdict.output != nullptr, "what is done has an output");
  const std::string text = dump_json(*verdict.output);
  const auto back = parse_json(text);
  expect(back && *back == *verdict.output, "an output reads back equal", text);
}

void check_failed(const Verdict& verdict, const Answered& answer, const AnswerContext& context) {
  const int status = answer.status;
  expect(!verdict.code.empty() && verdict.code.size() <= 200, "a failure has a code", verdict.code);
  expect(workers::is_utf8(verdict.code), "a code is UTF-8", verdict.code);
  expect_message(verdict.message);
  expect(verdict.message.size() <= 1'000, "a message is bounded");
  expect(verdict.output == nullptr, "a failure has no output");
  const bool refused = status >= 400 && status <= 499 && status != 408 && status != 425;
  const bool at_work = status == 409 && context.earlier_attempt_unknown;
  expect((verdict.outcome == Outcome::kNotDone) == (refused && !at_work), "only a refusal is known to be not done",
         std::to_string(status));
  if (verdict.retry_after) {
    expect(verdict.retryable, "only what is retried waits for it");
    expect(verdict.retry_after->count() >= 0 && *verdict.retry_after <= std::chrono::hours(1),
           "Retry-After is bounded");
  }
}

void check_meaning(const Answered& answer, const AnswerContext& context) {
  const Verdict verdict = workers::interpret(answer, context, kNow);
  expect(verdict == workers::interpret(answer, context, kNow), "an answer means one thing");
  expect(verdict.http_status == answer.status, "the status is kept");
  switch (verdict.outcome) {
    case Outcome::kDone:
      return check_done(verdict, answer, context);
    case Outcome::kPending:
      return expect(answer.status == 202 && answer.async, "only a 202 with Saga-Async is pending");
    case Outcome::kNotDone:
    case Outcome::kUnknown:
      return check_failed(verdict, answer, context);
    case Outcome::kNotCalled:
      expect(false, "an answer comes of a call");
  }
}

void check(Input input) {
  const std::size_t piece = 1 + input.byte() % 32;
  const std::uint8_t call = input.byte();
  const std::string_view bytes = input.rest();
  const Reading whole = read(bytes, bytes.size() + 1);
  const Reading dripped = read(bytes, piece);
  // Broken bytes may be seen to be so only when more come; good ones are good either way.
  expect(whole.complete == dripped.complete, "an answer is complete or not, however it is cut", bytes);
  if (!whole.complete) return;
  expect(dripped.reusable || !whole.reusable, "a connection is not less fit for use by drips", bytes);
  expect(*whole.answer == *dripped.answer, "the same is read, however it is cut", bytes);
  expect(whole.answer->body.size() <= kBodyLimit, "a body keeps to its limit");
  expect(!whole.answer->body_over_limit || whole.answer->body.empty(), "of a body past its limit nothing is kept");

  const std::vector<int> accept{404, 302};
  const std::vector<std::string> final_codes{"card_declined", "503"};
  AnswerContext context;
  context.phase = (call & 1) != 0 ? Phase::kCompensation : Phase::kAction;
  context.earlier_attempt_unknown = (call & 2) != 0;
  if ((call & 4) != 0) context.accept = accept;
  if ((call & 8) != 0) context.non_retryable = final_codes;
  check_meaning(*whole.answer, context);
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({data, size});
  return 0;
}
