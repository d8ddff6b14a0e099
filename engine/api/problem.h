// What a client is told when its request is not done: application/problem+json (RFC 9457).
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/result.h"
#include "engine/api/http.h"
#include "engine/core/decide.h"

namespace saga::api {

/// One place where the request does not fit. Exactly one of the ways to say where is given.
struct FieldError {
  std::string detail;
  std::optional<std::string> pointer;  ///< JSON Pointer into the body; "" is the body itself.
  std::string parameter;               ///< Of the query.
  std::string header;
  std::size_t line = 0;  ///< In a definition; from 1.
  std::size_t column = 0;
};

/// The kinds of problems; each has a status, a title and a `type` URN that clients may branch on.
enum class ProblemKind {
  kNotJson,           ///< 400: not JSON, not UTF-8, nested too deep, a key twice.
  kBadRequest,        ///< 400: not HTTP as we speak it, a header that cannot be.
  kUnauthorized,      ///< 401
  kForbidden,         ///< 403
  kNotFound,          ///< 404
  kMethodNotAllowed,  ///< 405
  kConflict,          ///< 409
  kGone,              ///< 410: a callback for what has ended.
  kTooLarge,          ///< 413
  kDoesNotFit,        ///< 422
  kHeaderTooLarge,    ///< 431
  kInternal,          ///< 500: it may have been accepted.
  kUnavailable,       ///< 503: nothing was accepted.
};

struct Problem {
  ProblemKind kind = ProblemKind::kInternal;
  std::string detail;
  std::vector<FieldError> errors;
  std::optional<std::vector<core::Verb>> allowed;  ///< Of a refused operator call.
  std::optional<int> retry_after_s;                ///< 503 always has one.
  Headers headers;                                 ///< Further ones: `Allow`.
};

template <typename T>
using Checked = tl::expected<T, Problem>;

[[nodiscard]] inline tl::unexpected<Problem> refuse(ProblemKind kind, std::string detail) {
  return tl::unexpected<Problem>(Problem{kind, std::move(detail), {}, std::nullopt, std::nullopt, {}});
}
/// 422 with these errors; the detail is the first of them.
[[nodiscard]] Problem does_not_fit(std::vector<FieldError> errors);
[[nodiscard]] Problem does_not_fit_parameter(std::string parameter, std::string detail);

/// What an error of the layers below means to a client.
[[nodiscard]] Problem problem_of(const Error& error);

/// Every `type` there is: "urn:sagad:problem:not-json", …
[[nodiscard]] std::vector<std::string> problem_types();
[[nodiscard]] int status_of(ProblemKind kind);
[[nodiscard]] Response to_response(const Problem& problem);

}  // namespace saga::api
