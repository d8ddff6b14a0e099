#include "engine/api/problem.h"

#include <array>

#include "engine/api/json_writer.h"

namespace saga::api {
namespace {

struct KindText {
  ProblemKind kind;
  int status;
  std::string_view name;  ///< The last part of the URN.
  std::string_view title;
};

constexpr std::array<KindText, 13> kKinds{{
    {ProblemKind::kNotJson, 400, "not-json", "The body is not JSON as it is read here"},
    {ProblemKind::kBadRequest, 400, "bad-request", "The request cannot be read"},
    {ProblemKind::kUnauthorized, 401, "unauthorized", "The caller is not known"},
    {ProblemKind::kForbidden, 403, "forbidden", "The caller may not do this"},
    {ProblemKind::kNotFound, 404, "not-found", "There is nothing by that name"},
    {ProblemKind::kMethodNotAllowed, 405, "method-not-allowed", "The method is not for this address"},
    {ProblemKind::kConflict, 409, "conflict", "It clashes with what is there"},
    {ProblemKind::kGone, 410, "gone", "What it speaks of has ended"},
    {ProblemKind::kTooLarge, 413, "too-large", "The body is too large"},
    {ProblemKind::kDoesNotFit, 422, "does-not-fit", "The request does not fit"},
    {ProblemKind::kHeaderTooLarge, 431, "header-too-large", "The header is too large"},
    {ProblemKind::kInternal, 500, "internal", "Something failed inside"},
    {ProblemKind::kUnavailable, 503, "unavailable", "Not now"},
}};

std::string urn_of(const KindText& kind) { return "urn:sagad:problem:" + std::string(kind.name); }

const KindText& text_of(ProblemKind kind) {
  for (const KindText& entry : kKinds) {
    if (entry.kind == kind) return entry;
  }
  return text_of(ProblemKind::kInternal);
}

void write_field_error(JsonWriter& json, const FieldError& error) {
  json.begin_object().key("detail").text(error.detail);
  if (error.pointer) json.key("pointer").text(*error.pointer);
  if (!error.parameter.empty()) json.key("parameter").text(error.parameter);
  if (!error.header.empty()) json.key("header").text(error.header);
  if (error.line > 0) {
    json.key("line").integer(static_cast<std::int64_t>(error.line));
    json.key("column").integer(static_cast<std::int64_t>(error.column));
  }
  json.end_object();
}

}  // namespace

Problem does_not_fit(std::vector<FieldError> errors) {
  Problem problem{ProblemKind::kDoesNotFit, "", std::move(errors), std::nullopt, std::nullopt, {}};
  if (!problem.errors.empty()) {
    const FieldError& first = problem.errors.front();
    const std::string where = first.pointer.value_or("");
    problem.detail = where.empty() ? first.detail : where + ": " + first.detail;
    if (problem.errors.size() > 1) problem.detail += " (and " + std::to_string(problem.errors.size() - 1) + " more)";
  }
  return problem;
}

Problem does_not_fit_parameter(std::string parameter, std::string detail) {
  Problem problem{
      ProblemKind::kDoesNotFit, "query parameter '" + parameter + "': " + detail, {}, std::nullopt, std::nullopt, {}};
  FieldError error;
  error.detail = std::move(detail);
  error.parameter = std::move(parameter);
  problem.errors.push_back(std::move(error));
  return problem;
}

Problem problem_of(const Error& error) {
  Problem problem{ProblemKind::kInternal, error.message, {}, std::nullopt, std::nullopt, {}};
  switch (error.code) {
    case ErrorCode::kInvalid:
      problem.kind = ProblemKind::kDoesNotFit;
      break;
    case ErrorCode::kNotFound:
      problem.kind = ProblemKind::kNotFound;
      break;
    case ErrorCode::kConflict:
    case ErrorCode::kCorruption:
      problem.kind = ProblemKind::kConflict;
      break;
    case ErrorCode::kOverloaded:
      problem.kind = ProblemKind::kUnavailable;
      problem.retry_after_s = 1;
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kPoisoned:
    case ErrorCode::kFenced:
      problem.kind = ProblemKind::kUnavailable;
      break;
    case ErrorCode::kUnsupported:
    case ErrorCode::kInternal:
      break;
  }
  return problem;
}

std::vector<std::string> problem_types() {
  std::vector<std::string> types;
  for (const KindText& kind : kKinds) types.push_back(urn_of(kind));
  return types;
}

int status_of(ProblemKind kind) { return text_of(kind).status; }

Response to_response(const Problem& problem) {
  const KindText& kind = text_of(problem.kind);
  Response response;
  response.status = kind.status;
  response.content_type = "application/problem+json";
  response.headers = problem.headers;
  if (problem.kind == ProblemKind::kUnavailable) {
    response.headers.emplace_back("Retry-After", std::to_string(problem.retry_after_s.value_or(5)));
  }
  JsonWriter json;
  json.begin_object();
  json.key("type").text(urn_of(kind));
  json.key("title").text(kind.title);
  json.key("status").integer(kind.status);
  json.key("detail").text(problem.detail);
  if (!problem.errors.empty()) {
    json.key("errors").begin_array();
    for (const FieldError& error : problem.errors) write_field_error(json, error);
    json.end_array();
  }
  if (problem.allowed) {
    json.key("allowed").begin_array();
    for (const core::Verb verb : *problem.allowed) json.text(core::to_string(verb));
    json.end_array();
  }
  json.end_object();
  response.body = json.take();
  return response;
}

}  // namespace saga::api
