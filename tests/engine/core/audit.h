// What must hold whatever happens to a saga: of one decision (equal arguments, equal decisions; what is written reads
// back to the same state; the verbs allowed are the verbs not refused; what is due is found), and of the whole history
// (the invariants I2 to I6 of the design), judged by the events alone.
#pragma once

#include <string>
#include <vector>

#include "engine/core/decide.h"

namespace saga::core {

/// What was found wrong, one sentence each; empty when all holds.
using Problems = std::vector<std::string>;

/// Events as they would be read back from the store. A problem for each that does not come back equal.
[[nodiscard]] std::vector<Event> stored_and_read(const workflows::Workflow& workflow, const std::vector<Event>& events,
                                                 Problems& problems);

/// Folds `events` into `state`.
void fold(const workflows::Workflow& workflow, SagaState& state, const std::vector<Event>& events, Problems& problems);

/// What must hold of this decision, whatever the input was.
[[nodiscard]] Problems check_decision(const workflows::Workflow& workflow, const SagaState& before, const Input& input,
                                      const Moment& moment, const Decision& decision);

/// What must hold of a state that a decision led to at `now`; `began` is false where it was not allowed to begin calls.
[[nodiscard]] Problems check_state(const workflows::Workflow& workflow, const SagaState& state, Timestamp now,
                                   bool began);

/// Every verb, with and without each step and an output, is refused or not as `allowed_verbs` says.
[[nodiscard]] Problems check_verbs(const workflows::Workflow& workflow, const SagaState& state, Timestamp now);

/// Every way to ask `verb` of a saga of `workflow`.
[[nodiscard]] std::vector<OperatorCommand> commands_of(const workflows::Workflow& workflow, Verb verb);

/// Follows a saga's events with a model of its own, which knows what was done and what is unknown and nothing else.
class Auditor {
 public:
  explicit Auditor(const workflows::Workflow& workflow);
  void see(const Event& event);
  [[nodiscard]] const Problems& problems() const { return problems_; }

 private:
  struct Call {
    int attempts = 0;
    bool open = false;
    bool awaited = false;  ///< Its callback or its child is; of a wait and a signal, that.
  };
  /// How two steps stand to each other in the plan.
  enum class Order { kBefore, kAfter, kBeside };
  struct Step {
    Call action;
    Call undo;
    bool begun = false;
    bool ended = false;
    bool passable = false;  ///< It ended as the definition lets the saga go on.
    bool done = false;
    bool unknown = false;  ///< Some attempt was, and nobody has said otherwise.
    bool undo_ended = false;
    bool undone = false;
    bool signalled = false;
  };

  void see_call(const EventBody& body);
  void see_kind(const EventBody& body);
  void see_end(const EventBody& body);
  void see_saga(const EventBody& body);
  void see_operator(const EventBody& body);
  void number(StepIndex step, Phase phase, int attempt);
  void begun(StepIndex step);
  void undo_begun(StepIndex step);
  void ended(StepIndex step, bool passable);
  void order_steps(const workflows::Sequence& sequence, std::vector<StepIndex>& all);
  void undoing_ends(bool all_undone);
  [[nodiscard]] bool to_undo(const Step& step, StepIndex index) const;
  void wrong(std::string what) { problems_.push_back(std::move(what)); }

  const workflows::Workflow* workflow_;
  std::vector<Step> steps_;
  std::vector<std::vector<Order>> order_;  ///< [a][b]: a stands so to b.
  bool any_ended_ = false;
  bool is_child_ = false;
  bool stopping_ = false;
  bool turned_back_ = false;
  bool pivot_in_doubt_ = false;  ///< Suspended with the pivot unknown.
  bool over_ = false;
  Problems problems_;
};

}  // namespace saga::core
