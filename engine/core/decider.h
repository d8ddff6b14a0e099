// One decision in the making: the events so far and the state they lead to. Internal to the core; decide.cc moves sagas
// on, calls.cc makes calls and reads how they ended, callbacks.cc, waits.cc, signals.cc and children.cc have the other
// things a step can wait for, operator.cc what operators ask.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/rules.h"

namespace saga::core {

class Decider {
 public:
  Decider(const workflows::Workflow& workflow, SagaState state, const Moment& moment);

  void react(const StartSaga& input);
  void react(const CallFinished& input);
  void react(const CallbackArrived& input);
  void react(const HeartbeatArrived& input);
  void react(const SignalArrived& input);
  void react(const ChildReported& input);
  void react(const UndoSaga& input);
  void react(const TimerFired& input);
  void react(const ServiceAvailable& input);
  void react(const Recovered& input);
  void react(const OperatorCommand& input);

  [[nodiscard]] Decision take() &&;

  /// Thrown where the saga contradicts itself, by `emit` and `require`; `decide` ends it.
  struct Contradiction {
    std::string what;
  };

 private:
  class Forward;  // Visitors of the frontier, which move each step at its turn.
  class Backward;

  [[nodiscard]] const SagaState& state() const { return decision_.after; }
  void emit(EventBody body);
  /// `expected` is a phrase that says what holds for every saga.
  static void require(bool condition, const char* expected) {
    if (!condition) throw Contradiction{std::string("expected that ") + expected};
  }
  void release(Effect effect) { decision_.effects.push_back(effect); }
  void release_effects_of(const EventBody& body);
  [[nodiscard]] Failure failure_of(StepIndex step, Phase phase, std::string_view code, std::string message) const;
  /// From when a delay counts: a suspended saga's time stands still, and what is due is put off when it goes on.
  [[nodiscard]] Timestamp delay_from() const { return state().suspension ? state().suspension->since : now_; }

  // Moving on; each says whether it emitted something.
  void advance();
  bool advance_pending();
  bool advance_running();
  bool advance_stopping();
  bool advance_compensating();
  bool turn_back();
  bool stop_at_failed_step();
  bool stop_at_failed_compensation();
  void suspend_pivot_unknown(StepIndex pivot, std::string message);
  void complete();
  void end_undoing();

  // One step. The first four say whether they emitted something.
  bool move_step(StepIndex step);
  bool move_compensation(StepIndex step);
  bool begin_step(StepIndex step);
  bool ask_group(const workflows::PlanNode& group);
  [[nodiscard]] Result<bool> ask_when(const workflows::Expression& when, const workflows::Scope& scope) const;
  void end_waiting(StepIndex step);

  // One call.
  bool begin_call(StepIndex step, Phase phase);
  bool continue_call(StepIndex step, Phase phase);
  void end_action(StepIndex step);
  void end_call_for_good(StepIndex step, Phase phase, Failure failure);
  [[nodiscard]] bool is_available(StepIndex step, Phase phase) const;

  // How a call ended.
  [[nodiscard]] workers::Verdict read_answer(const CallFinished& input) const;
  void read_error_code(const CallFinished& input, const workers::AnswerContext& context,
                       workers::Verdict& verdict) const;
  void record_done(StepIndex step, Phase phase, int attempt, int http_status, JsonRef output, std::int64_t duration_ms);
  void record_failure(StepIndex step, Phase phase, const workers::Verdict& verdict, bool lost,
                      std::int64_t duration_ms);
  [[nodiscard]] std::optional<Timestamp> next_attempt(StepIndex step, Phase phase, const workers::Verdict& verdict,
                                                      bool lost);
  [[nodiscard]] double draw_unit();

  // Callbacks.
  void take_call(const CallFinished& input);
  bool continue_taken(StepIndex step, Phase phase);
  void give_up_taken(StepIndex step, Phase phase, std::string_view code, std::string message);
  [[nodiscard]] bool is_call_open(StepIndex step, Phase phase, int attempt) const;
  void record_callback_failure(const CallbackArrived& input);

  // Waits and signals.
  bool begin_wait(StepIndex step);
  bool continue_wait(StepIndex step);
  bool begin_signal(StepIndex step);
  bool continue_signal(StepIndex step);

  // Children.
  bool begin_child(StepIndex step);
  bool begin_child_undo(StepIndex step);
  void release_for_children();
  void ask_undoing_children();
  void report_action(const ChildReported& report);
  void report_undo(const ChildReported& report);
  void report_progress(const ChildReported& report, Phase phase);
  [[nodiscard]] Failure child_failure(const ChildReported& report, Phase phase, std::string_view code) const;

  // What operators ask.
  void refuse(std::string message, Refusal::Kind kind = Refusal::Kind::kConflict);
  void misuse(std::string message) { refuse(std::move(message), Refusal::Kind::kMisfit); }
  void cancel(const Actor& actor);
  void suspend(const Actor& actor);
  void resume(const Actor& actor);
  void retry(const OperatorCommand& command);
  void skip(const OperatorCommand& command);
  void terminate(const Actor& actor);
  [[nodiscard]] bool allows(Verb verb) const;

  const workflows::Workflow& workflow_;
  Moment moment_;
  Timestamp now_;
  std::uint64_t draw_;
  bool all_available_ = false;        ///< Calls that wait for a service are tried.
  std::optional<CallRef> available_;  ///< The service of this one has an instance.
  Decision decision_;
};

}  // namespace saga::core
