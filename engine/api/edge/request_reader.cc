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

/// What to tell a client whose request could not be read; none when it is gone or took too long.
std::optional<Response> response_to(const error_code& error, std::size_t max_body) {
  const auto told = [](ProblemKind kind, std::string detail) {
    return to_response({kind, std::move(detail), {}, std::nullopt, std::nullopt, {}});
  };
  if (error == http::error::header_limit)
    return told(ProblemKind::kHeaderTooLarge, "expected a header of at most 16 KiB");
  if (error == http::error::body_limit)
    return told(ProblemKind::kTooLarge, "expected a body of at most " + std::to_string(max_body >> 20) + " MiB");
  if (error.category() == http::make_error_code(http::error::bad_target).category())
    return told(ProblemKind::kBadRequest, "expected an HTTP/1.1 request, but: " + error.message());
  return std::nullopt;
}

/// Reads on until the header, or with it the body, is there.
Task<void> parse(Connection& connection, Parser& parser, bool header_only, error_code& error) {
  parser.eager(!header_only);
  while (header_only ? !parser.is_header_done() : !parser.is_done()) {
    const std::size_t least = !header_only && parser.chunked() ? kLastChunk : 1;
    if (connection.buffer.size() >= least) {
      connection.buffer.consume(parser.put(connection.buffer.data(), error));
      if (!error) continue;
      if (error != http::error::need_more) co_return;
      error = {};
    }
    const std::size_t got = co_await connection.stream->read_some(connection.buffer.prepare(16 << 10), error);
    connection.buffer.commit(got);
    if (error) co_return;
  }
}

/// False: nothing came, or it is too late for it.
Task<bool> await_first_byte(Connection& connection, const ServerOptions& options, const bool& stopping) {
  if (connection.buffer.size() > 0) co_return true;
  error_code error;
  connection.idle = true;
  connection.buffer = {};  // A connection that waits keeps no room for a request.
  connection.stream->expires_after(options.idle);
  const std::size_t got = co_await connection.stream->read_some(connection.buffer.prepare(1024), error);
  connection.buffer.commit(got);
  connection.idle = false;
  co_return !error && !stopping;
}

}  // namespace

Task<Incoming> read_request(Connection& connection, const ServerOptions& options, const Handler& handler,
                            const bool& stopping) {
  Incoming incoming;
  if (!co_await await_first_byte(connection, options, stopping)) co_return incoming;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options.max_header));
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // Judged once the header says what it is for.
  std::size_t max_body = 0;
  error_code error;
  connection.stream->expires_after(options.header_time);
  co_await parse(connection, parser, true, error);
  if (!error && !parser.is_done()) {
    const auto method = parser.get().method_string();
    const std::string_view target = target_of(parser);
    max_body = handler.max_body({method.data(), method.size()}, target.substr(0, target.find('?')));
    if (parser.content_length().value_or(0) > max_body) error = http::error::body_limit;
    parser.body_limit(max_body);
  }
  if (!error && !parser.is_done()) {
    connection.stream->expires_after(options.body_time);
    if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await connection.stream->write(asio::buffer(kContinue.data(), kContinue.size()), {}, error);
    }
    if (!error) co_await parse(connection, parser, false, error);
  }
  if (error) {
    incoming.refusal = response_to(error, max_body);
  } else {
    incoming.keep_alive = parser.keep_alive();
    incoming.request = to_request(parser);
  }
  co_return incoming;
}

}  // namespace saga::api
