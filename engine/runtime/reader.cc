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
    auto event = core::decode_event(workflow, record.at, record.type, record.data);
    if (!event) return fail(ErrorCode::kCorruption, fmt::format("event {}: {}", record.seq, event.error().message));
    if (auto applied = core::apply(workflow, state, *event); !applied) {
      return fail(ErrorCode::kCorruption, fmt::format("event {}: {}", record.seq, applied.error().message));
    }
  }
  return state;
}

Reader::Reader(store::Store& store, const Registry& registry) : store_(store), registry_(registry) {}

Result<Snapshot> Reader::read(const std::string& id) const {
  auto row = store_.find(id);
  if (!row) return tl::unexpected(row.error());
  return read(*row);
}

Result<Snapshot> Reader::read(const store::SagaRow& row) const {
  const auto workflow = registry_.find(row.identity.workflow, row.identity.version);
  if (!workflow) {
    return fail(ErrorCode::kCorruption,
                fmt::format("its workflow {}/{} cannot be read", row.identity.workflow, row.identity.version));
  }
  auto records = store_.load(row.key);
  if (!records) return tl::unexpected(records.error());
  if (records->empty()) {  // Purged between the two reads?
    if (const auto still = store_.find(row.key); !still) return tl::unexpected(still.error());
  }
  auto state = replay(*workflow, *records);
  if (!state) return tl::unexpected(state.error());
  return Snapshot{row.key, workflow, std::make_shared<const core::SagaState>(std::move(*state))};
}

}  // namespace saga::runtime
