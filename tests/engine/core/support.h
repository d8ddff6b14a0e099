// What the rulebook's tests share: workflows in two lines, answers by name, and a saga that is driven input by input
// and checked after every decision (audit.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/decide.h"
#include "tests/engine/core/audit.h"
#include "workflows/workflow.h"

namespace saga::core {

// ---- workflows -----------------------------------------------------------------------------------------------------

/// A step with a compensation; `options` in YAML flow style, such as "on_failure: continue".
[[nodiscard]] std::string step(std::string_view name, std::string_view options = "");

/// A step without one.
[[nodiscard]] std::string bare(std::string_view name, std::string_view options = "");

/// A wait of one minute, a signal of the step's name, a child saga of "inner/1".
[[nodiscard]] std::string wait_step(std::string_view name, std::string_view options = "");
[[nodiscard]] std::string signal_step(std::string_view name, std::string_view options = "");
[[nodiscard]] std::string child_step(std::string_view name, std::string_view options = "");

/// A group of these branches, each of these steps; `options` such as "when: …", a line each.
[[nodiscard]] std::string parallel(const std::vector<std::vector<std::string>>& branches,
                                   const std::vector<std::string>& options = {});

/// "flow/1" of these steps; `header` are further lines. Calls are tried 3 times after 1 s and 2 s, compensations twice
/// after 10 s, without jitter, unless `header` has its own `defaults`.
[[nodiscard]] workflows::WorkflowRef flow(const std::vector<std::string>& steps, std::string_view header = "");

// ---- answers -------------------------------------------------------------------------------------------------------

[[nodiscard]] workers::CallOutcome answered(int status, std::string_view json_body = "",
                                            std::optional<std::string> retry_after = {});
[[nodiscard]] workers::CallOutcome done(std::string_view json_body = "{}");
[[nodiscard]] workers::CallOutcome refused();      ///< 422: not done, not retried.
[[nodiscard]] workers::CallOutcome busy();         ///< 429: not done, retried.
[[nodiscard]] workers::CallOutcome fault();        ///< 503: unknown, retried.
[[nodiscard]] workers::CallOutcome broken();       ///< 302: unknown, an action is not retried.
[[nodiscard]] workers::CallOutcome final_fault();  ///< 503 with "retryable": false: unknown, not retried.
[[nodiscard]] workers::CallOutcome timed_out();
[[nodiscard]] workers::CallOutcome lost();
[[nodiscard]] workers::CallOutcome unreachable();  ///< Not done, retried.
[[nodiscard]] workers::CallOutcome no_instance();  ///< Not called.
[[nodiscard]] workers::CallOutcome taken();        ///< 202 with Saga-Async.

/// What comes from outside for what a saga awaits, such that it goes well: a callback, a signal, a child's end.
[[nodiscard]] std::optional<Input> from_outside(const workflows::Workflow& workflow, const SagaState& state);

// ---- a driven saga -------------------------------------------------------------------------------------------------

/// One line an event: "call a #1", "a failed 503 unknown", "compensated".
[[nodiscard]] std::string told(const workflows::Workflow& workflow, const Event& event);
using Story = std::vector<std::string>;

inline constexpr Timestamp kStart{1'700'000'000'000};

/// The facts of a saga that starts at `kStart`.
[[nodiscard]] std::shared_ptr<const SagaFacts> facts_of(const workflows::Workflow& workflow,
                                                        Json input = Json::object(),
                                                        std::optional<Timestamp> start_at = {});

/// One saga of `workflow`. Every input is a moment later than the one before only where the test says so.
class Driver {
 public:
  explicit Driver(workflows::WorkflowRef workflow) : workflow_(std::move(workflow)), auditor_(*workflow_) {}

  Timestamp now = kStart;
  bool begin_calls = true;
  std::uint64_t draw = 0;

  Story start(Json input = Json::object(), std::optional<Timestamp> start_at = {});
  Story answer(std::string_view step, const workers::CallOutcome& outcome);       ///< Of its action under way.
  Story answer_undo(std::string_view step, const workers::CallOutcome& outcome);  ///< Of its compensation under way.
  Story timer() { return feed(TimerFired{}); }
  Story after(Millis time);  ///< The timer, so much later.
  Story when_due();          ///< The timer, at `next_due`.
  Story recover() { return feed(Recovered{}); }
  Story available(std::string_view step, Phase phase = Phase::kAction);

  Story command(Verb verb, std::string_view step = "", JsonRef output = nullptr);  ///< Must not be refused.
  Story cancel() { return command(Verb::kCancel); }
  Story suspend() { return command(Verb::kSuspend); }
  Story resume() { return command(Verb::kResume); }
  Story retry(std::string_view step = "") { return command(Verb::kRetry, step); }
  Story skip(std::string_view step, JsonRef output = nullptr) { return command(Verb::kSkip, step, std::move(output)); }
  Story terminate() { return command(Verb::kTerminate); }
  /// Must be refused: why.
  std::string refusal(Verb verb, std::string_view step = "", JsonRef output = nullptr);

  /// Callbacks of the newest attempt where none is named.
  Story call_back(std::string_view step, std::string_view json_output = "{}", int attempt = 0);
  Story call_back_undone(std::string_view step, int attempt = 0);
  Story call_back_failed(std::string_view step, std::optional<bool> retryable = {}, int attempt = 0,
                         Phase phase = Phase::kAction);
  [[nodiscard]] CallbackArrived callback_of(std::string_view step, Phase phase, int attempt, bool succeeded,
                                            std::string_view json_output, std::optional<bool> retryable) const;
  Story beat(std::string_view step, Phase phase = Phase::kAction);
  Story signal(std::string_view signal, std::string_view json_payload = "{}");
  /// The step's newest child, or number `attempt`, stands so.
  Story child(std::string_view step, SagaStatus status, std::string_view json_output = "{}", int attempt = 0);
  /// Must be refused: how and why.
  std::pair<Refusal::Kind, std::string> refused_input(const Input& input);

  Story feed(const Input& input);

  [[nodiscard]] const workflows::Workflow& workflow() const { return *workflow_; }
  [[nodiscard]] const SagaState& state() const { return state_; }
  [[nodiscard]] std::string status() const { return std::string(to_string(state_.status)); }
  [[nodiscard]] const StepState& step(std::string_view name) const;
  [[nodiscard]] std::optional<Millis> due() const;  ///< From now.
  [[nodiscard]] std::string allowed() const;        ///< "cancel suspend".
  [[nodiscard]] CallRequest request(std::string_view step, Phase phase = Phase::kAction) const;
  [[nodiscard]] std::string header(std::string_view step, Phase phase, std::string_view name) const;
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] const std::vector<Effect>& effects() const { return effects_; }  ///< Of the last input.

 private:
  [[nodiscard]] StepIndex index_of(std::string_view step) const;
  Decision decide_checked(const Input& input);
  OperatorCommand command_of(Verb verb, std::string_view step, JsonRef output) const;

  workflows::WorkflowRef workflow_;
  SagaState state_;
  std::vector<Event> events_;
  std::vector<Effect> effects_;
  Auditor auditor_;
};

}  // namespace saga::core
