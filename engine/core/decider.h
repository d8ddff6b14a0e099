// One decision in the making: the events so far and the state they lead to. Internal to the core; decide.cc moves sagas
// on, calls.cc reads how calls ended, operator.cc what operators ask.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/rules.h"

namespace saga::core {

class Decider {
 public:
  Decider(const workflows::Workflow& workflow, const SagaState& state, const Moment& moment);

  void react(const StartSaga& input);
  void react(const CallFinished& input);
  void react(const TimerFired& input);
  void react(const ServiceAvailable& input);
  void react(const Recovered& input);
  void react(const OperatorCommand& input);

  [[nodiscard]] Decision take() &&;

 private:
  [[nodiscard]] const SagaState& state() const { return decision_.after; }
  void emit(EventBody body);
  [[nodiscard]] Failure failure_of(StepIndex step, Phase phase, std::string_view code, std::string message) const;

  // Moving on; each says whether it emitted something.
  void advance();
  bool advance_pending();
  bool advance_running();
  bool advance_stopping();
  bool advance_compensating();
  void follow_failed_step(StepIndex step);
  void suspend_pivot_unknown(StepIndex pivot, std::string message);
  void complete();
  bool begin_step(StepIndex step);
  bool begin_call(StepIndex step, Phase phase);
  bool continue_call(StepIndex step, Phase phase);
  void end_action(StepIndex step);
  void end_call_for_good(StepIndex step, Phase phase, Failure failure);

  // How a call ended.
  [[nodiscard]] workers::Verdict read_answer(const CallFinished& input) const;
  void read_error_code(const CallFinished& input, const workers::AnswerContext& context,
                       workers::Verdict& verdict) const;
  void record_failure(StepIndex step, Phase phase, const workers::Verdict& verdict, bool lost,
                      std::int64_t duration_ms);
  [[nodiscard]] std::optional<Timestamp> next_attempt(StepIndex step, Phase phase, const workers::Verdict& verdict,
                                                      bool lost);
  [[nodiscard]] double draw_unit();

  // What operators ask.
  void refuse(std::string message);
  void misuse(std::string message);
  void cancel(const OperatorCommand& command);
  void suspend(const OperatorCommand& command);
  void resume(const OperatorCommand& command);
  void retry(const OperatorCommand& command);
  void skip(const OperatorCommand& command);
  void terminate(const OperatorCommand& command);
  [[nodiscard]] bool allows(Verb verb) const;

  const workflows::Workflow& workflow_;
  Moment moment_;
  Timestamp now_;
  std::uint64_t draw_;
  bool available_ = false;  ///< The service that a call waits for has an instance.
  Decision decision_;
};

}  // namespace saga::core
