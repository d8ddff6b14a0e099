// Three branches of four steps between two others. Whichever of the twelve fails, wherever the other branches are by
// then and however their calls in flight end: exactly what was done, or may have been, is undone, each branch in its
// own reverse order and all of them at once, and what stood before the group after that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

constexpr int kBranches = 3;
constexpr int kSteps = 4;

std::string name_of(int branch, int step) {
  return std::string(1, static_cast<char>('a' + branch)) + std::to_string(step);
}

workflows::WorkflowRef grid() {
  std::string group = "  - parallel:\n";
  for (int branch = 0; branch < kBranches; ++branch) {
    group += "    -\n";
    for (int number = 1; number <= kSteps; ++number) group += "    " + step(name_of(branch, number));
  }
  return flow({step("before"), group, step("after")});
}

/// A saga that is judged by its events after every input, and replayed once at its end: thousands of them are run.
class Saga {
 public:
  explicit Saga(const workflows::WorkflowRef& workflow) : workflow_(workflow), auditor_(*workflow) {}

  void start() { feed(StartSaga{facts_of(*workflow_), "ada@shop"}); }
  void answer(const std::string& step, const workers::CallOutcome& outcome) {
    feed(CallFinished{index_of(step), Phase::kAction, this->step(step).action.attempts, outcome});
  }
  void answer_undo(const std::string& step, const workers::CallOutcome& outcome) {
    feed(CallFinished{index_of(step), Phase::kCompensation, this->step(step).compensation.attempts, outcome});
  }
  void recover() { feed(Recovered{}); }

  void expect_sound() const {
    Problems problems = auditor_.problems();
    SagaState replayed;
    fold(*workflow_, replayed, stored_and_read(*workflow_, events_, problems), problems);
    EXPECT_THAT(problems, testing::IsEmpty());
    EXPECT_TRUE(replayed == state_);
  }

  [[nodiscard]] const workflows::Workflow& workflow() const { return *workflow_; }
  [[nodiscard]] const SagaState& state() const { return state_; }
  [[nodiscard]] std::string status() const { return std::string(to_string(state_.status)); }
  [[nodiscard]] const StepState& step(const std::string& name) const { return state_.steps[index_of(name)]; }
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }

 private:
  [[nodiscard]] StepIndex index_of(const std::string& step) const { return workflow_->step_index(step).value(); }

  void feed(const Input& input) {
    Decision decision = decide(*workflow_, state_, input, {kStart, 0, true});
    EXPECT_FALSE(decision.events.empty());
    for (const Event& event : decision.events) {
      auditor_.see(event);
      events_.push_back(event);
    }
    state_ = std::move(decision.after);
  }

  const workflows::WorkflowRef workflow_;
  SagaState state_;
  std::vector<Event> events_;
  Auditor auditor_;
};

/// How a call in flight ends once another branch has failed.
enum class End { kDone, kRefused, kUnknown };

/// Where a branch that does not fail is when another does.
struct Progress {
  int done = 0;          ///< Steps; the next one, if there is one, is in flight.
  End end = End::kDone;  ///< Of the one in flight.
  [[nodiscard]] bool in_flight() const { return done < kSteps; }
};

std::vector<Progress> all_progress() {
  std::vector<Progress> all;
  for (int done = 0; done < kSteps; ++done) {
    for (const End end : {End::kDone, End::kRefused, End::kUnknown}) all.push_back({done, end});
  }
  all.push_back({kSteps, End::kDone});
  return all;
}

/// One run: a step of one branch fails while the two others are somewhere.
struct Case {
  int branch = 0;
  int step = 1;
  std::array<int, 2> others{};  ///< Which branches they are.
  std::array<Progress, 2> progress{};
  bool last_first = false;  ///< The order in which open calls are answered, going forward and going back.
};

class GridRun {
 public:
  GridRun(const workflows::WorkflowRef& workflow, const Case& one) : case_(one), saga_(workflow) {}

  /// Up to where the step has failed and all in flight but the last has ended.
  void fail() {
    saga_.start();
    act("before", done(), true);
    for (std::size_t i = 0; i < 2; ++i) {
      for (int number = 1; number <= case_.progress[i].done; ++number)
        act(name_of(case_.others[i], number), done(), true);
    }
    for (int number = 1; number < case_.step; ++number) act(name_of(case_.branch, number), done(), true);
    act(name_of(case_.branch, case_.step), refused(), false);
    failed_at_ = saga_.events().size();
    EXPECT_EQ(saga_.status(), any_in_flight() ? "running" : "compensating");
  }

  /// Every call in flight is answered.
  void let_calls_end() {
    for (const std::size_t i : case_.last_first ? std::array<std::size_t, 2>{1, 0} : std::array<std::size_t, 2>{0, 1}) {
      const Progress& progress = case_.progress[i];
      if (!progress.in_flight()) continue;
      EXPECT_EQ(saga_.status(), "running") << "undoing begins when all has ended";
      const std::string step = name_of(case_.others[i], progress.done + 1);
      act(step,
          progress.end == End::kDone      ? done()
          : progress.end == End::kRefused ? refused()
                                          : fault(),
          progress.end != End::kRefused);
    }
  }

  /// The process stops and comes back: nobody knows how the calls in flight ended.
  void crash() {
    saga_.recover();
    for (std::size_t i = 0; i < 2; ++i) {
      if (case_.progress[i].in_flight()) to_undo_.insert(name_of(case_.others[i], case_.progress[i].done + 1));
    }
  }

  void undo_all() {
    std::set<std::string> left = to_undo_;
    while (!left.empty()) {
      EXPECT_EQ(saga_.status(), "compensating");
      const std::set<std::string> open = open_undos();
      EXPECT_EQ(open, due(left));
      if (open.empty()) return;  // Said so above.
      const std::string next = case_.last_first ? *open.rbegin() : *open.begin();
      saga_.answer_undo(next, done());
      left.erase(next);
    }
    EXPECT_EQ(saga_.status(), "compensated");
    saga_.expect_sound();
    EXPECT_THAT(open_undos(), testing::IsEmpty());
    EXPECT_EQ(undone_steps(), to_undo_);
    EXPECT_THAT(actions_begun_since_the_failure(), testing::IsEmpty());
  }

 private:
  void act(const std::string& step, const workers::CallOutcome& outcome, bool leaves_something) {
    saga_.answer(step, outcome);
    if (leaves_something) to_undo_.insert(step);
  }

  [[nodiscard]] bool any_in_flight() const { return case_.progress[0].in_flight() || case_.progress[1].in_flight(); }

  /// What must be under way: the last of each branch, or else what stood before the group.
  static std::set<std::string> due(const std::set<std::string>& left) {
    std::map<char, std::string> last;
    for (const std::string& step : left) {
      if (step != "before") last[step[0]] = step;  // In order of names.
    }
    if (last.empty()) return left;
    std::set<std::string> due;
    for (const auto& [branch, step] : last) due.insert(step);
    return due;
  }

  [[nodiscard]] std::string name(StepIndex step) const { return saga_.workflow().steps[step].name; }

  [[nodiscard]] std::set<std::string> open_undos() const {
    std::set<std::string> open;
    for (std::size_t i = 0; i < saga_.state().steps.size(); ++i) {
      if (saga_.state().steps[i].compensation.open) open.insert(name(i));
    }
    return open;
  }

  [[nodiscard]] std::set<std::string> undone_steps() const {
    std::set<std::string> undone;
    for (const Event& event : saga_.events()) {
      const auto* compensated = std::get_if<StepCompensated>(&event.body);
      if (compensated == nullptr) continue;
      EXPECT_TRUE(undone.insert(name(compensated->step)).second) << "twice";
    }
    return undone;
  }

  [[nodiscard]] std::vector<std::string> actions_begun_since_the_failure() const {
    std::vector<std::string> begun;
    for (std::size_t i = failed_at_; i < saga_.events().size(); ++i) {
      const auto* attempt = std::get_if<AttemptBegun>(&saga_.events()[i].body);
      if (attempt != nullptr && attempt->phase == Phase::kAction) begun.push_back(name(attempt->step));
    }
    return begun;
  }

  const Case case_;
  Saga saga_;
  std::set<std::string> to_undo_;
  std::size_t failed_at_ = 0;
};

std::string shown(const Case& one) {
  std::string text = name_of(one.branch, one.step) + " fails";
  for (std::size_t i = 0; i < 2; ++i) {
    text += ", branch " + std::string(1, static_cast<char>('a' + one.others[i])) + " has done " +
            std::to_string(one.progress[i].done);
    if (one.progress[i].in_flight()) text += " and ends " + std::to_string(static_cast<int>(one.progress[i].end));
  }
  return text + (one.last_first ? ", the last first" : "");
}

/// Calls `run` for every failing step and every progress of the other two branches; how many runs that was.
template <typename Run>
int for_every_case(const Run& run) {
  const workflows::WorkflowRef workflow = grid();
  int runs = 0;
  for (int branch = 0; branch < kBranches; ++branch) {
    for (int step = 1; step <= kSteps; ++step) {
      for (const Progress& one : all_progress()) {
        for (const Progress& other : all_progress()) {
          for (const bool last_first : {false, true}) {
            const Case now{
                branch, step, {(branch + 1) % kBranches, (branch + 2) % kBranches}, {one, other}, last_first};
            run(workflow, now);
            ++runs;
            if (testing::Test::HasFailure()) {
              ADD_FAILURE() << shown(now);
              return runs;  // The first says enough.
            }
          }
        }
      }
    }
  }
  return runs;
}

TEST(BranchGrid, UndoesExactlyWhatWasDoneWhereverItFails) {
  const int runs = for_every_case([](const workflows::WorkflowRef& workflow, const Case& one) {
    GridRun run(workflow, one);
    run.fail();
    run.let_calls_end();
    run.undo_all();
  });
  EXPECT_EQ(runs, kBranches * kSteps * 13 * 13 * 2);
}

TEST(BranchGrid, UndoesWhatMayHaveBeenDoneAfterACrash) {
  int runs = 0;
  for_every_case([&runs](const workflows::WorkflowRef& workflow, const Case& one) {
    // How the calls would have ended makes no difference here.
    if (one.progress[0].end != End::kDone || one.progress[1].end != End::kDone) return;
    ++runs;
    GridRun run(workflow, one);
    run.fail();
    run.crash();
    run.undo_all();
  });
  EXPECT_EQ(runs, kBranches * kSteps * 5 * 5 * 2);
}

TEST(BranchGrid, GoesOnWhenAllBranchesAreThrough) {
  Saga saga(grid());
  saga.start();
  saga.answer("before", done());
  for (int number = 1; number <= kSteps; ++number) {
    for (int branch = kBranches - 1; branch >= 0; --branch) {
      EXPECT_FALSE(saga.step("after").action.open);
      saga.answer(name_of(branch, number), done());
    }
  }
  EXPECT_TRUE(saga.step("after").action.open);
  saga.answer("after", done());
  EXPECT_EQ(saga.status(), "completed");
  saga.expect_sound();
}

}  // namespace
}  // namespace saga::core
