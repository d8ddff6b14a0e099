// The judge bites: a saga whose ledger, log and view hold is let pass, and each way of doctoring it is named.
#include "tests/torture/checker.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/torture/figures.h"
#include "workflows/load.h"

namespace saga::torture {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kWorkflow = R"(
name: order
version: 1
steps:
  - { name: reserve, service: shop, action: /do, compensation: /undo }
  - { name: pay, service: shop, action: /charge, compensation: /refund }
  - { name: ship, service: shop, action: /do, compensation: /undo, pivot: true }
  - { name: notify, service: shop, action: /do, on_failure: continue }
)";

/// Evidence written down as it happened, a millisecond a line.
class Story {
 public:
  Story() : workflow_(workflows::load_workflows(kWorkflow, "order.yaml")->front()) {
    evidence_.workflow = workflow_.get();
    evidence_.id = "o1";
    evidence_.amount = 70;
    log("saga_accepted");
    log("saga_started");
  }

  LoggedEvent& log(const std::string& type, const std::string& step = "", bool undo = false, int attempt = 0) {
    LoggedEvent event;
    event.seq = static_cast<std::int64_t>(evidence_.events.size()) + 1;
    event.at_ms = ++now_;
    event.type = type;
    event.step = step;
    event.undo = undo;
    event.attempt = attempt;
    evidence_.events.push_back(event);
    return evidence_.events.back();
  }
  void call(const std::string& step, bool undo, int attempt, int status) {
    const std::int64_t came = ++now_ * 1'000'000;
    evidence_.ledger.calls.push_back({step, undo, attempt, false, came, ++now_ * 1'000'000, status});
    if (status == 200) evidence_.ledger.effects.push_back({step, undo, attempt, came});
    if (status != 200 || step != "pay") return;
    if (!undo) evidence_.ledger.charges.push_back({"o1/pay/action", 70, false});
    if (undo) evidence_.ledger.charges.front().refunded = true;
  }
  void does(const std::string& step, int attempt = 1) {
    log("attempt_begun", step, false, attempt);
    call(step, false, attempt, 200);
    log("step_completed", step, false, attempt).http_status = 200;
  }
  void is_refused(const std::string& step) {
    log("attempt_begun", step, false, 1);
    call(step, false, 1, 422);
    LoggedEvent& failed = log("attempt_failed", step, false, 1);
    failed.http_status = 422;
    failed.outcome = "not_done";
    log("step_failed", step).outcome = "not_done";
  }
  void undoes(const std::string& step) {
    log("attempt_begun", step, true, 1);
    call(step, true, 1, 200);
    log("step_compensated", step, true, 1).http_status = 200;
  }
  /// The view, as the log has it.
  Evidence ended(const std::string& status, Ending ending) {
    log("saga_" + status);
    Json steps = Json::array();
    for (const auto& step : workflow_->steps) {
      const auto count = [&](const std::string& type, bool undo) {
        return std::count_if(evidence_.events.begin(), evidence_.events.end(), [&](const LoggedEvent& e) {
          return e.type == type && e.step == step.name && e.undo == undo;
        });
      };
      const char* is = count("step_completed", false) > 0 ? "completed" : "pending";
      if (count("step_failed", false) > 0) is = "failed";
      steps.push_back({{"name", step.name},
                       {"status", is},
                       {"attempts", count("attempt_begun", false)},
                       {"compensation",
                        {{"status", count("step_compensated", true) > 0 ? "completed" : "none"},
                         {"attempts", count("attempt_begun", true)}}}});
    }
    evidence_.shown = {{"status", status}, {"steps", steps}};
    evidence_.ending = ending;
    return evidence_;
  }

 private:
  workflows::WorkflowRef workflow_;  ///< Kept by the fixture below for as long as the evidence.
  Evidence evidence_;
  std::int64_t now_ = 1'000;
};

class Checker : public ::testing::Test {
 protected:
  Evidence completed() {
    for (const char* step : {"reserve", "pay", "ship"}) story_.does(step);
    story_.is_refused("notify");
    return story_.ended("completed", Ending::kCompleted);
  }
  Evidence compensated() {
    story_.does("reserve");
    story_.does("pay");
    story_.is_refused("ship");
    story_.log("compensation_begun");
    story_.undoes("pay");
    story_.undoes("reserve");
    return story_.ended("compensated", Ending::kCompensated);
  }
  static std::vector<std::string> found(const Evidence& evidence) {
    std::vector<std::string> all;
    for (const Violation& violation : check_saga(evidence)) all.push_back(violation.invariant + " " + violation.what);
    return all;
  }
  static auto names(const std::string& what) { return Contains(HasSubstr(what)); }
  static SeenCall& call_of(Evidence& evidence, const std::string& step, bool undo) {
    return *std::find_if(evidence.ledger.calls.begin(), evidence.ledger.calls.end(),
                         [&](const SeenCall& call) { return call.step == step && call.undo == undo; });
  }
  static void forget_call(Evidence& evidence, const std::string& step, bool undo) {
    std::erase_if(evidence.ledger.calls, [&](const SeenCall& c) { return c.step == step && c.undo == undo; });
    std::erase_if(evidence.ledger.effects, [&](const Effect& e) { return e.step == step && e.undo == undo; });
  }

  Story story_;
};

TEST_F(Checker, LetsPassWhatHolds) {
  EXPECT_THAT(found(completed()), IsEmpty());
  story_ = Story();
  EXPECT_THAT(found(compensated()), IsEmpty());
}

TEST_F(Checker, NamesALostSaga) {
  Evidence evidence = completed();
  evidence.shown = nullptr;
  EXPECT_THAT(found(evidence), names("I1 it was accepted and is lost"));
}

TEST_F(Checker, NamesASagaThatEndsOtherwiseThanItsInputSays) {
  Evidence evidence = compensated();
  evidence.ending = Ending::kCompleted;
  EXPECT_THAT(found(evidence), names("I1 by its input it should be completed, but it is compensated"));
  evidence.shown["status"] = "suspended";
  EXPECT_THAT(found(evidence), names("I1 it has not ended well, but is suspended"));
}

TEST_F(Checker, NamesAStepThatRanBeforeItsTurn) {
  Evidence evidence = completed();
  std::swap(evidence.ledger.calls[0], evidence.ledger.calls[1]);
  std::swap(evidence.ledger.effects[0].at_ns, evidence.ledger.effects[1].at_ns);
  std::swap(evidence.ledger.calls[0].came_ns, evidence.ledger.calls[1].came_ns);
  EXPECT_THAT(found(evidence), names("I2 pay was called"));
}

TEST_F(Checker, NamesAStepThatIsMissingInACompletedSaga) {
  Evidence evidence = completed();
  forget_call(evidence, "pay", false);
  evidence.ledger.charges.clear();
  EXPECT_THAT(found(evidence), names("I2 completed, but pay was never done"));
  EXPECT_THAT(found(evidence), names("I2 completed, but nothing was charged"));
}

TEST_F(Checker, NamesAnActionBegunAfterUndoingHadBegun) {
  story_.does("reserve");
  story_.is_refused("pay");
  story_.log("compensation_begun");
  story_.does("ship");
  story_.undoes("reserve");
  EXPECT_THAT(found(story_.ended("compensated", Ending::kCompensated)),
              names("I3 ship was begun after undoing had begun"));
}

TEST_F(Checker, NamesUndoingInForwardOrder) {
  story_.does("reserve");
  story_.does("pay");
  story_.is_refused("ship");
  story_.log("compensation_begun");
  story_.undoes("reserve");
  story_.undoes("pay");
  EXPECT_THAT(found(story_.ended("compensated", Ending::kCompensated)),
              names("I4 reserve was undone before pay, which ran after it"));
}

TEST_F(Checker, NamesAMissingCompensation) {
  Evidence evidence = compensated();
  forget_call(evidence, "reserve", true);
  EXPECT_THAT(found(evidence), names("I4 compensated, but reserve was never undone"));
  EXPECT_THAT(found(evidence), names("I4 compensated, but reserve still stands"));
}

TEST_F(Checker, NamesAMissingCompensationOfWhatMayHaveHappened) {
  story_.does("reserve");
  story_.log("attempt_begun", "pay", false, 1);
  story_.log("attempt_failed", "pay", false, 1).outcome = "unknown";
  story_.log("step_failed", "pay").outcome = "unknown";
  story_.log("compensation_begun");
  story_.undoes("reserve");
  EXPECT_THAT(found(story_.ended("compensated", Ending::kCompensated)),
              names("I4 compensated, but pay was never undone"));
}

TEST_F(Checker, NamesTheUndoingOfWhatNeverHappened) {
  story_.does("reserve");
  story_.is_refused("pay");
  story_.log("compensation_begun");
  story_.undoes("reserve");
  Evidence evidence = story_.ended("compensated", Ending::kCompensated);
  SeenCall stray = call_of(evidence, "reserve", true);
  stray.step = "pay";
  evidence.ledger.calls.push_back(stray);
  EXPECT_THAT(found(evidence), names("I4 pay was undone, but it never happened nor may have"));
}

TEST_F(Checker, NamesAnEffectAfterItsUndoing) {
  Evidence evidence = compensated();
  for (Effect& effect : evidence.ledger.effects) {
    if (effect.step == "pay" && !effect.undo) effect.at_ns = 9'000'000'000'000;
  }
  EXPECT_THAT(found(evidence), names("I4 pay happened after it had been undone"));
}

TEST_F(Checker, NamesAWrongOutcomeOfWhatIsUndone) {
  Evidence evidence = compensated();
  call_of(evidence, "pay", true).outcome_unknown = true;
  EXPECT_THAT(found(evidence), names("I4 pay was undone as unknown, but it was done"));
}

TEST_F(Checker, NamesUndoingPastThePivot) {
  Evidence evidence = completed();
  SeenCall stray = call_of(evidence, "reserve", false);
  stray.undo = true;
  stray.came_ns = stray.answered_ns = 9'000'000'000'000;
  evidence.ledger.calls.push_back(stray);
  EXPECT_THAT(found(evidence), names("I5 reserve was undone in a saga that is completed"));

  story_ = Story();
  for (const char* step : {"reserve", "pay", "ship"}) story_.does(step);
  story_.log("compensation_begun");
  for (const char* step : {"ship", "pay", "reserve"}) story_.undoes(step);
  EXPECT_THAT(found(story_.ended("compensated", Ending::kCompensated)),
              names("I5 turned back although ship, the pivot, was done"));
}

TEST_F(Checker, NamesADoubleCharge) {
  Evidence evidence = completed();
  evidence.ledger.charges.push_back({"o1/pay-again/action", 70, false});
  EXPECT_THAT(found(evidence), names("I6 charged 2 times"));
}

TEST_F(Checker, NamesAnEffectThatHappenedTwice) {
  Evidence evidence = completed();
  evidence.ledger.effects.push_back(evidence.ledger.effects.front());
  EXPECT_THAT(found(evidence), names("I6 reserve happened 2 times"));
}

TEST_F(Checker, NamesAChargeThatStandsAndOneOfAnotherAmount) {
  Evidence evidence = compensated();
  evidence.ledger.charges.front() = {"o1/pay/action", 71, false};
  EXPECT_THAT(found(evidence), names("I4 compensated, but the charge was not refunded"));
  EXPECT_THAT(found(evidence), names("I6 charged 71 for 70"));
}

TEST_F(Checker, NamesAttemptsThatComeTwiceOrWithoutAnIntentOrBackwards) {
  Evidence evidence = completed();
  evidence.ledger.calls.push_back(evidence.ledger.calls.back());
  EXPECT_THAT(found(evidence), names("I6 notify action attempt 1 came twice"));
  evidence.ledger.calls.back().attempt = 2;
  EXPECT_THAT(found(evidence), names("I6 notify action attempt 2 came without an intent in the log"));
  evidence.ledger.calls.back().attempt = 0;
  EXPECT_THAT(found(evidence), names("I6 notify action attempt 0 came after attempt 1, and was not given up"));
}

TEST_F(Checker, NamesACallThatCameBeforeItsIntent) {
  Evidence evidence = completed();
  call_of(evidence, "ship", false).came_ns -= 20'000'000;
  EXPECT_THAT(found(evidence), names("I6 ship action attempt 1 came before its intent"));
}

TEST_F(Checker, NamesAViewThatSaysOtherwiseThanTheLog) {
  Evidence evidence = completed();
  evidence.shown["status"] = "compensated";
  EXPECT_THAT(found(evidence), names("I7 the saga is shown as compensated, but by the log it is completed"));
  evidence.shown["status"] = "completed";
  evidence.shown["steps"][1]["attempts"] = 2;
  EXPECT_THAT(found(evidence), names("I7 pay's attempts is shown as 2, but by the log it is 1"));
}

TEST_F(Checker, NamesALogWithAGapOrSomethingAfterTheEnd) {
  Evidence evidence = completed();
  evidence.events.erase(evidence.events.begin() + 3);
  EXPECT_THAT(found(evidence), names("I7 event 4 is missing"));
  story_ = Story();
  completed();
  story_.does("notify", 2);
  EXPECT_THAT(found(story_.ended("completed", Ending::kCompleted)), names("follows the end"));
}

TEST_F(Checker, NamesALogThatSaysWhatNoWorkerAnswered) {
  Evidence evidence = completed();
  call_of(evidence, "ship", false).status = 503;
  EXPECT_THAT(found(evidence), names("I7 the log has ship action attempt 1 done, but the worker answered 503"));
}

TEST_F(Checker, NamesWhatARefusedStartLeftBehind) {
  Evidence evidence = completed();
  evidence.ending = Ending::kNothing;
  EXPECT_THAT(found(evidence), names("I8 its start was refused, but it is there"));
  EXPECT_THAT(found(evidence), names("I8 its start was refused, but a worker was called for it"));
}

TEST_F(Checker, TellsTheWholeStory) {
  EXPECT_THAT(tell(compensated()), AllOf(HasSubstr("o1 order compensated"), HasSubstr("step_compensated"),
                                         HasSubstr("charged 70 o1/pay/action, refunded")));
}

TEST(Resumptions, CountsFromAKillToTheNextCallOfWhatWasInFlight) {
  Story story;                                      // Logged from 1,001 ms on, a millisecond a line.
  story.log("attempt_begun", "reserve", false, 1);  // At 1,003.
  story.log("attempt_failed", "reserve", false, 1).outcome = "unknown";
  story.log("attempt_begun", "reserve", false, 2);
  story.call("reserve", false, 2, 200);  // Comes at 1,006.
  story.log("step_completed", "reserve", false, 2);
  const Evidence evidence = story.ended("completed", Ending::kCompleted);
  Resumptions resumptions({900'000'000, 1'003'500'000, 5'000'000'000});
  resumptions.see(evidence);
  const auto by_kill = resumptions.by_kill();
  EXPECT_EQ(by_kill[0].sagas, 0);
  EXPECT_EQ(by_kill[1].sagas, 1);
  EXPECT_EQ(by_kill[1].longest_ns, 2'500'000);
  EXPECT_EQ(by_kill[2].sagas, 0);
}

}  // namespace
}  // namespace saga::torture
