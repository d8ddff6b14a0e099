#include "engine/api/edge/request_reader.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

#include "engine/api/problem.h"

namespace saga::api {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

/// No chunked body ends in fewer bytes than "0\r\n\r\n". Boost 1.74's parser aborts when it is shown fewer of them
/// twice, which any client that sends a body in drips would bring about.
constexpr std::size_t kLastChunk = 5;

/// The target without the authority of its absolute form.
std::string_view target_of(const Parser& parser) {
  const auto& message = parser.get();
  std::string_view target(message.target().data(), message.target().size());
  // The absolute form, as a proxy is sent it, names us as well.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t path = target.find('/', scheme.size());
    target = path == std::string_view::npos ? "/" : target.substr(path);
    break;
  }
  return target;
}

Request to_request(Parser& parser) {
  auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  const std::string_view target = target_of(parser);
  const std::size_t query = target.find('?');
  request.path = std::string(target.substr(0, query));
  if (query != std::string_view::npos) request.query = std::string(target.substr(query + 1));
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  request.body = std::move(message.body());
  return request;
}

}  // namespace

struct RequestReader::Parsing {
  const Handler& handler;
  Parser parser;
  boost::beast::error_code error;
  std::size_t max_body = 0;

  explicit Parsing(const Handler& judge) : handler(judge) {}

  void take(boost::beast::flat_buffer& bytes);
  void judge_header();
};

/// Until the header, or with it the body, is there, or the bytes do not do.
void RequestReader::Parsing::take(boost::beast::flat_buffer& bytes) {
  const bool in_header = !parser.is_header_done();
  parser.eager(!in_header);
  while (in_header ? !parser.is_header_done() : !parser.is_done()) {
    if (bytes.size() < (!in_header && parser.chunked() ? kLastChunk : 1)) return;
    bytes.consume(parser.put(bytes.data(), error));
    if (error == http::error::need_more) {
      error = {};
      return;
    }
    if (error) return;
  }
}

void RequestReader::Parsing::judge_header() {
  const auto method = parser.get().method_string();
  const std::string_view target = target_of(parser);
  max_body = handler.max_body({method.data(), method.size()}, target.substr(0, target.find('?')));
  if (parser.content_length().value_or(0) > max_body) error = http::error::body_limit;
  parser.body_limit(max_body);
}

RequestReader::RequestReader(const Handler& handler, std::size_t max_header)
    : parsing_(std::make_unique<Parsing>(handler)) {
  parsing_->parser.header_limit(static_cast<std::uint32_t>(max_header));
  parsing_->parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // Judged once the header is there.
}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::take(boost::beast::flat_buffer& bytes) {
  Parsing& p = *parsing_;
  if (!p.parser.is_header_done()) {
    p.take(bytes);
    if (p.error) return State::kRefused;
    if (!p.parser.is_header_done()) return State::kInHeader;
    if (!p.parser.is_done()) p.judge_header();
  }
  if (!p.error && !p.parser.is_done()) p.take(bytes);
  if (p.error) return State::kRefused;
  return p.parser.is_done() ? State::kComplete : State::kInBody;
}

bool RequestReader::expects_continue() const {
  return boost::beast::iequals(parsing_->parser.get()[http::field::expect], "100-continue");
}

bool RequestReader::keep_alive() const { return parsing_->parser.keep_alive(); }

Request RequestReader::take_request() { return to_request(parsing_->parser); }

Response RequestReader::refusal() const {
  const auto told = [](ProblemKind kind, std::string detail) {
    return to_response({kind, std::move(detail), {}, std::nullopt, std::nullopt, {}});
  };
  const auto& error = parsing_->error;
  if (error == http::error::header_limit)
    return told(ProblemKind::kHeaderTooLarge, "expected a header of at most 16 KiB");
  if (error == http::error::body_limit) {
    return told(ProblemKind::kTooLarge,
                "expected a body of at most " + std::to_string(parsing_->max_body >> 20) + " MiB");
  }
  return told(ProblemKind::kBadRequest, "expected an HTTP/1.1 request, but: " + error.message());
}

}  // namespace saga::api
