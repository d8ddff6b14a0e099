#include "engine/webhook/message.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <optional>

#include "engine/api/json_writer.h"
#include "engine/core/decide.h"
#include "workers/protocol/protocol.h"

namespace saga::webhook {
namespace {

using api::JsonWriter;

void write_stuck(JsonWriter& json, const runtime::Snapshot& saga) {
  for (const core::StuckCall& stuck : core::stuck_calls(*saga.workflow, *saga.state)) {
    json.begin_object().key("step").text_or_null(stuck.step);
    json.key("phase").text_or_null(stuck.phase ? workers::to_string(*stuck.phase) : "");
    json.key("code").text(stuck.code).key("message").text_or_null(stuck.message);
    json.key("attempts").integer(stuck.attempts).end_object();
  }
}

void write_error(JsonWriter& json, const Sparse<core::Failure>& error) {
  if (!error) return static_cast<void>(json.null());
  json.begin_object().key("step").text_or_null(error->step);
  json.key("phase").text_or_null(error->phase ? workers::to_string(*error->phase) : "");
  json.key("code").text(error->code).key("message").text_or_null(error->message).end_object();
}

/// No input and no output of anybody: only what says where to look.
void write_data(JsonWriter& json, const runtime::Reader& reader, const store::SagaRow& row, Timestamp since) {
  json.begin_object().key("id").text(row.identity.id);
  json.key("workflow").text(row.identity.workflow).key("version").integer(row.identity.version);
  json.key("status").text(row.head.status).key("since").time(since);
  const auto saga = reader.read(row);
  json.key("stuck").begin_array();
  if (saga) {
    write_stuck(json, *saga);
  } else {  // Its record does not replay: the row says where it stopped.
    for (const store::Stuck& stuck : row.head.stuck) {
      json.begin_object().key("step").text_or_null(stuck.step).key("phase").text_or_null(stuck.phase);
      json.key("code").text(stuck.code).key("message").text(saga.error().message).key("attempts").integer(0);
      json.end_object();
    }
  }
  json.end_array().key("error");
  write_error(json, saga ? saga->state->error : std::nullopt);
  json.key("tags").begin_object();
  for (const auto& [name, value] : row.identity.tags) json.key(name).text(value);
  json.end_object().end_object();
}

/// `{type, timestamp, data}`; none where it no longer holds.
std::optional<std::string> render(store::Store& store, const runtime::Reader& reader, const store::Notice& notice) {
  const auto row = store.find(notice.saga);
  if (!row && row.error().code != ErrorCode::kNotFound) return std::nullopt;
  if ((row && row->head.attention_since == notice.since) == notice.over) return std::nullopt;
  if (!row && !notice.over) return std::nullopt;
  JsonWriter json;
  json.begin_object().key("type").text(notice.over ? "saga.attention_over" : "saga.attention");
  json.key("timestamp").time(notice.over && row ? row->head.updated_at : notice.since).key("data");
  if (row) {
    write_data(json, reader, *row, notice.since);
  } else {  // Purged.
    json.begin_object().key("id").text(notice.id).key("since").time(notice.since).end_object();
  }
  return json.end_object().take();
}

std::string id_of(const std::vector<store::Notice>& notices) {
  std::string told;
  for (const store::Notice& notice : notices)
    told += fmt::format("{} {} {}\n", notice.id, notice.since.ms, notice.over ? "over" : "begun");
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(told.data()), told.size(), digest.data());
  std::string id = "msg_";
  for (std::size_t i = 0; i < 16; ++i) id += fmt::format("{:02x}", digest[i]);
  return id;
}

}  // namespace

std::vector<Message> compose(store::Store& store, const runtime::Reader& reader,
                             const std::vector<store::Notice>& notices) {
  std::vector<Message> messages;
  for (const store::Notice& notice : notices) {
    auto text = render(store, reader, notice);
    if (text) messages.push_back(Message{id_of({notice}), std::move(*text), {notice}});
  }
  if (messages.size() <= kMostSingles) return messages;
  Message batch;
  std::string all;
  for (const Message& message : messages) {
    all += (all.empty() ? "" : ",") + message.body;
    batch.notices.push_back(message.notices.front());
  }
  batch.id = id_of(batch.notices);
  JsonWriter json(all.size() + 256);
  json.begin_object().key("type").text("saga.batch");
  json.key("timestamp").time(batch.notices.front().since);
  json.key("data").begin_object().key("count").integer(static_cast<std::int64_t>(messages.size()));
  json.key("messages").raw("[" + all + "]").end_object().end_object();
  batch.body = json.take();
  std::vector<Message> one;
  one.push_back(std::move(batch));
  return one;
}

}  // namespace saga::webhook
