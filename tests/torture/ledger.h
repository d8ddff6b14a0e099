// What a worker saw and did, written so that it outlives a kill of the worker at any instant: every call as it came and
// as it was answered in a file that is only appended to, every effect in the worker's own database, in the transaction
// of the barrier's record.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "workers/sdk/step_call.h"

namespace saga::torture {

/// Nanoseconds of the wall clock: one machine, so that all processes share it.
[[nodiscard]] std::int64_t now_ns();

/// One call as it came.
struct SeenCall {
  std::string step;
  bool undo = false;
  int attempt = 0;
  bool outcome_unknown = false;  ///< Of an undo: what `Saga-Outcome` said.
  std::int64_t came_ns = 0;
  std::int64_t answered_ns = 0;  ///< 0: the worker was killed before.
  int status = 0;                ///< Of the answer; 202 for one that is finished later.

  [[nodiscard]] bool done() const { return answered_ns != 0 && status == 200; }
};

/// Something that a handler did, or undid. The barrier lets each happen once; nothing here would hide a second.
struct Effect {
  std::string step;
  bool undo = false;
  int attempt = 0;  ///< 0: of a call that was taken, when it was finished.
  std::int64_t at_ns = 0;
};

/// Money at the gateway, which is outside the worker's database.
struct Charge {
  std::string key;
  std::int64_t amount = 0;
  bool refunded = false;
};

/// Of one saga, from all workers. Calls by the time they came, effects by the time they happened.
struct SagaLedger {
  std::vector<SeenCall> calls;
  std::vector<Effect> effects;
  std::vector<Charge> charges;
};

using Ledgers = std::unordered_map<std::string, SagaLedger>;

/// The file of calls. Thread-safe: a line is one write at the end of the file.
class CallFile {
 public:
  [[nodiscard]] static Result<CallFile> open(const std::string& path);
  void came(const workers::StepCall& call) const;
  void answered(const workers::StepCall& call, const workers::StepAnswer& answer) const;

 private:
  explicit CallFile(int fd) : fd_(fd) {}
  void write(const std::string& line) const;

  int fd_;  ///< Open for as long as the process lives.
};

/// What the tables of `database` and `database`-gateway are made by.
extern const char* const kEffectsSchema;
extern const char* const kGatewaySchema;

/// Adds what the worker with `database` (its calls in `database`-calls) has kept to `ledgers`.
[[nodiscard]] Result<void> read_ledger(const std::string& database, Ledgers& ledgers);

/// Puts every saga's calls and effects into the order of their times.
void sort_ledgers(Ledgers& ledgers);

}  // namespace saga::torture
