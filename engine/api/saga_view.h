// A saga as clients see it: pure functions from its workflow and state to JSON text.
#pragma once

#include <string>
#include <string_view>

#include "engine/api/json_writer.h"
#include "engine/core/state.h"
#include "store/store.h"
#include "workflows/workflow.h"

namespace saga::api {

enum class Detail {
  kFull,
  kItem,  ///< Of a list: without `input`, `output` and `steps`.
};

void write_saga(JsonWriter& json, const workflows::Workflow& workflow, const core::SagaState& state, Detail detail);

/// `{"name": …, "verified": …}`: verified when a token says who it was.
void write_actor(JsonWriter& json, std::string_view name, bool verified);

/// A saga whose record does not replay, from its row: suspended, with the error code `corrupt`.
void write_corrupt_saga(JsonWriter& json, const store::SagaRow& row, std::string_view problem, Detail detail);

[[nodiscard]] std::string saga_json(const workflows::Workflow& workflow, const core::SagaState& state);

}  // namespace saga::api
