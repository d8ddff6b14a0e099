// How an attempt can end, and what the protocol's table says of each end. The meaning stands beside the answer that was
// made for it, so that no code of the engine is asked.
#pragma once

#include <string>

#include "tests/sim/chance.h"
#include "workers/protocol/protocol.h"

namespace saga::sim {

using workers::Outcome;
using workers::Phase;

struct Meaning {
  Outcome outcome = Outcome::kDone;
  bool retried = false;         ///< As the table or the body says.
  bool by_body = false;         ///< The body says whether it is to be retried.
  bool unless_unknown = false;  ///< A 409: not if an earlier attempt was unknown; then unknown, and retried.
  bool listed = false;          ///< Its code or status may stand in a step's `non_retryable`.
};

struct End {
  workers::CallOutcome fact;
  Meaning meaning;
};

/// What a step's definition tells its worker about answers.
struct Manner {
  Phase phase = Phase::kAction;
  bool reads_code = false;  ///< A string as `code` in a 2xx makes it a refusal.
  bool accepts_404 = false;
};

[[nodiscard]] End done(Chance& chance, const Manner& manner, const Json& output);
[[nodiscard]] End taken();                                              ///< 202 with Saga-Async.
[[nodiscard]] End nothing_there();                                      ///< 404, of a compensation that accepts it.
[[nodiscard]] End still_at_work(Chance& chance, const Manner& manner);  ///< 425 or 409.
[[nodiscard]] End late_action();                                        ///< 409 after its compensation.
[[nodiscard]] End refusal(Chance& chance, const Manner& manner);        ///< Without an effect, for sure.
[[nodiscard]] End trouble(Chance& chance, const Manner& manner);        ///< With an effect or without: unknown.

[[nodiscard]] End unreachable();
[[nodiscard]] End no_instance(std::string why);
[[nodiscard]] End timed_out();
[[nodiscard]] End connection_lost();

}  // namespace saga::sim
