// GET /health/live, /health/ready, /metrics, /v1/openapi.json: what the server says of itself.
#include "engine/api/context.h"
#include "engine/api/json_writer.h"
#include "engine/api/openapi.h"

namespace saga::api {
namespace {

void write_component(JsonWriter& json, std::string_view name, bool ok, std::string_view problem) {
  json.key(name).begin_object().key("ok").boolean(ok).key("problem").text_or_null(problem).end_object();
}

}  // namespace

Checked<Response> get_live(const Context&, const Exchange&) {
  Response response;
  response.body = R"({"status":"live"})";
  return response;
}

Checked<Response> get_ready(const Context& context, const Exchange&) {
  const store::Health health = context.store.health();
  const bool store_ok = health.writable && !health.poisoned;
  const bool draining = context.draining;
  Response response;
  response.status = store_ok && !draining ? 200 : 503;
  if (response.status == 503) response.headers.emplace_back("Retry-After", "5");
  JsonWriter json;
  json.begin_object().key("status").text(response.status == 200 ? "ready" : "not ready");
  json.key("components").begin_object();
  write_component(json, "store", store_ok, health.problem.empty() && !store_ok ? "not writable" : health.problem);
  write_component(json, "engine", !draining, draining ? "draining: it takes no starts and will stop" : "");
  json.end_object().end_object();
  response.body = json.take();
  return response;
}

Checked<Response> get_description(const Context&, const Exchange&) {
  Response response;
  response.body = openapi_document();
  return response;
}

Checked<Response> get_metrics(const Context& context, const Exchange&) {
  telemetry::Gauges gauges;
  // A store that cannot be read leaves its gauges out; the counters are worth having all the more.
  if (auto counts = context.store.count_by_status({})) gauges.sagas = std::move(*counts);
  if (const auto overdue = context.runtime.count_overdue()) gauges.overdue = *overdue;
  gauges.services = context.dispatcher.services();
  gauges.store_queue = context.store.queue_length();
  gauges.store_bytes = context.store.size_bytes();
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = context.metrics.text(gauges);
  return response;
}

}  // namespace saga::api
