// A saga as the store has it: its events, and the state they fold to. What every read of the API shows.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/core/event.h"
#include "engine/core/state.h"
#include "engine/runtime/registry.h"
#include "store/store.h"

namespace saga::runtime {

/// A saga at its last commit. `state` is null where the record does not replay (`corrupt`): then only the row is known.
struct Snapshot {
  store::SagaKey key = 0;
  workflows::WorkflowRef workflow;
  std::shared_ptr<const core::SagaState> state;
};

/// Says that a saga's record cannot be gone by and why. No saga goes on from it: `replay` refuses it with `problem`.
[[nodiscard]] store::Record corrupt_event(std::int64_t seq, Timestamp at, const std::string& problem);

/// Folds `records`. `kCorruption` names the first one that does not fit.
[[nodiscard]] Result<core::SagaState> replay(const workflows::Workflow& workflow,
                                             const std::vector<store::Record>& records);

/// What of `row` its events deny, in one sentence; empty when they agree. A row that was read at another commit than
/// the events may differ in its status without anything being wrong.
[[nodiscard]] std::string contradiction(const store::SagaRow& row, const core::SagaState& state);

/// Thread-safe; blocks for as long as the store's reads do.
class Reader {
 public:
  Reader(store::Store& store, const Registry& registry);

  /// `kNotFound`: no such saga. `kCorruption`: there is one, but its record does not replay.
  [[nodiscard]] Result<Snapshot> read(const std::string& id) const;
  [[nodiscard]] Result<Snapshot> read(store::SagaRow row) const;

 private:
  store::Store& store_;
  const Registry& registry_;
};

}  // namespace saga::runtime
