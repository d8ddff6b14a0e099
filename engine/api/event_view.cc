#include "engine/api/event_view.h"

#include "engine/api/saga_view.h"

namespace saga::api {
namespace {

/// Takes `key` out of `data`; null where it has none.
Json lift(Json& data, const char* key) {
  const auto at = data.find(key);
  if (at == data.end()) return nullptr;
  Json value = std::move(*at);
  data.erase(at);
  return value;
}

/// The journal keeps times as milliseconds.
void show_times(Json& data) {
  for (const char* key : {"created_at", "start_at", "deadline", "due_at", "until"}) {
    const auto at = data.find(key);
    if (at != data.end() && at->is_number_integer()) *at = format_time(Timestamp{at->get<std::int64_t>()});
  }
}

/// The journal keeps tags as pairs.
void show_tags(Json& data) {
  const auto at = data.find("tags");
  if (at == data.end() || !at->is_array()) return;
  Json tags = Json::object();
  for (const Json& pair : *at) {
    if (pair.is_array() && pair.size() == 2 && pair[0].is_string()) tags[pair[0].get<std::string>()] = pair[1];
  }
  *at = std::move(tags);
}

/// What was worked out for a call before its first attempt, as one member.
void show_request(Json& data) {
  if (!data.contains("path")) return;
  Json request = Json::object();
  for (const char* key : {"path", "headers", "body"}) {
    if (Json value = lift(data, key); !value.is_null()) request[key] = std::move(value);
  }
  data["request"] = std::move(request);
}

}  // namespace

void write_event(JsonWriter& json, const store::Record& record) {
  auto parsed = parse_json(record.data);
  // A damaged record is shown as the text it is.
  Json data = parsed && parsed->is_object() ? std::move(*parsed) : Json{{"text", record.data}};
  const Json step = lift(data, "step");
  const Json phase = lift(data, "phase");
  const Json attempt = lift(data, "attempt");
  const Json actor = lift(data, "actor");
  const Json verified = lift(data, "verified");
  const Json reason = lift(data, "reason");
  show_times(data);
  show_tags(data);
  show_request(data);
  json.begin_object();
  json.key("seq").integer(record.seq);
  json.key("at").time(record.at);
  json.key("type").text(record.type);
  json.key("step").json(step).key("phase").json(phase).key("attempt").json(attempt);
  json.key("actor");
  if (actor.is_string() && actor != "") {
    write_actor(json, actor.get_ref<const std::string&>(), verified == true);
  } else {
    json.null();
  }
  json.key("reason").json(reason == "" ? Json{} : reason);
  json.key("data").json(data);
  json.end_object();
}

std::string event_frame(const store::Record& record) {
  JsonWriter json;
  write_event(json, record);
  return concat({"id: ", Digits(record.seq), "\ndata: ", json.take(), "\n\n"});
}

}  // namespace saga::api
