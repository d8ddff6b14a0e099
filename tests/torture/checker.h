// The invariants I1 to I8, judged for one saga on what the clients know, what the workers' ledgers say, what the API
// shows of it and its event log. Knows the definition language, and nothing of how the engine works.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/torture/ledger.h"
#include "tests/torture/plan.h"
#include "workflows/workflow.h"

namespace saga::torture {

/// One event as `GET /v1/sagas/{id}/events` shows it, as far as it is looked at.
struct LoggedEvent {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  std::string type;
  std::string step;
  bool undo = false;
  int attempt = 0;
  std::string outcome;
  std::string code;
  int http_status = 0;
  std::optional<std::int64_t> due_ms;  ///< `due_at` or `until`.
};

/// All there is about one saga.
struct Evidence {
  const workflows::Workflow* workflow = nullptr;
  std::string id;
  Ending ending = Ending::kCompleted;
  std::int64_t amount = 0;  ///< What a charge has to be.
  Json shown;               ///< `GET /v1/sagas/{id}`; null: 404.
  std::vector<LoggedEvent> events;
  SagaLedger ledger;  ///< Sorted.
};

struct Violation {
  std::string invariant;  ///< "I4"
  std::string what;
};

[[nodiscard]] std::vector<Violation> check_saga(const Evidence& evidence);

/// The evidence as a page to read: the log, then the ledger.
[[nodiscard]] std::string tell(const Evidence& evidence);

/// Reads the answer of `GET /v1/sagas/{id}/events`.
[[nodiscard]] std::vector<LoggedEvent> read_events(const Json& answer);

}  // namespace saga::torture
