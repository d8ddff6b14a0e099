// POST /v1/purge: removes ended sagas for ever, or says how many it would.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>

#include "engine/api/audit.h"
#include "engine/api/body.h"
#include "engine/api/context.h"
#include "engine/api/json_writer.h"
#include "engine/api/names.h"
#include "engine/core/state.h"
#include "engine/runtime/audit.h"
#include "engine/runtime/purger.h"

namespace saga::api {
namespace {

/// A reader's thread is given away for no longer; the client goes on with the cursor.
constexpr Millis kBudget{2'000};
constexpr std::size_t kMaxReason = 1000;
/// Cursors of this form; lists have another.
constexpr char kCursorForm = 'p';

constexpr std::array<core::SagaStatus, 3> kPurgeable{core::SagaStatus::kCompleted, core::SagaStatus::kCompensated,
                                                     core::SagaStatus::kTerminated};

struct PurgeRequest {
  store::PurgeFilter filter;
  std::optional<store::PurgeCursor> from;
  runtime::PurgeMode mode = runtime::PurgeMode::kRemove;
  std::string reason;
};

std::string make_purge_cursor(const store::PurgeCursor& at) {
  return fmt::format("{}{:x}.{:x}", kCursorForm, static_cast<std::uint64_t>(at.created_at.ms), at.key);
}

std::optional<store::PurgeCursor> read_purge_cursor(std::string_view text) {
  if (text.empty() || text.front() != kCursorForm) return std::nullopt;
  std::uint64_t created_at = 0;
  store::PurgeCursor at;
  const char* const end = text.data() + text.size();
  const auto time = std::from_chars(text.data() + 1, end, created_at, 16);
  if (time.ec != std::errc{} || time.ptr == end || *time.ptr != '.') return std::nullopt;
  const auto key = std::from_chars(time.ptr + 1, end, at.key, 16);
  if (key.ec != std::errc{} || key.ptr != end) return std::nullopt;
  at.created_at.ms = static_cast<std::int64_t>(created_at);
  return at;
}

void read_before(BodyReader& body, Timestamp now, store::PurgeFilter& filter) {
  const auto text = body.text("before");
  body.require("before", text.has_value());
  if (!text) return;
  if (const auto time = parse_time(*text)) {
    filter.ended_before = *time;
  } else if (const auto ago = parse_duration(*text)) {
    filter.ended_before = now - *ago;
  } else {
    body.complain("before",
                  fmt::format("expected a time such as 2026-01-31T12:00:00Z or a duration such as 30d, but it is {}",
                              quote(*text)));
  }
}

void read_statuses(BodyReader& body, store::PurgeFilter& filter) {
  const Json* const statuses = body.any("status");
  if (statuses == nullptr || statuses->is_null()) return;
  std::vector<std::string_view> known;
  for (const core::SagaStatus status : kPurgeable) known.push_back(core::to_string(status));
  if (!statuses->is_array() || statuses->empty()) {
    return body.complain("status", fmt::format("expected a list of {}", fmt::join(known, ", ")));
  }
  for (const Json& status : *statuses) {
    const std::string name = status.is_string() ? status.get<std::string>() : dump_json(status);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return body.complain("status", fmt::format("{} is not among what may be purged: expected {}; what has not ended "
                                                 "or needs attention stays",
                                                 quote(name), fmt::join(known, ", ")));
    }
    filter.statuses.push_back(name);
  }
}

Checked<PurgeRequest> read_purge(const Context& context, const Exchange& exchange) {
  static constexpr std::array<std::string_view, 6> kKeys{"before", "workflow", "status", "dry_run", "cursor", "reason"};
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  auto parsed = parse_body(exchange.request.body);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  BodyReader body(*parsed, kKeys);
  PurgeRequest purge;
  read_before(body, context.clock.now(), purge.filter);
  read_statuses(body, purge.filter);
  if (const auto workflow = body.text("workflow")) {
    if (auto name = parse_workflow_name(*workflow)) {
      purge.filter.workflow = std::move(name->name);
      purge.filter.version = name->version;
    } else {
      body.complain("workflow", name.error().message);
    }
  }
  if (const Json* const dry_run = body.any("dry_run"); dry_run != nullptr) {
    if (!dry_run->is_boolean()) body.complain("dry_run", "expected true or false");
    if (*dry_run == true) purge.mode = runtime::PurgeMode::kCount;
  }
  if (const auto cursor = body.text("cursor")) {
    purge.from = read_purge_cursor(*cursor);
    if (!purge.from) {
      body.complain("cursor",
                    fmt::format("expected the next_cursor of an earlier purge, but it is {}", quote(*cursor)));
    }
  }
  purge.reason = body.text("reason").value_or("");
  if (count_characters(purge.reason) > kMaxReason || !is_plain_text(purge.reason)) {
    body.complain("reason", fmt::format("expected at most {} characters without control characters", kMaxReason));
  }
  if (auto checked = std::move(body).check(); !checked) return tl::unexpected(std::move(checked.error()));
  return purge;
}

/// Removes or counts, and says in `entry` what came of it.
Checked<Response> purge_and_note(const Context& context, const Exchange& exchange, store::AuditEntry& entry) {
  const auto purge = read_purge(context, exchange);
  if (!purge) return tl::unexpected(purge.error());
  entry.reason = purge->reason;
  const bool removes = purge->mode == runtime::PurgeMode::kRemove;
  if (removes) {
    if (auto writable = expect_writable(context); !writable) return tl::unexpected(std::move(writable.error()));
  }
  const auto step = runtime::purge_for(context.store, purge->filter, purge->from, purge->mode, kBudget,
                                       [](Millis pause) { std::this_thread::sleep_for(pause); });
  if (!step) return tl::unexpected(problem_of(step.error()));
  entry.result = step->sagas > 0 ? runtime::kAuditDone : runtime::kAuditNothing;
  entry.detail = runtime::describe_purge(purge->filter, step->sagas);
  Response response;
  JsonWriter json;
  json.begin_object().key("sagas").integer(static_cast<std::int64_t>(step->sagas));
  json.key("dry_run").boolean(!removes).key("before").time(purge->filter.ended_before).key("next_cursor");
  step->next ? json.text(make_purge_cursor(*step->next)) : json.null();
  json.end_object();
  if (!removes) entry.verb.clear();
  response.body = json.take();
  return response;
}

}  // namespace

void purge_sagas(const Context& context, const ExchangeRef& exchange) {
  store::AuditEntry entry = audit_of(exchange->caller, "purge", context.clock.now());
  auto purged = purge_and_note(context, *exchange, entry);
  if (!purged) {
    entry.result = runtime::kAuditRefused;
    entry.detail = purged.error().detail;
    return audit_then_answer(context, std::move(entry), to_response(purged.error()), exchange->answer);
  }
  if (entry.verb.empty()) return exchange->answer(std::move(*purged));  // Counting changes nothing.
  if (entry.result == runtime::kAuditDone)
    context.log.info("purged", {{"purged", entry.detail}, {"actor", entry.actor}, {"reason", entry.reason}});
  audit_then_answer(context, std::move(entry), std::move(*purged), exchange->answer);
}

}  // namespace saga::api
