// POST /v1/sagas/batch: up to 1,000 starts, all or none, in one commit.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/json_writer.h"
#include "engine/api/starts.h"

namespace saga::api {
namespace {

constexpr std::size_t kMaxStarts = 1'000;
/// Of one start: what a request of its own may have.
constexpr std::size_t kMaxStartBytes = std::size_t{1} << 20;
/// More mistakes than this are not listed, and not looked for.
constexpr std::size_t kMaxErrors = 100;

std::string pointer_to(std::size_t item, std::string_view below = "") {
  return fmt::format("/sagas/{}{}", item, below);
}

FieldError error_at(std::string pointer, std::string detail) {
  FieldError error;
  error.pointer = std::move(pointer);
  error.detail = std::move(detail);
  return error;
}

Problem clash(std::vector<FieldError> errors) {
  Problem problem = does_not_fit(std::move(errors));
  problem.kind = ProblemKind::kConflict;
  problem.detail = "nothing of the batch was started: " + problem.detail;
  return problem;
}

/// The items of the body.
Checked<Json> read_items(std::string_view text) {
  static constexpr std::array<std::string_view, 1> kKeys{"sagas"};
  auto parsed = parse_body(text);
  if (!parsed) return parsed;
  BodyReader body(*parsed, kKeys);
  const Json* items = body.any("sagas");
  body.require("sagas", items != nullptr);
  if (items != nullptr && !items->is_array()) {
    body.complain("sagas",
                  fmt::format("expected an array of at most {} starts, but it is {}", kMaxStarts, type_of(*items)));
  } else if (items != nullptr && items->size() > kMaxStarts) {
    body.complain("sagas", fmt::format("expected at most {} starts, but there are {}", kMaxStarts, items->size()));
  }
  if (auto checked = std::move(body).check(); !checked) return tl::unexpected(std::move(checked.error()));
  return std::move((*parsed)["sagas"]);
}

/// An id of ours is another one when the request is repeated: who sends a key of their own counts on it not being so.
void expect_ids(const Json& items, const StartOrigin& origin, std::vector<FieldError>& errors) {
  if (origin.idempotency_key == nullptr) return;
  for (std::size_t i = 0; i < items.size() && errors.size() < kMaxErrors; ++i) {
    if (items[i].is_object() && !items[i].contains("id")) {
      errors.push_back(error_at(pointer_to(i, "/id"),
                                "'id' is missing: the Idempotency-Key header names no saga of a batch, so each needs "
                                "an id for the batch to be safe to repeat"));
    }
  }
}

Checked<std::vector<runtime::StartRequest>> read_starts(const Context& context, const Exchange& exchange) {
  auto items = read_items(exchange.request.body);
  if (!items) return tl::unexpected(std::move(items.error()));
  StartOrigin origin = start_origin(context, exchange);
  std::vector<FieldError> errors;
  expect_ids(*items, origin, errors);
  origin.idempotency_key = nullptr;
  const bool may_be_large = exchange.request.body.size() > kMaxStartBytes;
  std::vector<runtime::StartRequest> starts;
  starts.reserve(items->size());
  for (std::size_t i = 0; i < items->size() && errors.size() < kMaxErrors; ++i) {
    Json& item = (*items)[i];
    if (may_be_large && dump_json(item).size() > kMaxStartBytes) {
      errors.push_back(error_at(pointer_to(i), "expected a start of at most 1 MiB"));
      continue;
    }
    auto start = read_start(context, origin, item, pointer_to(i));
    if (start) {
      starts.push_back(std::move(*start));
      continue;
    }
    Problem& problem = start.error();
    if (problem.errors.empty()) problem.errors.push_back(error_at(pointer_to(i, "/workflow"), problem.detail));
    for (FieldError& error : problem.errors) errors.push_back(std::move(error));
  }
  if (errors.empty()) return starts;
  if (errors.size() > kMaxErrors) errors.resize(kMaxErrors);
  return tl::unexpected(does_not_fit(std::move(errors)));
}

Checked<void> expect_different_ids(const std::vector<runtime::StartRequest>& starts) {
  std::unordered_map<std::string_view, std::size_t> first;
  first.reserve(starts.size());
  std::vector<FieldError> errors;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto [there, is_new] = first.emplace(starts[i].id, i);
    if (is_new || errors.size() == kMaxErrors) continue;
    errors.push_back(error_at(pointer_to(i, "/id"), fmt::format("id '{}' is in the batch twice, first at {}",
                                                                starts[i].id, pointer_to(there->second))));
  }
  if (errors.empty()) return {};
  return tl::unexpected(clash(std::move(errors)));
}

Problem clashes_with(const std::vector<runtime::StartClash>& clashes) {
  std::vector<FieldError> errors;
  for (const runtime::StartClash& one : clashes) {
    if (errors.size() == kMaxErrors) break;
    errors.push_back(error_at(pointer_to(one.place, "/id"), one.why));
  }
  return clash(std::move(errors));
}

/// 201 when any is new; the body is made off the engine thread.
Response started_response(std::vector<std::string> ids, std::vector<bool> created) {
  Response response;
  const auto started = std::count(created.begin(), created.end(), true);
  response.status = started > 0 ? 201 : 200;
  response.late_body = [ids = std::move(ids), created = std::move(created), started] {
    JsonWriter json(64 * ids.size() + 64);
    json.begin_object().key("started").integer(started);
    json.key("already_there").integer(static_cast<std::int64_t>(ids.size()) - started).key("sagas").begin_array();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      json.begin_object().key("id").text(ids[i]).key("created").boolean(created[i]).end_object();
    }
    return json.end_array().end_object().take();
  };
  return response;
}

}  // namespace

void start_batch(const Context& context, const ExchangeRef& exchange) {
  if (auto checked = expect_no_query(exchange->request); !checked) return exchange->refuse(checked.error());
  auto starts = read_starts(context, *exchange);
  if (!starts) return exchange->refuse(starts.error());
  if (auto checked = expect_different_ids(*starts); !checked) return exchange->refuse(checked.error());
  if (const auto writable = expect_writable(context); !writable) return exchange->refuse(writable.error());
  std::vector<std::string> ids;
  ids.reserve(starts->size());
  for (const runtime::StartRequest& start : *starts) ids.push_back(start.id);
  context.runtime.start_many(std::move(*starts),
                             [exchange, ids = std::move(ids)](Result<runtime::ManyStarted> started) mutable {
                               if (!started) return exchange->refuse(problem_of(started.error()));
                               if (!started->clashes.empty()) return exchange->refuse(clashes_with(started->clashes));
                               exchange->answer(started_response(std::move(ids), std::move(started->created)));
                             });
}

}  // namespace saga::api
