// A step that waits for a time.
//
//   the wait              what comes          then
//   at its turn           -                   waiting, due after its duration
//   waiting               its time            completed, its output null
//   waiting               the saga stops      failed, not done
//   waiting               a suspension        due later by as long as it lasted
//   waiting, suspended    an operator's skip  completed or left out
#include "engine/core/decider.h"

namespace saga::core {

bool Decider::begin_wait(StepIndex i) {
  emit(WaitBegun{i, now_ + workflow_.steps[i].wait});
  return true;
}

bool Decider::continue_wait(StepIndex i) {
  if (*state().steps[i].action.due_at > now_) return false;
  emit(StepCompleted{i, 0, 0, share(nullptr), 0});
  return true;
}

}  // namespace saga::core
