// The workers that the guide shows to people of other languages do what the step protocol asks of a worker. One suite
// for all of them, over their ports; a worker in a further language has only to be named at the end.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "tests/examples/order-saga/worker_process.h"

namespace order_saga {
namespace {

using saga::Json;

struct Language {
  const char* name;
  std::vector<std::string> command;
};

const Step kStep{.saga = "o1", .name = "voucher", .outcome = "unknown"};
const Json kInput{{"customer_id", "ann"}};

Answer issue(const WorkerProcess& worker, const Step& step = kStep) { return act(worker, "/vouchers", step, kInput); }
Answer cancel(const WorkerProcess& worker, const Step& step = kStep) {
  return undo(worker, "/vouchers/cancel", step, Json{{"action_input", nullptr}, {"output", nullptr}});
}

class AnyLanguageWorker : public ::testing::TestWithParam<Language> {
 protected:
  /// Started, or started again.
  WorkerProcess start() const { return WorkerProcess(GetParam().command, folder_.path("vouchers")); }

  TempFolder folder_;
};

TEST_P(AnyLanguageWorker, TheSameKeyAgainGetsTheSameAnswerAndNothingHappensTwice) {
  const WorkerProcess worker = start();
  EXPECT_THAT(worker.ready_line(), ::testing::StartsWith("vouchers ready on http://127.0.0.1:"));
  const Answer first = issue(worker);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, (Json{{"voucher", 1}}));
  EXPECT_EQ(issue(worker).body, first.body);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cancel(worker).body, (Json{{"cancelled", true}}));
  const Json voucher{{"number", 1}, {"saga", "o1"}, {"customer", "ann"}, {"status", "cancelled"}};
  EXPECT_EQ(worker.state()["vouchers"], Json::array({voucher}));
}

TEST_P(AnyLanguageWorker, AnActionAfterItsCompensationIsRefused) {
  const WorkerProcess worker = start();
  issue(worker);
  cancel(worker);
  const Answer late = issue(worker);
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.body.at("code"), "compensated");
}

TEST_P(AnyLanguageWorker, ACompensationThatComesFirstIsDoneAndKeepsTheActionOutAcrossARestart) {
  {
    const WorkerProcess worker = start();
    EXPECT_EQ(cancel(worker).status, 200);
  }
  const WorkerProcess worker = start();
  EXPECT_EQ(cancel(worker).status, 200);
  EXPECT_EQ(issue(worker).status, 409);
  EXPECT_EQ(worker.state()["vouchers"], Json::array());
}

TEST_P(AnyLanguageWorker, OneKeyFromManyAtOnceHappensOnce) {
  const WorkerProcess worker = start();
  std::vector<std::future<Answer>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(std::async(std::launch::async, [&] {
      Answer answer = issue(worker);
      while (answer.status == 425 || answer.status == 409) answer = issue(worker);  // Still at work.
      return answer;
    }));
  }
  for (auto& call : calls) EXPECT_EQ(call.get().body, (Json{{"voucher", 1}}));
  EXPECT_EQ(worker.state()["vouchers"].size(), 1U);
}

TEST_P(AnyLanguageWorker, WhatWasRefusedIsTriedAnew) {
  const WorkerProcess worker = start();
  const Answer refused = act(worker, "/vouchers", kStep, Json::object());
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body.at("code"), "bad_input");
  EXPECT_EQ(refused.body.at("retryable"), false);
  EXPECT_EQ(issue(worker).status, 200);
}

TEST_P(AnyLanguageWorker, WhatIsNoStepIsRefusedAndChangesNothing) {
  const WorkerProcess worker = start();
  EXPECT_EQ(act(worker, "/elsewhere", kStep, kInput).status, 404);
  EXPECT_EQ(undo(worker, "/vouchers", kStep, kInput).status, 404) << "an action's path";
  EXPECT_EQ(answer_of(worker.client().Post("/vouchers", kInput.dump(), "application/json")).status, 400) << "no key";
  EXPECT_EQ(answer_of(worker.client().Post("/vouchers", headers_of(kStep, "action"), "{", "application/json")).status,
            400);
  EXPECT_EQ(worker.state()["vouchers"], Json::array());
}

// Keys are called from several threads; the worker is killed again and again in the middle and started anew; every call
// is repeated until it is answered, as the orchestrator does. Every third step is compensated.
TEST_P(AnyLanguageWorker, KillingItInTheMiddleLosesNothingAndRepeatsNothing) {
  constexpr int kKills = 4;
  constexpr int kBetweenKills = 30;
  constexpr int kThreads = 3;
  auto worker = std::make_shared<WorkerProcess>(GetParam().command, folder_.path("vouchers"));
  std::mutex mutex;  // Guards the pointer and the answers.
  std::map<std::string, Json> issued;
  std::atomic<int> answered{0};
  std::atomic<bool> over{false};
  const auto until_answered = [&](const auto& call) {
    for (;;) {
      std::shared_ptr<WorkerProcess> now;
      {
        const std::lock_guard lock(mutex);
        now = worker;
      }
      const Answer answer = call(*now);
      if (answer.status != 0 && answer.status != 425) return answer;
      std::this_thread::yield();
    }
  };
  std::vector<std::jthread> callers;
  for (int thread = 0; thread < kThreads; ++thread) {
    callers.emplace_back([&, thread] {
      for (int n = 0; !over; ++n) {
        const Step step{
            .saga = "s" + std::to_string(thread) + "-" + std::to_string(n), .name = "voucher", .outcome = "unknown"};
        const Answer answer = until_answered([&](const WorkerProcess& now) { return issue(now, step); });
        EXPECT_EQ(answer.status, 200) << answer.body;
        if (n % 3 == 0) {
          EXPECT_EQ(until_answered([&](const WorkerProcess& now) { return cancel(now, step); }).status, 200);
        }
        const std::lock_guard lock(mutex);
        issued[step.saga] = answer.body.value("voucher", Json());
        ++answered;
        answered.notify_one();
      }
    });
  }
  for (int kill = 1; kill <= kKills; ++kill) {
    for (int seen = answered; seen < kill * kBetweenKills; seen = answered) answered.wait(seen);
    const std::lock_guard lock(mutex);
    worker->stop(SIGKILL);
    worker = std::make_shared<WorkerProcess>(GetParam().command, folder_.path("vouchers"));
  }
  over = true;
  callers.clear();

  const Json vouchers = worker->state()["vouchers"];
  EXPECT_EQ(vouchers.size(), issued.size());
  EXPECT_GE(issued.size(), static_cast<std::size_t>(kKills * kBetweenKills));
  for (const Json& voucher : vouchers) {
    const auto saga = voucher["saga"].get<std::string>();
    EXPECT_EQ(voucher["number"], issued[saga]) << saga << " was answered with another number: it happened twice";
    const bool undone = std::stoi(saga.substr(saga.find('-') + 1)) % 3 == 0;
    EXPECT_EQ(voucher["status"], undone ? "cancelled" : "valid") << saga;
  }
}

INSTANTIATE_TEST_SUITE_P(Examples, AnyLanguageWorker,
                         ::testing::Values(Language{"Python", {PYTHON3, SOURCE_DIR "/worker.py"}},
                                           Language{"Node", {NODE, SOURCE_DIR "/worker.mjs"}}),
                         [](const auto& language) { return std::string(language.param.name); });

// A line that a crash left unfinished was never answered: it is cut off, and what follows it can be read.
TEST(NodeWorker, ALineThatWasCutOffNeverHappened) {
  const TempFolder folder;
  const std::vector<std::string> command{NODE, SOURCE_DIR "/worker.mjs"};
  const auto append = [&](const std::string& text) {
    std::FILE* file = std::fopen(folder.path("v").c_str(), "a");
    std::fputs(text.c_str(), file);
    std::fclose(file);
  };
  {
    const WorkerProcess worker(command, folder.path("v"));
    issue(worker);
  }
  append(R"({"key":"o2/voucher","phase":"action","answer":{"voucher":2},"eff)");
  {
    const WorkerProcess worker(command, folder.path("v"));
    EXPECT_EQ(worker.state()["vouchers"].size(), 1U);
    EXPECT_EQ(issue(worker, {.saga = "o3", .name = "voucher"}).body, (Json{{"voucher", 2}}));
  }
  const WorkerProcess worker(command, folder.path("v"));
  EXPECT_EQ(worker.state()["vouchers"].size(), 2U);
}

}  // namespace
}  // namespace order_saga
