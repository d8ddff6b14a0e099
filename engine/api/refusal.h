// What a client is told whose command, signal or callback does not hold in the saga's state.
#pragma once

#include "engine/api/problem.h"
#include "engine/core/decide.h"
#include "engine/runtime/reader.h"

namespace saga::api {

/// 409 with the verbs that are allowed, 410 or 422.
[[nodiscard]] Problem refusal_problem(const core::Refusal& refusal, const runtime::Snapshot& saga);

}  // namespace saga::api
