// What a saga's row says, worked out from its state, and when it has to be written.
#pragma once

#include <optional>

#include "engine/core/decide.h"
#include "store/store.h"

namespace saga::runtime {

/// True when nothing happens to the saga by itself before `now + sleep_after`: it needs no memory until then.
[[nodiscard]] bool is_asleep(const workflows::Workflow& workflow, const core::SagaState& state, Timestamp now,
                             Millis sleep_after);

/// The row of `state`. A busy saga's `wake_at` is now, so that whoever comes after a crash takes it up at once.
[[nodiscard]] store::Head head_of(const workflows::Workflow& workflow, const core::SagaState& state, Timestamp now,
                                  Millis sleep_after);

/// True when `stored` no longer says what readers and recovery need: another status, another place it is stuck at, a
/// busy saga that would be taken up too late, a sleeping one too early.
[[nodiscard]] bool must_write(const store::Head& stored, const store::Head& current);

}  // namespace saga::runtime
