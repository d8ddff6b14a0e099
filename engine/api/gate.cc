#include "engine/api/gate.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/api/context.h"
#include "engine/api/names.h"
#include "engine/api/target.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxActor = 128;

Problem problem(ProblemKind kind, std::string detail) {
  return {kind, std::move(detail), {}, std::nullopt, std::nullopt, {}};
}

/// A page of another site that a browser on this machine has open can reach a loopback address, and sends its `Origin`.
std::optional<Problem> refusal_of_page(const Request& request) {
  const std::string* origin = request.header("origin");
  if (origin == nullptr || request.method == "GET") return std::nullopt;
  const std::string* host = request.header("host");
  const std::size_t scheme = origin->find("://");
  if (host != nullptr && scheme != std::string::npos && origin->substr(scheme + 3) == *host) return std::nullopt;
  return problem(ProblemKind::kForbidden, fmt::format("a page of {} may not call this server", quote(*origin)));
}

/// What `Saga-Actor` says; empty where it is not there.
Checked<std::string> claimed_actor(const Request& request) {
  const std::string* actor = request.header("saga-actor");
  if (actor == nullptr) return std::string();
  if (count_characters(*actor) <= kMaxActor && is_plain_text(*actor)) return *actor;
  Problem refused =
      problem(ProblemKind::kBadRequest,
              fmt::format("Saga-Actor: expected at most {} characters of UTF-8 without control characters", kMaxActor));
  FieldError error;
  error.detail = refused.detail;
  error.header = "Saga-Actor";
  refused.errors.push_back(std::move(error));
  return tl::unexpected(std::move(refused));
}

/// What follows "Bearer"; empty for any other way to say who one is.
std::string_view bearer_token(const Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string* header = request.header("authorization");
  if (header == nullptr || header->size() <= kScheme.size()) return {};
  const bool is_bearer = std::equal(kScheme.begin(), kScheme.end(), header->begin(), [](char expected, char came) {
    return expected == (came >= 'A' && came <= 'Z' ? static_cast<char>(came + 32) : came);
  });
  if (!is_bearer) return {};
  const std::size_t first = header->find_first_not_of(' ', kScheme.size());
  if (first == std::string::npos) return {};
  return std::string_view(*header).substr(first, header->find_last_not_of(" \t") + 1 - first);
}

Problem unknown_caller(std::string detail) {
  Problem refused = problem(ProblemKind::kUnauthorized, std::move(detail));
  refused.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refused;
}

}  // namespace

void Gate::use(std::shared_ptr<const Tokens> tokens) {
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(tokens);
}

Admission Gate::admit(std::optional<Role> needs, const Request& request) const {
  const auto tokens = [this] {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }();
  Admission admission{Caller{"anonymous", false, ""}, refusal_of_page(request)};
  auto claimed = claimed_actor(request);
  if (!claimed) {
    if (!admission.refusal) admission.refusal = std::move(claimed.error());
  } else if (!claimed->empty()) {
    admission.caller.name = *claimed;
  }
  if (!tokens || !needs || admission.refusal) return admission;

  const std::string_view token = bearer_token(request);
  if (token.empty()) {
    admission.refusal = unknown_caller("expected a token: Authorization: Bearer TOKEN");
    return admission;
  }
  const TokenHolder* holder = tokens->find(token);
  if (holder == nullptr) {
    admission.refusal = unknown_caller("the token is not known here");
    return admission;
  }
  admission.caller = {holder->name, true, *claimed == holder->name ? "" : *claimed};
  if (holder->role < *needs) {
    admission.refusal =
        problem(ProblemKind::kForbidden, fmt::format("this needs the role {}, but '{}' has the role {}",
                                                     to_string(*needs), holder->name, to_string(holder->role)));
  }
  return admission;
}

Checked<void> expect_writable(const Context& context) {
  const store::Health health = context.store.health();
  if (health.writable && !health.poisoned) return {};
  return refuse(ProblemKind::kUnavailable, "the store cannot write: " + health.problem);
}

Checked<void> expect_no_query(const Request& request) {
  auto query = Query::parse(request.query, {});
  if (!query) return tl::unexpected(std::move(query.error()));
  return {};
}

}  // namespace saga::api
