// The desk's printer: jobs of many pages that outlive the call that brought them, and the process too.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "workers/sdk/step_server.h"

namespace step_kinds {

inline constexpr const char* kPrinterSchema = R"(
  CREATE TABLE IF NOT EXISTS prints (
    key TEXT PRIMARY KEY, pages INTEGER NOT NULL, printed INTEGER NOT NULL, jams INTEGER NOT NULL,
    status TEXT NOT NULL);                                                    -- waiting, printed, jammed, cancelled
)";

/// In the transaction of the call that is taken: with it the job is there, or neither is.
void queue_print(saga::workers::Transaction& tx, const saga::workers::StepCall& call, std::int64_t pages, bool jams);
void drop_print(saga::workers::Transaction& tx, const saga::workers::StepCall& call);

/// Prints, a page of each job at a time, and says which are through. What a kill interrupts goes on at the next start.
void run_printer(const std::stop_token& stop, saga::workers::StepServer& server, const std::string& db);

}  // namespace step_kinds
