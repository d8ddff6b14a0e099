// The state of a live saga, which changes at every decision and which snapshots share with other threads.
#pragma once

#include <memory>
#include <utility>

#include "engine/core/state.h"

namespace saga::runtime {

/// Engine thread only; what `share` gives out never changes and may go anywhere. Where nothing was given out since the
/// last change, which is the rule, a change costs no copy.
class LiveState {
 public:
  LiveState() : LiveState(core::SagaState{}) {}
  explicit LiveState(core::SagaState state) : state_(std::make_shared<core::SagaState>(std::move(state))) {}

  [[nodiscard]] const core::SagaState& operator*() const { return *state_; }
  [[nodiscard]] const core::SagaState* operator->() const { return state_.get(); }

  /// As it is now, for good.
  [[nodiscard]] std::shared_ptr<const core::SagaState> share() {
    shared_ = true;
    return state_;
  }

  /// For who makes the next state of it, and gives that to `put`; until then nothing else is asked for.
  [[nodiscard]] core::SagaState take() { return shared_ ? *state_ : std::move(*state_); }
  void put(core::SagaState next) {
    if (shared_) {
      state_ = std::make_shared<core::SagaState>(std::move(next));
      shared_ = false;
    } else {
      *state_ = std::move(next);
    }
  }

 private:
  std::shared_ptr<core::SagaState> state_;
  bool shared_ = false;  ///< Somebody else may hold `state_`.
};

}  // namespace saga::runtime
