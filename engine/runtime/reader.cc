#include "engine/runtime/reader.h"

#include <fmt/format.h>

#include "base/json.h"
#include "engine/core/decide.h"
#include "workers/protocol/protocol.h"

namespace saga::runtime {

namespace {

/// What `corrupt_event` was told; none of any other event.
std::optional<std::string> problem_in(const store::Record& record) {
  const auto data = parse_json(record.data);
  if (!data || !data->is_object() || !data->contains("error")) return std::nullopt;
  const Json& error = data->at("error");
  if (!error.is_object() || error.value("code", Json()) != workers::codes::kCorrupt) return std::nullopt;
  const Json message = error.value("message", Json());
  return message.is_string() ? std::optional(message.get<std::string>()) : std::nullopt;
}

}  // namespace

store::Record corrupt_event(std::int64_t seq, Timestamp at, const std::string& problem) {
  const Json data = {{"cause", workers::codes::kCorrupt},
                     {"error", {{"code", workers::codes::kCorrupt}, {"message", problem}}}};
  return {seq, at, std::string(core::type_name(core::SagaSuspended{})), dump_json(data)};
}

Result<core::SagaState> replay(const workflows::Workflow& workflow, const std::vector<store::Record>& records) {
  core::SagaState state;
  if (records.empty()) return fail(ErrorCode::kCorruption, "it has no events");
  for (const store::Record& record : records) {
    if (record.seq != state.seq + 1) {
      return fail(ErrorCode::kCorruption,
                  fmt::format("expected event {}, but the next one is {}", state.seq + 1, record.seq));
    }
    if (record.damaged) return fail(ErrorCode::kCorruption, fmt::format("event {} is damaged on the disk", record.seq));
    auto event = core::decode_event(workflow, record.at, record.type, record.data);
    if (!event) {
      if (auto problem = problem_in(record)) return fail(ErrorCode::kCorruption, std::move(*problem));
      return fail(ErrorCode::kCorruption, fmt::format("event {}: {}", record.seq, event.error().message));
    }
    if (auto applied = core::apply(workflow, state, *event); !applied) {
      return fail(ErrorCode::kCorruption, fmt::format("event {}: {}", record.seq, applied.error().message));
    }
  }
  return state;
}

std::string contradiction(const store::SagaRow& row, const core::SagaState& state) {
  const store::Identity& identity = row.identity;
  const core::SagaFacts& facts = *state.facts;
  if (facts.id != identity.id) return fmt::format("its events are those of saga '{}'", facts.id);
  if (facts.workflow != identity.workflow || facts.version != identity.version) {
    return fmt::format("its row says {}/{}, its events {}/{}", identity.workflow, identity.version, facts.workflow,
                       facts.version);
  }
  if (facts.tags != identity.tags || facts.created_at != identity.created_at) {
    return "its row has other tags, or another time of its start, than its events";
  }
  const std::string_view status = core::to_string(state.status);
  if (row.head.status != status) {
    return fmt::format("its row says {}, its {} events {}: an event is missing, or the row is damaged", row.head.status,
                       state.seq, status);
  }
  return {};
}

Reader::Reader(store::Store& store, const Registry& registry) : store_(store), registry_(registry) {}

Result<Snapshot> Reader::read(const std::string& id) const {
  auto row = store_.find(id);
  if (!row) return tl::unexpected(row.error());
  return read(std::move(*row));
}

Result<Snapshot> Reader::read(store::SagaRow row) const {
  for (;;) {
    const auto workflow = registry_.find(row.identity.workflow, row.identity.version);
    if (!workflow) {
      return fail(ErrorCode::kCorruption,
                  fmt::format("its workflow {}/{} cannot be read", row.identity.workflow, row.identity.version));
    }
    auto records = store_.load(row.key);
    if (!records) return tl::unexpected(records.error());
    auto state = replay(*workflow, *records);
    std::string problem = state ? contradiction(row, *state) : state.error().message;
    if (problem.empty()) {
      return Snapshot{row.key, workflow, std::make_shared<const core::SagaState>(std::move(*state))};
    }
    // Purged, or moved on, between the two reads?
    auto now = store_.find(row.key);
    if (!now && now.error().code == ErrorCode::kNotFound)
      now = store_.find(row.identity.id);  // Says so of a purged one.
    if (!now) return tl::unexpected(now.error());
    if (*now == row || now->identity.id != row.identity.id) return fail(ErrorCode::kCorruption, std::move(problem));
    row = std::move(*now);
  }
}

}  // namespace saga::runtime
