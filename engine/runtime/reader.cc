#include "engine/runtime/reader.h"

#include <fmt/format.h>

#include "engine/core/decide.h"

namespace saga::runtime {

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
    if (!event) return fail(ErrorCode::kCorruption, fmt::format("event {}: {}", record.seq, event.error().message));
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
