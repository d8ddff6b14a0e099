// Callback URLs. Two targets and a line of text: a URL that was made leads to its target, and no other text does; what
// was made for one target is no good for another.
#include <charconv>
#include <optional>
#include <string>

#include "engine/api/names.h"
#include "engine/api/router.h"
#include "engine/runtime/callback_token.h"
#include "tests/fuzz/fuzzing.h"
#include "workers/dispatcher/base_url.h"

namespace saga::fuzz {
namespace {

using runtime::CallbackTarget;
using runtime::CallbackTokens;
using workers::Phase;

/// A target such as a call can have: a saga's id and a step's name are checked long before.
std::optional<CallbackTarget> read_target(Input& input) {
  CallbackTarget target;
  target.saga = input.line();
  target.step = input.line();
  target.phase = (input.byte() & 1) != 0 ? Phase::kCompensation : Phase::kAction;
  target.attempt = 1 + input.byte();
  const bool is_step = !target.step.empty() && target.step.size() <= 48 &&
                       target.step.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (!api::could_be_id(target.saga) || !is_step) return std::nullopt;
  return target;
}

struct Received {
  CallbackTarget target;
  std::string token;
};

/// What the API reads of a path; nothing where it is no callback's.
std::optional<Received> receive(std::string_view path) {
  const auto match = api::find_route("POST", path);
  if (!match || !match->route->pattern.starts_with("/v1/callbacks/")) return std::nullopt;
  const auto& parts = match->path;
  expect(parts.size() == 5, "a callback's path has five parts");
  Received received{{parts[0], parts[1], Phase::kAction, 0}, parts[4]};
  if (parts[2] == "compensation") received.target.phase = Phase::kCompensation;
  if (parts[2] != workers::to_string(received.target.phase)) return std::nullopt;
  const char* const end = parts[3].data() + parts[3].size();
  const auto [stop, error] = std::from_chars(parts[3].data(), end, received.target.attempt);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return received;
}

std::string token_of(const CallbackTokens& tokens, const CallbackTarget& target) {
  const std::string path = tokens.path(target);
  return path.substr(path.rfind('/') + 1);
}

void check_round_trip(const CallbackTokens& tokens, const CallbackTarget& target) {
  for (const char* const suffix : {"", "/heartbeat"}) {
    const auto received = receive(tokens.path(target) + suffix);
    expect(received && received->target == target, "a callback's URL leads to its call", tokens.path(target));
    expect(tokens.is_genuine(target, received->token), "a token that was given is genuine", tokens.path(target));
  }
}

void check_base_url(std::string_view text) {
  const auto url = workers::parse_base_url(text);
  if (!url) return expect(!url.error().message.empty(), "a refused URL is told why");
  expect(!url->host.empty() && url->port != 0, "a URL that is taken leads somewhere", text);
  const auto again = workers::parse_base_url((url->tls ? "https://" : "http://") + url->authority + url->prefix);
  expect(again && again->host == url->host && again->port == url->port && again->prefix == url->prefix,
         "a URL put together again is the same", text);
}

void check(Input input) {
  const CallbackTokens tokens("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const CallbackTokens others("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e20");
  const auto one = read_target(input);
  const auto other = read_target(input);
  const std::string_view text = input.line();
  if (one) check_round_trip(tokens, *one);
  if (one && other && *one != *other) {
    expect(!tokens.is_genuine(*other, token_of(tokens, *one)), "a token is good for one call only",
           tokens.path(*one) + " " + tokens.path(*other));
  }
  if (one) {
    expect(!others.is_genuine(*one, token_of(tokens, *one)), "a token is good for one key only");
    expect(tokens.is_genuine(*one, text) == (text == token_of(tokens, *one)), "a forged token is not genuine", text);
  }
  if (const auto received = receive(text)) {
    const bool genuine = tokens.is_genuine(received->target, received->token);
    expect(genuine == (received->token == token_of(tokens, received->target)), "a forged URL is not genuine", text);
  }
  (void)api::allowed_methods(text);
  check_base_url(text);
  (void)CallbackTokens::is_key(text);
}

}  // namespace
}  // namespace saga::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  saga::fuzz::check({data, size});
  return 0;
}
