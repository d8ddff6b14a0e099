// Child sagas: how a parent follows its children, and how a child undoes itself for its parent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/core/support.h"

namespace saga::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kSuspended = SagaStatus::kSuspended;
constexpr auto kCompleted = SagaStatus::kCompleted;
constexpr auto kCompensated = SagaStatus::kCompensated;
constexpr auto kFailed = SagaStatus::kFailed;
constexpr auto kTerminated = SagaStatus::kTerminated;

Driver with_child(workflows::WorkflowRef workflow) {
  Driver saga(std::move(workflow));
  saga.start({{"n", 1}});
  EXPECT_THAT(saga.answer("a", done("5")), ElementsAre("a done", "child c #1"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(StartChild{1, 1})));
  return saga;
}

Driver with_child() { return with_child(flow({step("a"), child_step("c"), step("b")})); }

TEST(Child, ItsIdNamesParentAndStep) {
  EXPECT_EQ(child_id("order-42", "ship", 1), "order-42~ship");
  EXPECT_EQ(child_id("order-42", "ship", 2), "order-42~ship~2");
  EXPECT_EQ(child_id("order-42~ship", "pack", 1), "order-42~ship~pack");
}

TEST(Child, ItIsStartedWithTheParentsInputOrItsOwn) {
  Driver plain = with_child();
  EXPECT_EQ(*child_input(plain.workflow(), plain.state(), 1), Json({{"n", 1}}));
  Driver given = with_child(flow({step("a"), child_step("c", "input: { a: \"${ steps.a.output }\" }"), step("b")}));
  EXPECT_EQ(*child_input(given.workflow(), given.state(), 1), Json({{"a", 5}}));
  EXPECT_EQ(*action_input(given.workflow(), given.state(), 1), Json({{"a", 5}})) << "what people are shown";
  Driver wrong(flow({child_step("c", "input: \"${ input.missing.deep + 1 }\""), step("b")}));
  EXPECT_THAT(wrong.start(), Contains("c failed: expression_error not_done"));
  EXPECT_THAT(wrong.effects(), IsEmpty());
}

TEST(Child, ItsVersionIsTheOneFixedAtTheParentsStart) {
  Driver saga = with_child();
  EXPECT_FALSE(child_version(saga.state(), 1));
  auto facts = std::make_shared<SagaFacts>(*saga.state().facts);
  facts->child_versions = {{1, 7}};
  SagaState state = saga.state();
  state.facts = facts;
  EXPECT_EQ(child_version(state, 1), 7);
  EXPECT_FALSE(child_version(state, 0));
}

TEST(Child, WhileItRunsTheParentWaits) {
  Driver saga = with_child();
  EXPECT_EQ(saga.step("c").status, StepStatus::kWaiting);
  EXPECT_FALSE(has_open_call(saga.state()));
  EXPECT_FALSE(needs_attention(saga.state()));
  EXPECT_FALSE(saga.due());
  EXPECT_EQ(saga.allowed(), "cancel suspend terminate");
  for (const SagaStatus status : {SagaStatus::kPending, SagaStatus::kRunning, SagaStatus::kCompensating}) {
    EXPECT_THAT(saga.child("c", status), IsEmpty());
  }
}

TEST(Child, CompletedItIsDoneWithItsOutput) {
  Driver saga = with_child();
  EXPECT_THAT(saga.child("c", kCompleted, R"({"id":9})"), ElementsAre("c done", "call b #1"));
  EXPECT_EQ(*saga.step("c").output, Json({{"id", 9}}));
  EXPECT_THAT(saga.child("c", kCompleted), IsEmpty()) << "a repeated report decides nothing";
}

TEST(Child, CompensatedItFailedAndNothingOfItIsLeft) {
  Driver saga = with_child();
  EXPECT_THAT(saga.child("c", kCompensated),
              ElementsAre("c failed: child_failed not_done", "turn back: child_failed", "undo a #1"));
  EXPECT_EQ(saga.step("c").failure->message, "child saga 'order-42~c' is compensated: inner: sold_out: none left");
}

TEST(Child, FailedOrTerminatedItsOutcomeIsUnknownAndItIsToBeUndone) {
  for (const SagaStatus end : {kFailed, kTerminated}) {
    Driver saga = with_child();
    EXPECT_THAT(saga.child("c", end),
                ElementsAre("c failed: child_failed unknown", "turn back: child_failed", "undo child c #1"));
    EXPECT_THAT(saga.effects(), ElementsAre(Effect(UndoChild{1, 1, false})));
    EXPECT_THAT(saga.child("c", end), ElementsAre("c not undone: child_failed", "undo a #1"));
    EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "failed: c not undone"));
    const auto stuck = stuck_calls(saga.workflow(), saga.state());
    ASSERT_EQ(stuck.size(), 1U);
    EXPECT_EQ(stuck[0].step, "c");
    EXPECT_THAT(stuck[0].message, HasSubstr("'order-42~c'"));
    EXPECT_THAT(saga.retry(), ElementsAre("retried undoing c", "undo child c #1 again"));
    EXPECT_THAT(saga.effects(), ElementsAre(Effect(UndoChild{1, 1, true})));
    EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("c undone", "compensated"));
  }
}

TEST(Child, SuspendedItWaitsAndTheParentNeedsAttention) {
  Driver saga = with_child();
  EXPECT_THAT(saga.child("c", kSuspended), ElementsAre("c waits for its child's operator"));
  EXPECT_TRUE(needs_attention(saga.state()));
  const auto stuck = stuck_calls(saga.workflow(), saga.state());
  ASSERT_EQ(stuck.size(), 1U);
  EXPECT_EQ(stuck[0].code, "child_suspended");
  EXPECT_THAT(stuck[0].message, HasSubstr("'order-42~c' is suspended"));
  EXPECT_THAT(saga.child("c", kSuspended), IsEmpty());
  EXPECT_THAT(saga.child("c", SagaStatus::kRunning), ElementsAre("c goes on"));
  EXPECT_FALSE(needs_attention(saga.state()));
  saga.child("c", kSuspended);
  EXPECT_THAT(saga.child("c", kCompleted), ElementsAre("c done", "call b #1"));
}

TEST(Child, ACompletedOneIsUndoneByItself) {
  Driver saga = with_child();
  saga.child("c", kCompleted);
  EXPECT_THAT(saga.answer("b", refused()), Contains("undo child c #1"));
  EXPECT_EQ(saga.step("c").undo, CompensationStatus::kRunning);
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(UndoChild{1, 1, false})));
  EXPECT_THAT(saga.child("c", kCompleted), IsEmpty()) << "it has not turned back yet";
  EXPECT_THAT(saga.child("c", SagaStatus::kCompensating), IsEmpty());
  EXPECT_THAT(saga.child("c", kSuspended), ElementsAre("undoing c waits for its child's operator"));
  EXPECT_TRUE(needs_attention(saga.state()));
  EXPECT_THAT(saga.child("c", SagaStatus::kCompensating), ElementsAre("undoing c goes on"));
  EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("c undone", "undo a #1"));
}

TEST(Child, ACancelCancelsItAndAwaitsItsEnd) {
  Driver saga = with_child();
  EXPECT_THAT(saga.cancel(), ElementsAre("cancelled"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(CancelChild{1, 1})));
  EXPECT_THAT(saga.child("c", SagaStatus::kCompensating), IsEmpty());
  EXPECT_THAT(saga.child("c", kCompensated),
              ElementsAre("c failed: child_failed not_done", "turn back: cancelled", "undo a #1"));
  Driver late = with_child();
  late.cancel();
  EXPECT_THAT(late.child("c", kCompleted), ElementsAre("c done", "turn back: cancelled", "undo child c #1"))
      << "it was done before it was told";
}

TEST(Child, TheDeadlineAndAFailedBranchCancelIt) {
  Driver late = with_child(flow({step("a"), child_step("c")}, "deadline: 1m"));
  EXPECT_THAT(late.when_due(), ElementsAre("stop: deadline_exceeded"));
  EXPECT_THAT(late.effects(), ElementsAre(Effect(CancelChild{1, 1})));
  Driver branch(flow({parallel({{bare("a")}, {child_step("c")}})}));
  branch.start();
  EXPECT_THAT(branch.answer("a", refused()), Contains("stop: 422"));
  EXPECT_THAT(branch.effects(), ElementsAre(Effect(CancelChild{1, 1})));
  EXPECT_THAT(branch.child("c", kCompensated), Contains("compensated"));
}

TEST(Child, TerminateReachesIt) {
  Driver saga = with_child();
  EXPECT_THAT(saga.terminate(), ElementsAre("terminated"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(TerminateChild{1, 1})));
  EXPECT_THAT(saga.child("c", kTerminated), IsEmpty());
  Driver undoing = with_child();
  undoing.child("c", kCompleted);
  undoing.answer("b", refused());
  undoing.terminate();
  EXPECT_THAT(undoing.effects(), ElementsAre(Effect(TerminateChild{1, 1})));
  Driver done_with = with_child();
  done_with.child("c", kCompleted);
  done_with.terminate();
  EXPECT_THAT(done_with.effects(), IsEmpty()) << "it has ended well";
}

TEST(Child, ARestartTellsItAgainWhatItWasTold) {
  Driver saga = with_child();
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(StartChild{1, 1})));
  saga.cancel();
  EXPECT_THAT(saga.recover(), IsEmpty());
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(CancelChild{1, 1})));
  Driver undoing = with_child();
  undoing.child("c", kCompleted);
  undoing.answer("b", refused());
  EXPECT_THAT(undoing.recover(), IsEmpty());
  EXPECT_THAT(undoing.effects(), ElementsAre(Effect(UndoChild{1, 1, false})));
}

TEST(Child, InASuspendedParentItsEndIsRecorded) {
  Driver saga = with_child();
  saga.suspend();
  EXPECT_THAT(saga.child("c", kSuspended), ElementsAre("c waits for its child's operator"));
  EXPECT_THAT(saga.child("c", kCompleted), ElementsAre("c done"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "call b #1"));
}

TEST(Child, ARetryStartsAFreshOneAndReportsOfTheOldDecideNothing) {
  Driver saga = with_child(flow({step("a"), child_step("c", "on_failure: suspend"), step("b")}));
  EXPECT_THAT(saga.child("c", kCompensated), Contains("suspended: step_failed"));
  EXPECT_THAT(saga.retry(), ElementsAre("retried c", "child c #2"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(StartChild{1, 2})));
  EXPECT_THAT(saga.child("c", kCompleted, "{}", 1), IsEmpty());
  EXPECT_THAT(saga.child("c", kCompleted), ElementsAre("c done", "call b #1"));
}

TEST(Child, UndoingReachesAnOlderOneThatMayHaveLeftSomething) {
  Driver saga = with_child(flow({step("a"), child_step("c", "on_failure: suspend"), step("b")}));
  saga.child("c", kFailed);
  saga.retry();
  saga.child("c", kCompleted);
  EXPECT_THAT(saga.answer("b", refused()), Contains("undo child c #2"));
  EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("undo child c #1"));
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(UndoChild{1, 1, false})));
  EXPECT_THAT(saga.child("c", kFailed), ElementsAre("c not undone: child_failed", "undo a #1"));
  saga.answer_undo("a", done());
  EXPECT_THAT(saga.retry(), ElementsAre("retried undoing c", "undo child c #2 again"));
  EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("undo child c #1 again"));
  saga.suspend();
  EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("c undone"));
  EXPECT_THAT(saga.resume(), ElementsAre("resumed", "compensated"));
}

TEST(Child, UndoingReachesAnOlderOneOnlyWhereACallMayBegin) {
  Driver saga = with_child(flow({step("a"), child_step("c", "on_failure: suspend"), step("b")}));
  saga.child("c", kFailed);
  saga.retry();
  saga.child("c", kCompleted);
  EXPECT_THAT(saga.answer("b", refused()), Contains("undo child c #2"));
  saga.begin_calls = false;
  EXPECT_THAT(saga.child("c", kCompensated), IsEmpty()) << "the process is to end";
  saga.begin_calls = true;
  saga.recover();
  EXPECT_THAT(saga.effects(), ElementsAre(Effect(UndoChild{1, 2, false}))) << "the next one asks again";
  EXPECT_THAT(saga.child("c", kCompensated), ElementsAre("undo child c #1"));
}

TEST(Child, AnOperatorMaySettleItInASuspendedParent) {
  Driver saga = with_child();
  saga.suspend();
  EXPECT_EQ(saga.allowed(), "cancel resume skip terminate");
  EXPECT_THAT(saga.skip("c", share(Json{{"id", 3}})), ElementsAre("c settled as done", "call b #1"));
  EXPECT_THAT(saga.child("c", kCompleted), IsEmpty());
  EXPECT_THAT(saga.answer("b", refused()), Contains("undo child c #1")) << "undone like any other";
  Driver left_out = with_child();
  left_out.suspend();
  EXPECT_THAT(left_out.skip("c"), ElementsAre("c settled", "call b #1"));
  EXPECT_THAT(left_out.effects(), Contains(Effect(CancelChild{1, 1}))) << "left out, it is not to go on";
  left_out.recover();
  EXPECT_THAT(left_out.effects(), Contains(Effect(CancelChild{1, 1})));
}

TEST(Child, OneThatAnOperatorSettledBeforeItBeganIsNotUndone) {
  Driver saga(flow({child_step("c", "on_failure: suspend, when: \"${ 7 }\""), bare("b")}));
  EXPECT_THAT(saga.start(), Contains("suspended: step_failed"));
  saga.skip("c", share(Json{{"id", 3}}));
  EXPECT_THAT(saga.answer("b", refused()), Contains("compensated"));
}

TEST(Child, AsThePivotItsFailureLeavesItInDoubt) {
  Driver saga(flow({step("a"), child_step("p", "pivot: true"), bare("z")}, "deadline: 1m"));
  saga.start();
  saga.answer("a", done());
  EXPECT_EQ(saga.allowed(), "suspend terminate");
  EXPECT_FALSE(saga.due());
  EXPECT_THAT(saga.child("p", kFailed), ElementsAre("p failed: child_failed unknown", "suspended: pivot_unknown"));
  EXPECT_EQ(saga.allowed(), "cancel resume retry skip terminate");
  EXPECT_THAT(saga.retry(), ElementsAre("retried p", "child p #2"));
  EXPECT_THAT(saga.child("p", kCompleted), ElementsAre("p done", "call z #1"));
  Driver known(flow({step("a"), child_step("p", "pivot: true"), bare("z")}));
  known.start();
  known.answer("a", done());
  EXPECT_THAT(known.child("p", kCompensated), Contains("undo a #1")) << "compensated, it has not happened";
}

// ---- seen from the child -------------------------------------------------------------------------------------------

Driver as_child(workflows::WorkflowRef workflow) {
  Driver saga(std::move(workflow));
  auto facts = std::make_shared<SagaFacts>(*facts_of(saga.workflow()));
  facts->parent_id = "order-1";
  facts->parent_step = "c";
  facts->parent_attempt = 1;
  saga.feed(StartSaga{facts, "order-1"});
  return saga;
}

const UndoSaga kUndo{Actor{"order-1", true, "undone by its parent"}};

TEST(UndoneByItsParent, ACompletedOneTurnsBack) {
  Driver saga = as_child(flow({step("a"), step("b")}));
  saga.answer("a", done());
  saga.answer("b", done());
  ASSERT_EQ(saga.status(), "completed");
  EXPECT_THAT(saga.feed(kUndo), ElementsAre("turn back: cancelled", "undo b #1"));
  EXPECT_FALSE(saga.state().output);
  EXPECT_THAT(saga.state().error->message, HasSubstr("'order-1'"));
  EXPECT_THAT(saga.feed(kUndo), IsEmpty());
  saga.answer_undo("b", done());
  EXPECT_THAT(saga.answer_undo("a", done()), ElementsAre("a undone", "compensated"));
  EXPECT_THAT(saga.feed(kUndo), IsEmpty());
}

TEST(UndoneByItsParent, OneThatHasNotEndedIsCancelled) {
  Driver saga = as_child(flow({step("a"), step("b")}));
  EXPECT_THAT(saga.feed(kUndo), ElementsAre("cancelled"));
  EXPECT_THAT(saga.answer("a", done()), ElementsAre("a done", "turn back: cancelled", "undo a #1"));
  Driver suspended = as_child(flow({step("a"), step("b")}));
  suspended.answer("a", fault());
  suspended.suspend();
  EXPECT_THAT(suspended.feed(kUndo), Contains("undo a #1"));
}

TEST(UndoneByItsParent, AFailedOneTriesAgainWhatItCouldNotUndo) {
  Driver saga = as_child(flow({step("a"), bare("b")}));
  saga.answer("a", done());
  saga.answer("b", refused());
  saga.answer_undo("a", final_fault());
  ASSERT_EQ(saga.status(), "failed");
  EXPECT_THAT(saga.feed(kUndo), ElementsAre("retried undoing a", "undo a #2"));
}

TEST(UndoneByItsParent, PastItsPivotItRefuses) {
  Driver saga = as_child(flow({bare("p", "pivot: true")}));
  saga.answer("p", done());
  ASSERT_EQ(saga.status(), "completed");
  EXPECT_EQ(saga.refused_input(kUndo).first, Refusal::Kind::kConflict);
  Driver alone(flow({step("a")}));
  alone.start();
  alone.answer("a", done());
  EXPECT_EQ(alone.refused_input(kUndo).first, Refusal::Kind::kConflict) << "it has no parent";
}

}  // namespace
}  // namespace saga::core
