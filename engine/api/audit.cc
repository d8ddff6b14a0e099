#include "engine/api/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/api/filters.h"
#include "engine/api/json_writer.h"
#include "engine/api/names.h"
#include "engine/api/target.h"

namespace saga::api {
namespace {

constexpr std::array<std::string_view, 7> kKeys{"actor", "verb", "saga", "since", "until", "cursor", "limit"};
constexpr std::array<std::string_view, 8> kVerbs{"cancel", "suspend",   "resume",   "retry",
                                                 "skip",   "terminate", "register", "purge"};
constexpr Millis kMinute{60'000};

/// What a caller wrote may be as long as a body; nobody needs more of it than this.
constexpr std::size_t kMaxStep = 64;
constexpr std::size_t kMaxDetail = 1000;

/// Cut between two characters.
void clip(std::string& text, std::size_t size) {
  if (text.size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
  text += "…";
}

void write_entry(JsonWriter& json, const store::AuditEntry& entry) {
  json.begin_object();
  json.key("at").time(entry.at);
  json.key("actor").text(entry.actor).key("verified").boolean(entry.verified);
  json.key("verb").text(entry.verb);
  json.key("saga").text_or_null(entry.saga).key("step").text_or_null(entry.step);
  json.key("reason").text_or_null(entry.reason);
  json.key("result").text(entry.result).key("detail").text_or_null(entry.detail);
  json.end_object();
}

Checked<store::AuditFilter> read_audit_filter(const Query& query, Timestamp now) {
  store::AuditFilter filter;
  filter.actor = query.first("actor");
  filter.verb = query.first("verb");
  if (filter.verb && std::find(kVerbs.begin(), kVerbs.end(), *filter.verb) == kVerbs.end()) {
    return tl::unexpected(
        does_not_fit_parameter("verb", fmt::format("no call is named {}{}", quote(*filter.verb),
                                                   suggestion(*filter.verb, {kVerbs.begin(), kVerbs.end()}))));
  }
  filter.saga = query.first("saga");
  auto since = read_time(query, "since", now);
  if (!since) return tl::unexpected(std::move(since.error()));
  auto until = read_time(query, "until", now);
  if (!until) return tl::unexpected(std::move(until.error()));
  filter.since = *since;
  filter.until = *until;
  return filter;
}

}  // namespace

store::AuditEntry audit_of(const Caller& caller, std::string_view verb, Timestamp at) {
  store::AuditEntry entry;
  entry.at = at;
  entry.actor = caller.shown();
  entry.verified = caller.verified;
  entry.verb = verb;
  return entry;
}

void audit_then_answer(const Context& context, store::AuditEntry entry, Response response, Answer answer) {
  if (!expect_writable(context)) return answer(std::move(response));
  clip(entry.step, kMaxStep);
  clip(entry.detail, kMaxDetail);
  auto held = std::make_shared<std::pair<Response, Answer>>(std::move(response), std::move(answer));
  const auto submitted = context.store.submit(store::audit_alone(std::move(entry)), [held](const Result<void>& result) {
    held->second(result ? std::move(held->first) : to_response(problem_of(result.error())));
  });
  if (!submitted) held->second(to_response(problem_of(submitted.error())));
}

bool StrangerAllowance::take(Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (now - minute_ >= kMinute || now < minute_) {
    minute_ = now;
    left_ = kPerMinute;
  }
  return left_ > 0 && left_-- > 0;
}

Checked<Response> list_audit(const Context& context, const Exchange& exchange) {
  const auto query = Query::parse(exchange.request.query, kKeys);
  if (!query) return tl::unexpected(query.error());
  const auto filter = read_audit_filter(*query, context.clock.now());
  if (!filter) return tl::unexpected(filter.error());
  const auto page = read_page(*query);
  if (!page) return tl::unexpected(page.error());
  // One more than asked for tells whether there is a next page.
  auto rows = context.store.audit(*filter, page->before, page->limit + 1);
  if (!rows) return tl::unexpected(problem_of(rows.error()));
  const bool more = rows->size() > page->limit;
  if (more) rows->pop_back();
  Response response;
  JsonWriter json;
  json.begin_object().key("audit").begin_array();
  for (const store::AuditRow& row : *rows) write_entry(json, row.entry);
  json.end_array().key("next_cursor");
  more ? json.text(make_cursor(rows->back().key)) : json.null();
  json.end_object();
  response.body = json.take();
  return response;
}

}  // namespace saga::api
