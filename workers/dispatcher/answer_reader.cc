#include "workers/dispatcher/answer_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "workers/protocol/text.h"

namespace saga::workers {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kFirstSpace = 4'096;
constexpr std::size_t kMostSpace = 64 << 10;  ///< A large body is read in pieces of this size.
constexpr std::string_view kStart = "HTTP/1.";
/// No chunked body ends in fewer bytes than "0\r\n\r\n". Boost 1.74's parser aborts when it is shown fewer of them
/// twice, which any worker that sends an empty chunked body in drips would bring about.
constexpr std::size_t kLastChunk = 5;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::optional<std::chrono::seconds> keep_alive_timeout(std::string_view value) {
  for (std::size_t from = 0; from < value.size();) {
    const auto end = std::min(value.find(',', from), value.size());
    const std::string_view parameter = trim(value.substr(from, end - from));
    constexpr std::string_view kName = "timeout=";
    if (equal_ignoring_case(parameter.substr(0, kName.size()), kName)) {
      const std::string_view digits = parameter.substr(kName.size());
      int seconds = 0;
      const auto [stop, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
      if (problem == std::errc{} && seconds >= 0) return std::chrono::seconds{seconds};
    }
    from = end + 1;
  }
  return std::nullopt;
}

/// Keeps of an answer what the protocol reads, and nothing else.
class Parser final : public http::basic_parser<false> {
 public:
  Parser(std::size_t body_limit, std::size_t header_limit) {
    this->body_limit(boost::optional<std::uint64_t>(body_limit));
    this->header_limit(static_cast<std::uint32_t>(header_limit));
    this->eager(true);
  }

  Answered answer;
  std::optional<std::chrono::seconds> kept_alive_for;

 private:
  void on_request_impl(http::verb, boost::beast::string_view, boost::beast::string_view, int, error_code&) override {}
  void on_response_impl(int code, boost::beast::string_view, int, error_code&) override { answer.status = code; }
  void on_field_impl(http::field field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code&) override {
    if (header_read_) return;  // A trailer.
    if (field == http::field::content_type) {
      answer.content_type = view(value);
    } else if (field == http::field::retry_after) {
      answer.retry_after = view(value);
    } else if (field == http::field::keep_alive) {
      kept_alive_for = keep_alive_timeout(view(value));
    } else if (field == http::field::unknown && equal_ignoring_case(view(name), kSagaAsync)) {
      answer.async = equal_ignoring_case(view(value), "true");
    }
  }
  void on_header_impl(error_code&) override { header_read_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) answer.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, kMostSpace)));
  }
  std::size_t on_body_impl(boost::beast::string_view part, error_code&) override {
    answer.body.append(part.data(), part.size());
    return part.size();
  }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view part, error_code&) override {
    answer.body.append(part.data(), part.size());
    return part.size();
  }
  void on_finish_impl(error_code&) override {}

  bool header_read_ = false;
};

}  // namespace

struct AnswerReader::Parsing {
  Parsing(std::size_t body, std::size_t header) : body_limit(body), header_limit(header) {
    parser.emplace(body_limit, header_limit);
  }

  const std::size_t body_limit;
  const std::size_t header_limit;
  std::optional<Parser> parser;
  std::unique_ptr<char[]> buffer;  ///< Not set to anything: what is not received is not looked at.
  std::size_t size = 0;
  std::size_t begin = 0;  ///< Bytes received and not parsed: [begin, end) of `buffer`.
  std::size_t end = 0;
  std::size_t header_bytes = 0;  ///< Of the header so far, as parsed.
  bool complete = false;
  bool over_limit = false;
  std::string problem;

  void grow(std::size_t to) {
    auto larger = std::make_unique_for_overwrite<char[]>(to);
    std::copy(buffer.get(), buffer.get() + end, larger.get());
    buffer = std::move(larger);
    size = to;
  }

  State broken(std::string why) {
    problem = std::move(why);
    return State::kNotHttp;
  }

  State parse();
};

AnswerReader::State AnswerReader::Parsing::parse() {
  while (begin < end) {
    error_code error;
    const bool in_header = !parser->is_header_done();
    if (in_header && header_bytes == 0) {
      // The parser looks at a line when it is whole, which garbage never is.
      const std::size_t seen = std::min(kStart.size(), end - begin);
      if (std::string_view(buffer.get() + begin, seen) != kStart.substr(0, seen)) return broken("it is not HTTP/1");
    }
    if (!in_header && parser->chunked() && end - begin < kLastChunk) return State::kReading;
    const std::size_t used = parser->put({buffer.get() + begin, end - begin}, error);
    begin += used;
    // The parser bounds a single field; what bounds all of them is here.
    if (in_header && !parser->is_header_done()) {
      header_bytes += used;
      if (header_bytes + (end - begin) > header_limit) return broken("the header is larger than the limit");
    }
    if (error == http::error::body_limit) {
      complete = over_limit = true;
      return State::kComplete;
    }
    if (error == http::error::need_more) return State::kReading;
    if (error) return broken(error.message());
    if (!parser->is_done()) continue;
    if (parser->answer.status / 100 != 1) {
      complete = true;
      return State::kComplete;
    }
    if (parser->answer.status == 101) return broken("it switches to a protocol nobody asked for");
    parser.emplace(body_limit, header_limit);  // An interim answer: the real one follows.
    header_bytes = 0;
  }
  return State::kReading;
}

AnswerReader::AnswerReader(std::size_t body_limit, std::size_t header_limit)
    : parsing_(std::make_unique<Parsing>(body_limit, header_limit)) {}

AnswerReader::~AnswerReader() = default;

std::span<char> AnswerReader::space() {
  Parsing& p = *parsing_;
  if (p.begin > 0) {
    std::memmove(p.buffer.get(), p.buffer.get() + p.begin, p.end - p.begin);
    p.end -= p.begin;
    p.begin = 0;
  }
  if (p.size == 0) {
    p.grow(kFirstSpace);
  } else if (p.end == p.size) {
    p.grow(p.size * 4);  // `received` sees to it that this ends.
  }
  return {p.buffer.get() + p.end, p.size - p.end};
}

AnswerReader::State AnswerReader::received(std::size_t count) {
  Parsing& p = *parsing_;
  p.end += count;
  const bool filled = p.end == p.size;
  const State state = p.parse();
  if (state != State::kReading) return state;
  // What remains is the front of a header, a chunk's size or a trailer.
  if (p.end - p.begin > p.header_limit) return p.broken("a line of it is larger than the limit");
  if (filled && p.begin == p.end && p.size < kMostSpace) p.grow(p.size * 4);
  return State::kReading;
}

bool AnswerReader::ended() {
  Parsing& p = *parsing_;
  if (!p.parser->is_header_done()) return false;
  error_code error;
  p.parser->put_eof(error);
  p.complete = !error;
  return p.complete;
}

Answered AnswerReader::take_answer() {
  Answered answer = std::move(parsing_->parser->answer);
  answer.body_over_limit = parsing_->over_limit;
  if (answer.body_over_limit) answer.body.clear();
  return answer;
}

bool AnswerReader::connection_reusable() const {
  const Parsing& p = *parsing_;
  return p.complete && !p.over_limit && p.begin == p.end && p.parser->keep_alive();
}

std::optional<std::chrono::seconds> AnswerReader::kept_alive_for() const { return parsing_->parser->kept_alive_for; }

const std::string& AnswerReader::problem() const { return parsing_->problem; }

}  // namespace saga::workers
