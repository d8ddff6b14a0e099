#include "tests/torture/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/torture/story.h"

namespace saga::torture {
namespace {

using workflows::OnFailure;
using workflows::Sequence;
using workflows::StepKind;

constexpr std::int64_t kNsPerMs = 1'000'000;

/// Which steps stand before which in the plan; those of two branches of one group stand beside each other.
std::vector<std::size_t> order_steps(const Sequence& sequence, std::vector<std::vector<bool>>& before) {
  std::vector<std::size_t> earlier;
  for (const auto& node : sequence) {
    std::vector<std::size_t> here;
    if (node.step) here.push_back(*node.step);
    for (const Sequence& branch : node.branches) {
      const auto inner = order_steps(branch, before);
      here.insert(here.end(), inner.begin(), inner.end());
    }
    for (const std::size_t a : earlier) {
      for (const std::size_t b : here) before[a][b] = true;
    }
    earlier.insert(earlier.end(), here.begin(), here.end());
  }
  return earlier;
}

/// What the ledger and the log say of one step.
struct StepFacts {
  std::vector<const SeenCall*> actions;
  std::vector<const SeenCall*> undos;
  std::vector<const Effect*> done;
  std::vector<const Effect*> undone;
  const LoggedEvent* completed = nullptr;
  const LoggedEvent* failed = nullptr;
  bool skipped = false;
  bool maybe_done = false;  ///< The log knows an attempt of unknown outcome.
};

class Check {
 public:
  explicit Check(const Evidence& evidence)
      : e_(evidence),
        w_(*evidence.workflow),
        steps_(w_.steps.size()),
        before_(w_.steps.size(), std::vector<bool>(w_.steps.size())) {
    order_steps(w_.plan, before_);
  }

  std::vector<Violation> run() {
    gather();
    ending();
    numbers();
    forward();
    backward();
    effects();
    money();
    answers();
    for (std::string& lie : lies_of_the_view(w_, e_.shown, e_.events)) wrong("I7", std::move(lie));
    return std::move(violations_);
  }

 private:
  void wrong(const char* invariant, std::string what) { violations_.push_back({invariant, std::move(what)}); }
  const std::string& name(std::size_t i) const { return w_.steps[i].name; }
  static double ms(std::int64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

  void gather();
  void gather_log();
  void ending();
  void numbers();
  void numbers_of(std::size_t step, bool undo);
  void forward();
  void backward();
  void undo_order(std::size_t first, std::size_t second);
  void effects();
  void money();
  void answers();
  [[nodiscard]] std::int64_t first_undo_done(const StepFacts& step) const;

  const Evidence& e_;
  const workflows::Workflow& w_;
  std::vector<StepFacts> steps_;
  std::vector<std::vector<bool>> before_;
  std::map<std::pair<std::string, bool>, std::map<int, const LoggedEvent*>> begun_;  ///< By step, undo, attempt.
  std::map<std::pair<std::string, bool>, std::map<int, const LoggedEvent*>> failed_;
  std::int64_t turned_back_seq_ = 0;  ///< From when nothing new may begin; 0: never.
  std::string status_;
  std::vector<Violation> violations_;
};

void Check::gather() {
  status_ = e_.shown.value("status", "");
  const auto facts_of = [&](const std::string& step) -> StepFacts* {
    const auto index = w_.step_index(step);
    if (!index) wrong("I2", fmt::format("{} was called, which is no step of {}", step, w_.name));
    return index ? &steps_[*index] : nullptr;
  };
  for (const SeenCall& call : e_.ledger.calls) {
    if (StepFacts* facts = facts_of(call.step)) (call.undo ? facts->undos : facts->actions).push_back(&call);
  }
  for (const Effect& effect : e_.ledger.effects) {
    if (StepFacts* facts = facts_of(effect.step)) (effect.undo ? facts->undone : facts->done).push_back(&effect);
  }
  gather_log();
}

void Check::gather_log() {
  for (const LoggedEvent& event : e_.events) {
    const bool stops = event.type == "compensation_begun" || event.type == "stop_requested";
    if (stops && turned_back_seq_ == 0) turned_back_seq_ = event.seq;
    const auto index = w_.step_index(event.step);
    if (!index) continue;
    StepFacts& step = steps_[*index];
    const std::pair key{event.step, event.undo};
    if (event.type == "attempt_begun") begun_[key][event.attempt] = &event;
    if (event.type == "attempt_failed") failed_[key][event.attempt] = &event;
    const bool unknown = event.outcome == "unknown";
    if (!event.undo && unknown && (event.type == "attempt_failed" || event.type == "step_failed"))
      step.maybe_done = true;
    if (event.type == "step_completed") step.completed = &event;
    if (event.type == "step_failed") step.failed = &event;
    if (event.type == "step_skipped") step.skipped = true;
  }
}

/// I1.
void Check::ending() {
  if (status_ != "completed" && status_ != "compensated")
    return wrong("I1", fmt::format("it has not ended well, but is {}", status_));
  if (e_.ending == Ending::kEither) return;
  const char* expected = e_.ending == Ending::kCompleted ? "completed" : "compensated";
  if (status_ != expected) wrong("I1", fmt::format("by its input it should be {}, but it is {}", expected, status_));
}

/// I6.
void Check::numbers() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    numbers_of(i, false);
    numbers_of(i, true);
  }
}

void Check::numbers_of(std::size_t step, bool undo) {
  const char* phase = undo ? "compensation" : "action";
  const auto& begun = begun_[{name(step), undo}];
  const auto& failed = failed_[{name(step), undo}];
  int expected = 1;
  for (const auto& [attempt, event] : begun) {
    if (attempt != expected++)
      wrong("I6", fmt::format("{} {}: attempt {} is missing", name(step), phase, expected - 1));
  }
  const auto& calls = undo ? steps_[step].undos : steps_[step].actions;
  std::set<int> seen;
  int highest = 0;
  for (const SeenCall* call : calls) {
    const std::string what = fmt::format("{} {} attempt {}", name(step), phase, call->attempt);
    if (!seen.insert(call->attempt).second) wrong("I6", what + " came twice");
    const auto intent = begun.find(call->attempt);
    if (intent == begun.end()) {
      wrong("I6", what + " came without an intent in the log");
    } else if (intent->second->at_ms > call->came_ns / kNsPerMs + 1) {
      wrong("I6", what + " came before its intent");
    }
    // What was given up may still be under way when the next attempt comes.
    if (call->attempt < highest) {
      const auto given_up = failed.find(call->attempt);
      if (given_up == failed.end() || given_up->second->outcome != "unknown")
        wrong("I6", fmt::format("{} came after attempt {}, and was not given up", what, highest));
    }
    highest = std::max(highest, call->attempt);
  }
}

/// I2, by the log and by what the workers saw.
void Check::forward() {
  for (std::size_t b = 0; b < steps_.size(); ++b) {
    const StepFacts& step = steps_[b];
    const auto begun = std::find_if(e_.events.begin(), e_.events.end(), [&](const LoggedEvent& event) {
      return event.step == name(b) && !event.undo &&
             (event.type == "attempt_begun" || event.type == "wait_begun" || event.type == "child_begun");
    });
    for (std::size_t a = 0; a < steps_.size(); ++a) {
      if (!before_[a][b] || (begun == e_.events.end() && step.actions.empty())) continue;
      const StepFacts& earlier = steps_[a];
      const bool passed_over = earlier.failed != nullptr && w_.steps[a].on_failure == OnFailure::kContinue;
      if (earlier.completed == nullptr && !passed_over && !earlier.skipped) {
        wrong("I2", fmt::format("{} was begun, but {} before it never ended well", name(b), name(a)));
        continue;
      }
      const LoggedEvent* end = earlier.completed != nullptr ? earlier.completed : earlier.failed;
      if (begun != e_.events.end() && end != nullptr && end->seq > begun->seq)
        wrong("I2", fmt::format("{} was begun before {} ended", name(b), name(a)));
      if (earlier.completed == nullptr || step.actions.empty() || w_.steps[a].kind != StepKind::kCall) continue;
      const std::int64_t came = step.actions.front()->came_ns;
      if (earlier.done.empty()) {
        wrong("I2", fmt::format("{} was called, but {} before it was never done", name(b), name(a)));
      } else if (earlier.done.front()->at_ns > came) {
        wrong("I2", fmt::format("{} was called {:.3f} ms before {} was done", name(b),
                                ms(earlier.done.front()->at_ns - came), name(a)));
      }
    }
  }
  for (const LoggedEvent& wait : e_.events) {
    if (wait.type != "wait_begun" || !wait.due_ms) continue;
    const auto index = w_.step_index(wait.step);
    for (std::size_t b = 0; index && b < steps_.size(); ++b) {
      if (before_[*index][b] && !steps_[b].actions.empty() &&
          steps_[b].actions.front()->came_ns / kNsPerMs < *wait.due_ms)
        wrong("I2", fmt::format("{} was called before {} was over", name(b), wait.step));
    }
  }
  if (status_ != "completed") return;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool needed = w_.steps[i].kind == StepKind::kCall && w_.steps[i].on_failure != OnFailure::kContinue;
    if (needed && !steps_[i].skipped && steps_[i].done.empty())
      wrong("I2", fmt::format("completed, but {} was never done", name(i)));
  }
}

/// When a worker first answered that it is undone; 0: never.
std::int64_t Check::first_undo_done(const StepFacts& step) const {
  std::int64_t first = 0;
  for (const SeenCall* call : step.undos) {
    if (call->done() && (first == 0 || call->answered_ns < first)) first = call->answered_ns;
  }
  return first;
}

/// I4 of two steps of which `second` comes later in the plan: it is undone before `first` is called.
void Check::undo_order(std::size_t first, std::size_t second) {
  const auto& calls = steps_[first].undos;
  if (calls.empty() || steps_[second].undos.empty()) return;
  const std::int64_t ended = first_undo_done(steps_[second]);
  if (ended == 0 || ended > calls.front()->came_ns)
    wrong("I4", fmt::format("{} was undone before {}, which ran after it", name(first), name(second)));
}

/// I3, I4, I5.
void Check::backward() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const StepFacts& step = steps_[i];
    const bool has_undo = w_.steps[i].compensation.has_value();
    for (const LoggedEvent& event : e_.events) {
      const bool begins = event.type == "attempt_begun" || event.type == "wait_begun" || event.type == "child_begun";
      if (turned_back_seq_ != 0 && begins && !event.undo && event.step == name(i) && event.seq > turned_back_seq_)
        wrong("I3", fmt::format("{} was begun after undoing had begun", name(i)));
    }
    if (!step.undos.empty() && status_ == "completed")
      wrong("I5", fmt::format("{} was undone in a saga that is completed", name(i)));
    if (!step.undos.empty() && turned_back_seq_ == 0)
      wrong("I4", fmt::format("{} was undone, but the log knows of no turning back", name(i)));
    const bool to_undo = step.completed != nullptr || step.maybe_done || !step.done.empty();
    if (!step.undos.empty() && !to_undo)
      wrong("I4", fmt::format("{} was undone, but it never happened nor may have", name(i)));
    if (status_ == "compensated" && has_undo && to_undo && first_undo_done(step) == 0)
      wrong("I4", fmt::format("compensated, but {} was never undone", name(i)));
    for (const SeenCall* call : step.undos) {
      if (call->outcome_unknown != (step.completed == nullptr))
        wrong("I4", fmt::format("{} was undone as {}", name(i),
                                call->outcome_unknown ? "unknown, but it was done" : "done, but that is unknown"));
    }
    for (std::size_t later = 0; later < steps_.size(); ++later) {
      if (before_[i][later]) undo_order(i, later);
    }
  }
  if (w_.pivot && turned_back_seq_ != 0 && steps_[*w_.pivot].completed != nullptr)
    wrong("I5", fmt::format("turned back although {}, the pivot, was done", name(*w_.pivot)));
}

/// What stands in the end: everything once, or nothing.
void Check::effects() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const StepFacts& step = steps_[i];
    if (step.done.size() > 1) wrong("I6", fmt::format("{} happened {} times", name(i), step.done.size()));
    if (step.undone.size() > 1) wrong("I6", fmt::format("{} was undone {} times", name(i), step.undone.size()));
    if (step.done.empty()) continue;
    if (!step.undone.empty() && step.undone.front()->at_ns < step.done.back()->at_ns)
      wrong("I4", fmt::format("{} happened after it had been undone", name(i)));
    if (status_ == "compensated" && w_.steps[i].compensation && step.undone.empty())
      wrong("I4", fmt::format("compensated, but {} still stands", name(i)));
  }
}

void Check::money() {
  const auto& charges = e_.ledger.charges;
  if (charges.size() > 1) wrong("I6", fmt::format("charged {} times", charges.size()));
  const auto pays = w_.step_index("pay");
  if (pays && status_ == "completed" && charges.empty()) wrong("I2", "completed, but nothing was charged");
  for (const Charge& charge : charges) {
    if (charge.amount != e_.amount) wrong("I6", fmt::format("charged {} for {}", charge.amount, e_.amount));
    if (charge.refunded && status_ == "completed") wrong("I5", "completed, but the charge was refunded");
    if (!charge.refunded && status_ == "compensated") wrong("I4", "compensated, but the charge was not refunded");
  }
}

/// I7: what the log says came is what the workers answered.
void Check::answers() {
  for (const LoggedEvent& event : e_.events) {
    const bool done = event.type == "step_completed" || event.type == "step_compensated";
    const auto index = w_.step_index(event.step);
    if (!index || w_.steps[*index].kind != StepKind::kCall) continue;
    if (!done && (event.type != "attempt_failed" || event.http_status == 0)) continue;
    const StepFacts& step = steps_[*index];
    const bool by_callback = !step.done.empty() && step.done.front()->attempt == 0;
    const auto& calls = event.undo ? step.undos : step.actions;
    const auto call =
        std::find_if(calls.begin(), calls.end(), [&](const SeenCall* c) { return c->attempt == event.attempt; });
    const std::string what =
        fmt::format("{} {} attempt {}", event.step, event.undo ? "compensation" : "action", event.attempt);
    if (call == calls.end()) {
      wrong("I7", fmt::format("the log has an answer to {}, which no worker saw", what));
    } else if (done && (*call)->status != 200 && !(by_callback && !event.undo)) {
      wrong("I7", fmt::format("the log has {} done, but the worker answered {}", what, (*call)->status));
    } else if (!done && (*call)->status != event.http_status) {
      wrong("I7", fmt::format("the log has {} answered {}, but the worker answered {}", what, event.http_status,
                              (*call)->status));
    }
  }
}

}  // namespace

std::vector<Violation> check_saga(const Evidence& evidence) {
  if (evidence.ending == Ending::kNothing || evidence.shown.is_null()) {
    // There is no definition to go by.
    std::vector<Violation> violations;
    if (evidence.ending != Ending::kNothing) violations.push_back({"I1", "it was accepted and is lost"});
    if (evidence.ending == Ending::kNothing && !evidence.shown.is_null())
      violations.push_back({"I8", "its start was refused, but it is there"});
    if (evidence.ending == Ending::kNothing && !evidence.ledger.calls.empty())
      violations.push_back({"I8", "its start was refused, but a worker was called for it"});
    return violations;
  }
  return Check(evidence).run();
}

}  // namespace saga::torture
