// GET /v1/sagas/{id}/events, as JSON or as a live stream.
#include <fmt/format.h>

#include <array>

#include "engine/api/context.h"
#include "engine/api/event_feed.h"
#include "engine/api/event_view.h"
#include "engine/api/names.h"
#include "engine/api/target.h"

namespace saga::api {
namespace {

bool wants_stream(const Request& request) {
  const std::string* accept = request.header("accept");
  return accept != nullptr && accept->find("text/event-stream") != std::string::npos;
}

/// The number of an event that the client has already; 0: none. A number from 0.
std::optional<std::int64_t> read_seq(const std::string& text) {
  return text == "0" ? std::optional<std::int64_t>(0) : parse_version(text);
}

Checked<Response> stream_events(const Context& context, const store::SagaRow& saga, std::int64_t after) {
  const auto records = context.store.load(saga.key, after + 1);
  if (!records) return tl::unexpected(problem_of(records.error()));
  Response response;
  if (records->empty() && saga.head.ended) {
    response.status = 204;  // What makes a browser's EventSource stop asking.
    return response;
  }
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.stream = [&context, saga, after](std::shared_ptr<EventSink> sink) {
    return EventFeed::begin(context, saga, after, std::move(sink));
  };
  return response;
}

}  // namespace

Checked<Response> get_events(const Context& context, const Exchange& exchange) {
  static constexpr std::array<std::string_view, 1> kKeys{"after"};
  const auto query = Query::parse(exchange.request.query, kKeys);
  if (!query) return tl::unexpected(query.error());
  std::int64_t after = 0;
  if (const auto text = query->first("after")) {
    const auto seq = read_seq(*text);
    if (!seq)
      return tl::unexpected(does_not_fit_parameter("after", "expected the seq of an event, but it is " + quote(*text)));
    after = *seq;
  }
  if (const std::string* last = exchange.request.header("last-event-id"); last != nullptr && !last->empty()) {
    const auto seq = read_seq(*last);
    if (!seq)
      return refuse(ProblemKind::kBadRequest, "Last-Event-ID: expected the seq of an event, but it is " + quote(*last));
    after = *seq;
  }
  const auto saga = context.store.find(exchange.path[0]);
  if (!saga) return tl::unexpected(problem_of(saga.error()));
  if (wants_stream(exchange.request)) return stream_events(context, *saga, after);

  const auto records = context.store.load(saga->key, after + 1);
  if (!records) return tl::unexpected(problem_of(records.error()));
  Response response;
  JsonWriter json;
  json.begin_object().key("events").begin_array();
  for (const store::Record& record : *records) write_event(json, record);
  json.end_array().end_object();
  response.body = json.take();
  return response;
}

}  // namespace saga::api
