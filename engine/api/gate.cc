#include <fmt/format.h>

#include "engine/api/context.h"
#include "engine/api/names.h"
#include "engine/api/target.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxActor = 128;

/// A page of another site that a browser on this machine has open can reach a loopback address, and sends its `Origin`.
Checked<void> refuse_foreign_pages(const Request& request) {
  const std::string* origin = request.header("origin");
  if (origin == nullptr || request.method == "GET") return {};
  const std::string* host = request.header("host");
  const std::size_t scheme = origin->find("://");
  if (host != nullptr && scheme != std::string::npos && origin->substr(scheme + 3) == *host) return {};
  return refuse(ProblemKind::kForbidden, fmt::format("a page of {} may not call this server", quote(*origin)));
}

}  // namespace

Checked<Caller> authorize(const Request& request) {
  if (auto checked = refuse_foreign_pages(request); !checked) return tl::unexpected(std::move(checked.error()));
  const std::string* actor = request.header("saga-actor");
  if (actor == nullptr || actor->empty()) return Caller{"anonymous", false};
  if (count_characters(*actor) > kMaxActor || !is_plain_text(*actor)) {
    Problem problem{ProblemKind::kBadRequest, "", {}, std::nullopt, std::nullopt, {}};
    problem.detail =
        fmt::format("Saga-Actor: expected at most {} characters of UTF-8 without control characters", kMaxActor);
    FieldError error;
    error.detail = problem.detail;
    error.header = "Saga-Actor";
    problem.errors.push_back(std::move(error));
    return tl::unexpected(std::move(problem));
  }
  return Caller{*actor, false};
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
