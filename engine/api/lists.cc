// GET /v1/sagas, /v1/stats, /v1/services.
#include <map>
#include <optional>
#include <set>

#include "engine/api/context.h"
#include "engine/api/filters.h"
#include "engine/api/json_writer.h"
#include "engine/api/saga_view.h"

namespace saga::api {
namespace {

void write_item(JsonWriter& json, const Context& context, const store::SagaRow& row) {
  const auto saga = context.reader.read(row);
  if (saga) return write_saga(json, *saga->workflow, *saga->state, Detail::kItem);
  if (saga.error().code == ErrorCode::kNotFound) return;  // Purged since the list was read.
  write_corrupt_saga(json, row, saga.error().message, Detail::kItem);
}

std::string_view name_of(workers::InstanceStatus::Health health) {
  using Health = workers::InstanceStatus::Health;
  return health == Health::kUnknown ? "unknown" : health == Health::kHealthy ? "healthy" : "failing";
}

std::string_view name_of(workers::InstanceStatus::Breaker breaker) {
  using Breaker = workers::InstanceStatus::Breaker;
  switch (breaker) {
    case Breaker::kOff:
      return "off";
    case Breaker::kClosed:
      return "closed";
    case Breaker::kOpen:
      return "open";
    case Breaker::kHalfOpen:
      break;
  }
  return "half_open";
}

void write_instance(JsonWriter& json, const workers::InstanceStatus& instance, Timestamp now) {
  const auto ago = [now](std::optional<Millis> age) { return age ? std::optional(now - *age) : std::nullopt; };
  json.begin_object().key("url").text(instance.url);
  json.key("health").text(name_of(instance.health)).key("since").time(ago(instance.health_since));
  json.key("consecutive_faults").integer(static_cast<std::int64_t>(instance.consecutive_faults));
  json.key("breaker").text(name_of(instance.breaker));
  json.key("open_until").time(instance.opens_in ? std::optional(now + *instance.opens_in) : std::nullopt);
  json.key("last_error").text_or_null(instance.last_error).key("last_error_at").time(ago(instance.last_error_ago));
  json.key("last_success_at").time(ago(instance.last_success_ago));
  json.end_object();
}

void write_status(JsonWriter& json, const workers::ServiceStatus& service, bool known, Timestamp now) {
  json.begin_object();
  json.key("name").text(service.name);
  json.key("known").boolean(known);
  json.key("instances").begin_array();
  for (const workers::InstanceStatus& instance : service.instances) write_instance(json, instance, now);
  json.end_array();
  json.key("max_in_flight").integer(static_cast<std::int64_t>(service.max_in_flight));
  json.key("in_flight").integer(static_cast<std::int64_t>(service.in_flight));
  json.key("queued").integer(static_cast<std::int64_t>(service.queued));
  json.end_object();
}

void write_queues(JsonWriter& json, const Context& context) {
  const runtime::RuntimeStats stats = context.runtime.stats();
  const auto number = [&](std::string_view key, std::size_t value) {
    json.key(key).integer(static_cast<std::int64_t>(value));
  };
  json.key("queues").begin_object();
  number("live", stats.live);
  number("mailbox", stats.mailbox);
  number("commits_in_flight", stats.commits_in_flight);
  number("open_calls", stats.open_calls);
  number("recovering", stats.recovering);
  number("store", context.store.queue_length());
  json.end_object();
}

}  // namespace

Checked<Response> list_sagas(const Context& context, const Exchange& exchange) {
  auto request = read_list_request(exchange.request.query, context.clock.now());
  if (!request) return tl::unexpected(std::move(request.error()));
  // One more than asked for tells whether there is a next page.
  auto rows = context.store.list(request->filter, request->before, request->limit + 1);
  if (!rows) return tl::unexpected(problem_of(rows.error()));
  const bool more = rows->size() > request->limit;
  if (more) rows->pop_back();
  Response response;
  JsonWriter json;
  json.begin_object().key("sagas").begin_array();
  for (const store::SagaRow& row : *rows) write_item(json, context, row);
  json.end_array().key("next_cursor");
  more ? json.text(make_cursor(rows->back().key)) : json.null();
  json.end_object();
  response.body = json.take();
  return response;
}

Checked<Response> get_stats(const Context& context, const Exchange& exchange) {
  const auto filter = read_filter(exchange.request.query, context.clock.now());
  if (!filter) return tl::unexpected(filter.error());
  const auto counts = context.store.count_by_status(*filter);
  if (!counts) return tl::unexpected(problem_of(counts.error()));
  const auto attention = context.store.count_attention(*filter);
  if (!attention) return tl::unexpected(problem_of(attention.error()));
  Response response;
  JsonWriter json;
  json.begin_object().key("counts").begin_array();
  for (const store::StatusCount& row : *counts) {
    json.begin_object().key("workflow").text(row.workflow).key("status").text(row.status);
    json.key("count").integer(row.sagas).key("needing_attention").integer(row.needing_attention);
    json.key("oldest_attention").time(row.oldest_attention).end_object();
  }
  json.end_array().key("attention").begin_array();
  for (const store::AttentionCount& row : *attention) {
    json.begin_object().key("workflow").text(row.workflow).key("step").text_or_null(row.step);
    json.key("phase").text_or_null(row.phase).key("code").text(row.code).key("count").integer(row.sagas).end_object();
  }
  json.end_array();
  write_queues(json, context);
  json.end_object();
  response.body = json.take();
  return response;
}

Checked<Response> list_services(const Context& context, const Exchange& exchange) {
  if (auto checked = expect_no_query(exchange.request); !checked) return tl::unexpected(std::move(checked.error()));
  const auto known = context.dispatcher.services();
  const Timestamp now = context.clock.now();
  std::set<std::string> missing;
  for (const auto& entry : context.registry.list()) {
    for (const auto& step : entry.workflow->steps) {
      if (!step.service.empty()) missing.insert(step.service);
    }
  }
  Response response;
  JsonWriter json;
  json.begin_object().key("services").begin_array();
  for (const workers::ServiceStatus& service : known) {
    missing.erase(service.name);
    write_status(json, service, true, now);
  }
  // A step of a service that nobody said the address of waits: worth seeing here.
  for (const std::string& name : missing) write_status(json, {name, {}, 0, 0, 0}, false, now);
  json.end_array().key("urls").begin_array();
  for (const workers::InstanceStatus& instance : context.dispatcher.urls()) write_instance(json, instance, now);
  json.end_array().end_object();
  response.body = json.take();
  return response;
}

}  // namespace saga::api
