// The worker that the guide shows to people of other languages keeps what the guide says.
#include <gmock/gmock.h>

#include <future>

#include "tests/examples/order-saga/worker_process.h"

namespace order_saga {
namespace {

using saga::Json;

const std::vector<std::string> kCommand{PYTHON3, WORKER_PY};
const Step kStep{.saga = "o1", .name = "voucher", .outcome = "unknown"};
const Json kInput{{"customer_id", "ann"}};

TEST(AnyLanguageWorker, AnActionHappensOnceAndIsUndoneOnce) {
  const Scratch folder;
  const std::string db = folder / "v.db";
  Answer first;
  {
    const WorkerProcess worker(kCommand, db);
    EXPECT_THAT(worker.ready_line(), ::testing::StartsWith("vouchers ready on http://127.0.0.1:"));
    first = act(worker, "/vouchers", kStep, kInput);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.body, (Json{{"voucher", "v-o1"}}));
  }
  const WorkerProcess worker(kCommand, db);  // Killed and started again.
  EXPECT_EQ(act(worker, "/vouchers", kStep, kInput).body, first.body);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(undo(worker, "/vouchers/cancel", kStep, Json::object()).body, (Json{{"cancelled", true}}));
  EXPECT_EQ(act(worker, "/vouchers", kStep, kInput).status, 409);
}

TEST(AnyLanguageWorker, ACompensationThatComesFirstKeepsTheActionOut) {
  const Scratch folder;
  const WorkerProcess worker(kCommand, folder / "v.db");
  EXPECT_EQ(undo(worker, "/vouchers/cancel", kStep, Json::object()).status, 200);
  const Answer late = act(worker, "/vouchers", kStep, kInput);
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.body.at("code"), "compensated");
}

TEST(AnyLanguageWorker, OneKeyFromManyThreadsAtOnceIsAnsweredAlike) {
  const Scratch folder;
  const WorkerProcess worker(kCommand, folder / "v.db");
  std::vector<std::future<Answer>> calls;
  for (int i = 0; i < 8; ++i)
    calls.push_back(std::async(std::launch::async, [&] { return act(worker, "/vouchers", kStep, kInput); }));
  for (auto& call : calls) EXPECT_EQ(call.get().body, (Json{{"voucher", "v-o1"}}));
}

TEST(AnyLanguageWorker, WhatDoesNotFitIsRefusedAndTriedAnew) {
  const Scratch folder;
  const WorkerProcess worker(kCommand, folder / "v.db");
  const Answer refused = act(worker, "/vouchers", kStep, Json::object());
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body.at("code"), "bad_input");
  EXPECT_EQ(act(worker, "/vouchers", kStep, kInput).status, 200);
  EXPECT_EQ(answer_of(worker.client().Post("/vouchers", "{}", "application/json")).status, 400);
  EXPECT_EQ(answer_of(worker.client().Post("/vouchers", headers_of({.saga = "o2", .name = "voucher"}, "action"), "{",
                                           "application/json"))
                .status,
            400);
  EXPECT_EQ(act(worker, "/elsewhere", kStep, kInput).status, 404);
}

}  // namespace
}  // namespace order_saga
