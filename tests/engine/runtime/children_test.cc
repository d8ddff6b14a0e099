// Parents and children over the real runtime. Every scenario is run once through, and then again with the process dying
// before and after each of its commits, whosever it is: the end has to be the same.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include "tests/engine/runtime/fixture.h"
#include "tests/support/crashing_store.h"

namespace saga::runtime {
namespace {

using core::SagaStatus;
using core::StepStatus;
using core::Verb;
using saga::testing::CrashingStore;
using ::testing::HasSubstr;

constexpr const char* kDefaults = R"(
defaults:
  retry: { max_attempts: 3, initial_interval: 100ms, jitter: 0 }
  compensation_retry: { max_attempts: 1, initial_interval: 100ms, jitter: 0 }
)";
constexpr const char* kOrderSteps = R"(
steps:
  - { name: reserve, service: stock, action: /reserve, compensation: /release }
  - { name: packing, saga: packing, input: { item: "${ input.item }" } }
  - { name: invoice, service: books, action: /invoice, compensation: /void }
)";
constexpr const char* kPackingSteps = R"(
steps:
  - { name: wrap, service: packer, action: /wrap, compensation: /unwrap }
  - { name: label, service: packer, action: /label, compensation: /unlabel }
)";

std::string workflow(const std::string& name, const std::string& steps, const std::string& more = "") {
  return "name: " + name + "\nversion: 1\n" + more + kDefaults + steps;
}

class Families : public RuntimeTest {
 protected:
  void SetUp() override {}

  [[nodiscard]] bool has_died() const override { return crashing_ != nullptr && crashing_->dead(); }

  /// A new world: an empty store and what its workers answer by "step/phase".
  void begin(const std::vector<std::string>& definitions, std::map<std::string, int> answers) {
    answers_ = std::move(answers);
    runtime_.reset();
    auto memory = store::open_store("memory");
    ASSERT_TRUE(memory);
    auto crashing = std::make_unique<CrashingStore>(std::move(*memory));
    crashing_ = crashing.get();
    store_ = std::move(crashing);
    boot_with_workers();
    std::string all;
    for (const std::string& definition : definitions) all += "---\n" + definition;
    register_workflows(all);
  }

  void boot_with_workers() {
    runtime_.reset();
    crashing_->revive();
    boot();
    dispatcher_->answer_by([this](const saga::testing::FakeDispatcher::Sent& sent) {
      const std::string what = sent.what();
      const auto found = answers_.find(what.substr(0, what.rfind('/')));
      if (found == answers_.end() || found->second != 202) {
        return sent.answer(found == answers_.end() ? 200 : found->second, R"({"code":"no"})");
      }
      workers::Answered taken;
      taken.status = 202;
      taken.async = true;
      sent.end(taken);
    });
  }

  void start_order(const std::string& name = "order", Json input = {{"item", "vase"}}) {
    while (!exists("o1")) {
      StartRequest what = request("o1", std::move(input));
      what.workflow = registry_->newest(name);
      input = *what.input;
      static_cast<void>(start(std::move(what)));
      if (has_died()) boot_with_workers();
      settle();
    }
  }

  [[nodiscard]] bool exists(const std::string& id) const { return store_->find(id).has_value(); }
  [[nodiscard]] SagaStatus at(const std::string& id) const { return read(id)->status; }
  [[nodiscard]] StepStatus at(const std::string& id, std::size_t step) const { return read(id)->steps[step].status; }

  /// Until nothing moves any more. `act` is what people do, by how things stand; true when it did something.
  void play(const std::function<bool()>& act) {
    for (int idle = 0; idle < 5;) {
      settle();
      if (has_died()) {
        boot_with_workers();
        continue;
      }
      const auto before = crashing_->commits();
      if (act && act()) {
        idle = 0;
        continue;
      }
      clock_.advance(Millis{1'100});  // A retry's delay, and the next scan.
      settle();
      idle = crashing_->commits() == before && !has_died() ? idle + 1 : 0;
    }
  }

  /// How everything ended: sagas, their steps, what was undone. Not how often it was tried.
  [[nodiscard]] std::string ending() const {
    std::string shown;
    auto rows = store_->list({}, std::nullopt, 100);
    std::sort(rows->begin(), rows->end(), [](const auto& a, const auto& b) { return a.identity.id < b.identity.id; });
    for (const store::SagaRow& row : *rows) {
      const auto state = read(row.identity.id);
      shown += fmt::format("{} {}", row.identity.id, core::to_string(state->status));
      if (!row.head.ended && row.head.wake_at) shown += " due";
      for (const auto& step : state->steps) {
        // An attempt that was lost in a crash is unknown, so that its step is undone though it was refused in the end.
        const bool lost = step.status == StepStatus::kFailed && step.undo == core::CompensationStatus::kCompleted;
        shown += fmt::format(" {}/{}", core::to_string(step.status), lost ? "none" : core::to_string(step.undo));
      }
      shown += "\n";
    }
    return shown;
  }

  /// Runs `scenario` through, expects `end`, and then dies at each of its commits.
  void expect_end(const std::function<void()>& world, const std::function<bool()>& act, const std::string& end) {
    world();
    start_order();
    play(act);
    ASSERT_EQ(ending(), end);
    EXPECT_EQ(runtime_->stats().live, 0U) << "nothing that rests is kept in memory";
    const int commits = crashing_->commits();
    ASSERT_GT(commits, 3);
    for (int at = 1; at <= commits; ++at) {
      for (const auto crash : {CrashingStore::Crash::kBefore, CrashingStore::Crash::kAfter}) {
        world();
        crashing_->crash_at(at, crash);
        start_order();
        play(act);
        ASSERT_EQ(ending(), end) << "died " << (crash == CrashingStore::Crash::kBefore ? "before" : "after")
                                 << " commit " << at;
      }
    }
  }

  std::string order() const { return workflow("order", kOrderSteps); }
  std::string packing() const { return workflow("packing", kPackingSteps); }
  std::string signalled_packing() const {
    return workflow("packing", std::string(kPackingSteps) + "  - { name: checked, signal: checked }\n");
  }

  CrashingStore* crashing_ = nullptr;
  std::map<std::string, int> answers_;
};

TEST_F(Families, AChildThatCompletesCompletesItsStep) {
  expect_end(
      [this] {
        begin({order(), packing()}, {});
      },
      nullptr,
      "o1 completed completed/none completed/none completed/none\n"
      "o1~packing completed completed/none completed/none\n");
  if (HasFatalFailure()) return;
  const auto child = read("o1~packing");
  EXPECT_EQ(child->facts->parent_id, "o1");
  EXPECT_EQ(child->facts->parent_step, "packing");
  EXPECT_EQ(child->facts->trace_id, read("o1")->facts->trace_id);
  EXPECT_EQ(*child->facts->input, (Json{{"item", "vase"}}));
}

TEST_F(Families, AChildThatTurnsBackFailsItsStepAndNothingOfItIsToUndo) {
  expect_end(
      [this] {
        begin({order(), packing()}, {{"label/action", 422}});
      },
      nullptr,
      "o1 compensated completed/completed failed/none pending/none\n"
      "o1~packing compensated completed/completed failed/none\n");
  if (HasFatalFailure()) return;
  EXPECT_EQ(read("o1")->error->code, "child_failed");
  EXPECT_THAT(read("o1")->error->message, HasSubstr("o1~packing"));
}

TEST_F(Families, ACompletedChildIsUndoneByItsOwnCompensations) {
  expect_end(
      [this] {
        begin({order(), packing()}, {{"invoice/action", 422}});
      },
      nullptr,
      "o1 compensated completed/completed completed/completed failed/none\n"
      "o1~packing compensated completed/completed completed/completed\n");
}

TEST_F(Families, ACancelReachesTheChildAndAwaitsIt) {
  expect_end(
      [this] {
        begin({order(), signalled_packing()}, {});
      },
      [this] {
        if (at("o1") != SagaStatus::kRunning || read("o1")->stopping) return false;
        if (!exists("o1~packing") || at("o1~packing", 2) != StepStatus::kWaiting) return false;
        static_cast<void>(command("o1", Verb::kCancel));
        return true;
      },
      "o1 compensated completed/completed failed/none pending/none\n"
      "o1~packing compensated completed/completed completed/completed failed/none\n");
}

TEST_F(Families, ATerminatedParentTerminatesItsChild) {
  expect_end(
      [this] {
        begin({order(), signalled_packing()}, {});
      },
      [this] {
        if (at("o1") != SagaStatus::kRunning) return false;
        if (!exists("o1~packing") || at("o1~packing", 2) != StepStatus::kWaiting) return false;
        static_cast<void>(command("o1", Verb::kTerminate));
        return true;
      },
      "o1 terminated completed/none waiting/none pending/none\n"
      "o1~packing terminated completed/none completed/none waiting/none\n");
}

TEST_F(Families, ASuspendedChildAsksForAttentionAndGoesOnWithItsParent) {
  const std::string suspending = workflow("packing", R"(
steps:
  - { name: wrap, service: packer, action: /wrap, compensation: /unwrap }
  - { name: label, service: packer, action: /label, on_failure: suspend }
)");
  bool asked = false;
  expect_end(
      [&] {
        begin({order(), suspending}, {{"label/action", 422}});
      },
      [&] {
        if (!exists("o1~packing") || at("o1~packing") != SagaStatus::kSuspended) return false;
        if (!store_->find("o1")->head.needs_attention) return false;
        asked = true;
        EXPECT_EQ(store_->find("o1")->head.stuck.front().code, "child_suspended");
        answers_.clear();
        static_cast<void>(command("o1~packing", Verb::kRetry));
        return true;
      },
      "o1 completed completed/none completed/none completed/none\n"
      "o1~packing completed completed/none completed/none\n");
  if (HasFatalFailure()) return;
  EXPECT_TRUE(asked);
  EXPECT_FALSE(store_->find("o1")->head.needs_attention);
}

TEST_F(Families, AChildThatCouldNotUndoItselfIsUnknownAndItsParentNamesIt) {
  expect_end(
      [this] {
        begin({order(), packing()}, {{"label/action", 422}, {"wrap/compensation", 500}});
      },
      nullptr,
      "o1 failed completed/completed failed/failed pending/none\n"
      "o1~packing failed completed/failed failed/none\n");
  if (HasFatalFailure()) return;
  EXPECT_EQ(store_->find("o1")->head.stuck.front().step, "packing");
}

TEST_F(Families, AnOperatorsRetryOfTheParentUndoesItsChildAgain) {
  int retried = 0;
  expect_end(
      [&] {
        begin({order(), packing()}, {{"invoice/action", 422}, {"wrap/compensation", 500}});
      },
      [&] {
        if (at("o1") != SagaStatus::kFailed) return false;
        ++retried;
        answers_.clear();
        answers_["invoice/action"] = 422;
        static_cast<void>(command("o1", Verb::kRetry));
        return true;
      },
      "o1 compensated completed/completed completed/completed failed/none\n"
      "o1~packing compensated completed/completed completed/completed\n");
  if (HasFatalFailure()) return;
  EXPECT_GT(retried, 0);
}

TEST_F(Families, ChildrenOfChildrenAreUndoneThroughAll) {
  const std::string middle = workflow("packing", R"(
steps:
  - { name: wrap, service: packer, action: /wrap, compensation: /unwrap }
  - { name: boxing, saga: boxing }
)");
  const std::string inner = workflow("boxing", R"(
steps:
  - { name: fold, service: boxer, action: /fold, compensation: /unfold }
)");
  expect_end(
      [&] {
        begin({order(), middle, inner}, {{"invoice/action", 422}});
      },
      nullptr,
      "o1 compensated completed/completed completed/completed failed/none\n"
      "o1~packing compensated completed/completed completed/completed\n"
      "o1~packing~boxing compensated completed/completed\n");
}

TEST_F(Families, AFailedBranchCancelsTheChildOfAnother) {
  const std::string branching = workflow("order", R"(
steps:
  - parallel:
      - - { name: packing, saga: packing }
      - - { name: pause, wait: 1s }
        - { name: invoice, service: books, action: /invoice, compensation: /void }
)");
  expect_end(
      [&] {
        begin({branching, signalled_packing()}, {{"invoice/action", 422}});
      },
      nullptr,
      "o1 compensated failed/none completed/none failed/none\n"
      "o1~packing compensated completed/completed completed/completed failed/none\n");
}

TEST_F(Families, WhatASuspendedParentHearsOfItsChildIsRecordedAndNothingFollows) {
  bool heard = false;
  expect_end(
      [this] {
        begin({order(), signalled_packing()}, {});
      },
      [&] {
        if (!exists("o1~packing")) return false;
        const bool waits = at("o1~packing", 2) == StepStatus::kWaiting;
        if (at("o1") == SagaStatus::kRunning && waits) {
          static_cast<void>(command("o1", Verb::kSuspend));
          return true;
        }
        if (at("o1") == SagaStatus::kSuspended && waits) {
          core::SignalArrived signal;
          signal.name = "checked";
          signal.payload = share(Json{});
          static_cast<void>(deliver({"o1~packing", std::move(signal), ""}));
          return true;
        }
        if (at("o1") != SagaStatus::kSuspended || at("o1", 1) != StepStatus::kCompleted) return false;
        heard = true;
        EXPECT_EQ(at("o1", 2), StepStatus::kPending);
        static_cast<void>(command("o1", Verb::kResume));
        return true;
      },
      "o1 completed completed/none completed/none completed/none\n"
      "o1~packing completed completed/none completed/none completed/none\n");
  if (HasFatalFailure()) return;
  EXPECT_TRUE(heard);
}

TEST_F(Families, CallbacksWaitsAndSignalsEndTheSameWhereverTheProcessDies) {
  const std::string slow = workflow("order", R"(
steps:
  - { name: reserve, service: stock, action: /reserve, compensation: /release }
  - { name: pause, wait: 2s }
  - { name: approval, signal: approved }
  - { name: invoice, service: books, action: /invoice }
)");
  const auto call_back = [this](core::Phase phase, int attempt) {
    core::CallbackArrived callback;
    callback.phase = phase;
    callback.attempt = attempt;
    callback.succeeded = true;
    callback.output = share(Json{});
    static_cast<void>(deliver({"o1", std::move(callback), "reserve"}));
    return true;
  };
  expect_end(
      [&] {
        begin({slow}, {{"reserve/action", 202}, {"reserve/compensation", 202}, {"invoice/action", 422}});
      },
      [&] {
        const auto state = read("o1");
        const core::StepState& reserve = state->steps[0];
        if (reserve.action.awaits == core::Awaits::kCallback) {
          return call_back(core::Phase::kAction, reserve.action.attempts);
        }
        if (reserve.compensation.awaits == core::Awaits::kCallback) {
          return call_back(core::Phase::kCompensation, reserve.compensation.attempts);
        }
        if (state->steps[2].action.awaits != core::Awaits::kSignal || state->steps[2].signal) return false;
        core::SignalArrived signal;
        signal.name = "approved";
        signal.payload = share(Json{});
        static_cast<void>(deliver({"o1", std::move(signal), ""}));
        return true;
      },
      "o1 compensated completed/completed completed/none completed/none failed/none\n");
}

TEST_F(Families, AChildIsStartedAnewByARetryWithTheNextNumber) {
  const std::string suspending = workflow("order", R"(
steps:
  - { name: reserve, service: stock, action: /reserve, compensation: /release }
  - { name: packing, saga: packing, on_failure: suspend }
)");
  expect_end(
      [&] {
        begin({suspending, packing()}, {{"label/action", 422}});
      },
      [&] {
        if (at("o1") != SagaStatus::kSuspended) return false;
        answers_.clear();
        static_cast<void>(command("o1", Verb::kRetry));
        return true;
      },
      "o1 completed completed/none completed/none\n"
      "o1~packing compensated completed/completed failed/none\n"
      "o1~packing~2 completed completed/none completed/none\n");
}

TEST_F(Families, AChildWhoseInputDoesNotFitIsNotStarted) {
  const std::string strict =
      workflow("packing", kPackingSteps, "input_schema: { properties: { item: { type: integer } } }\n");
  expect_end(
      [&] {
        begin({order(), strict}, {});
      },
      nullptr, "o1 compensated completed/completed failed/none pending/none\n");
  if (HasFatalFailure()) return;
  EXPECT_THAT(read("o1")->error->message, HasSubstr("its input does not fit packing/1: /item"));
}

TEST_F(Families, AChainOfChildrenEndsAtItsLimit) {
  begin({workflow("order", R"(
steps:
  - { name: mark, service: stock, action: /mark, compensation: /unmark }
  - { name: again, saga: order }
)")},
        {});
  start_order();
  play(nullptr);
  const auto rows = store_->list({}, std::nullopt, 100);
  EXPECT_EQ(rows->size(), 1 + kMaxChildDepth);
  for (const auto& row : *rows) EXPECT_EQ(row.head.status, "compensated") << row.identity.id;
  EXPECT_THAT(read("o1")->error->message, HasSubstr("child_failed"));
  std::string deepest = "o1";
  for (std::size_t i = 0; i < kMaxChildDepth; ++i) deepest += "~again";
  EXPECT_THAT(read(deepest)->error->message, HasSubstr("nest at most 8 deep"));
}

TEST_F(Families, NobodyIsInMemoryWhileAChildWaits) {
  const std::string waiting = workflow("packing", std::string(kPackingSteps) + "  - { name: glue_dries, wait: 30d }\n");
  begin({order(), waiting}, {});
  start_order();
  settle();
  EXPECT_EQ(runtime_->stats().live, 0U);
  EXPECT_FALSE(store_->find("o1")->head.wake_at) << "its child wakes it";
  const int commits = crashing_->commits();
  pass(std::chrono::hours(24 * 20));
  EXPECT_EQ(crashing_->commits(), commits);
  EXPECT_EQ(runtime_->stats().live, 0U);
  pass(std::chrono::hours(24 * 10) + std::chrono::seconds(2));
  EXPECT_EQ(status("o1"), "completed");
  EXPECT_EQ(runtime_->stats().live, 0U);
}

TEST_F(Families, TheVersionOfAChildIsFixedWhenItsParentStarts) {
  begin({workflow("order", R"(
steps:
  - { name: pause, wait: 1h }
  - { name: packing, saga: packing }
)"),
         packing()},
        {});
  start_order();
  register_workflows("name: packing\nversion: 2\n" + std::string(kPackingSteps));
  pass(std::chrono::hours(1) + std::chrono::seconds(2));
  EXPECT_EQ(read("o1~packing")->facts->version, 1);
  EXPECT_EQ(status("o1"), "completed");
}

TEST_F(Families, AChildEndedByAnOperatorIsTold) {
  begin({order(), signalled_packing()}, {});
  start_order();
  settle();
  EXPECT_EQ(said(command("o1~packing", Verb::kTerminate)), "done");
  settle();
  EXPECT_EQ(read("o1")->steps[1].failure->outcome, core::Outcome::kUnknown);
  EXPECT_EQ(status("o1"), "failed") << "nobody knows what is left of it";
}

TEST_F(Families, AChildThatCannotBeReadAsksForAttention) {
  begin({order(), signalled_packing()}, {});
  start_order();
  settle();
  const auto row = store_->find("o1~packing");
  const auto epoch = store_->take_over(0, "somebody");
  store::Append damage;
  damage.saga = row->key;
  damage.fence = {0, *epoch};
  damage.first_seq = store_->load(row->key, 1)->back().seq + 1;
  damage.events.push_back({damage.first_seq, clock_.now(), "step_completed", R"({"step":"nowhere"})"});
  std::promise<bool> appended;
  ASSERT_TRUE(store_->submit(std::move(damage), [&](const Result<void>& r) { appended.set_value(r.has_value()); }));
  ASSERT_TRUE(appended.get_future().get());
  boot_with_workers();
  EXPECT_EQ(said(command("o1", Verb::kCancel)), "done");
  settle();
  EXPECT_TRUE(store_->find("o1")->head.needs_attention);
  EXPECT_EQ(store_->find("o1")->head.stuck.front().code, "child_suspended");
}

}  // namespace
}  // namespace saga::runtime
