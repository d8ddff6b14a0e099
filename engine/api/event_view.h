// One event of a saga's journal as clients see it.
#pragma once

#include <string>

#include "engine/api/json_writer.h"
#include "store/store.h"

namespace saga::api {

/// `{seq, at, type, step, phase, attempt, actor, reason, data}`. What stands in the event's own fields by these names
/// is lifted out of `data`; the rest stays there.
void write_event(JsonWriter& json, const store::Record& record);

/// "id: 7\ndata: {…}\n\n", as text/event-stream has it.
[[nodiscard]] std::string event_frame(const store::Record& record);

}  // namespace saga::api
