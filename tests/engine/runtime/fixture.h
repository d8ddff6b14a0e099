// The real runtime over a store in memory, a clock that the test moves and calls that the test answers. One thread
// turns.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/runtime/runtime.h"
#include "store/open.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/manual_clock.h"
#include "workflows/load.h"

namespace saga::runtime {

inline constexpr const char* kTrip = R"(
name: trip
version: 1
deadline: 10m
defaults:
  retry: { max_attempts: 3, initial_interval: 100ms, jitter: 0 }
  compensation_retry: { max_attempts: 2, initial_interval: 100ms, jitter: 0 }
steps:
  - { name: hotel, service: hotels, action: /book, compensation: /cancel, input: { city: "${ input.city }" } }
  - { name: flight, service: flights, action: /book, compensation: /cancel }
)";

class RuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::open_store("memory");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    boot();
    register_workflows(kTrip);
  }

  [[nodiscard]] virtual bool has_died() const { return false; }

  /// A process that begins over the same store.
  void boot(RuntimeOptions options = {}) {
    runtime_.reset();
    registry_ = std::make_unique<Registry>(*store_);
    ASSERT_TRUE(registry_->load());
    dispatcher_ = std::make_unique<testing::FakeDispatcher>();
    options.seed = 7;
    auto created = Runtime::create(*registry_, *store_, *dispatcher_, clock_, nullptr, options);
    ASSERT_TRUE(created) << created.error().message;
    runtime_ = std::move(*created);
  }

  void register_workflows(const std::string& text) {
    auto loaded = workflows::load_workflows(text, "test.yaml");
    ASSERT_TRUE(loaded) << format_problem(loaded.error().front());
    auto added = registry_->add(*loaded, clock_.now());
    ASSERT_TRUE(added) << added.error().error.message;
  }

  /// Turns until nothing moves without the clock or an answer, or the process has died.
  void settle() {
    int quiet = 0;
    while (quiet < 3 && !has_died()) {
      const std::size_t taken = runtime_->turn();
      const RuntimeStats stats = runtime_->stats();
      quiet = taken == 0 && stats.mailbox == 0 && stats.commits_in_flight == 0 && stats.recovering == 0 ? quiet + 1 : 0;
      std::this_thread::yield();
    }
  }

  void pass(Millis time) {
    clock_.advance(time);
    settle();
  }

  [[nodiscard]] StartRequest request(const std::string& id, Json input = {{"city", "Oslo"}}) const {
    StartRequest start;
    start.id = id;
    start.workflow = registry_->newest("trip");
    start.input = share(std::move(input));
    start.trace_id = std::string(32, 'a');
    return start;
  }

  Result<Started> start(StartRequest what) {
    std::optional<Result<Started>> answer;
    runtime_->start(std::move(what), [&answer](Result<Started> result) { answer = std::move(result); });
    settle();
    if (!answer) return fail(ErrorCode::kInternal, "start was never answered");
    return *answer;
  }
  Result<Started> start(const std::string& id) { return start(request(id)); }

  Result<DeliveryAnswer> command(const std::string& id, core::Verb verb, const std::string& step = "",
                                 JsonRef output = nullptr) {
    return deliver({id, core::OperatorCommand{verb, step, std::move(output), {"tester", false, "because"}}, ""});
  }

  Result<DeliveryAnswer> deliver(Delivery delivery) {
    std::optional<Result<DeliveryAnswer>> answer;
    runtime_->deliver(std::move(delivery), [&answer](Result<DeliveryAnswer> result) { answer = std::move(result); });
    settle();
    if (!answer) return fail(ErrorCode::kInternal, "the delivery was never answered");
    return *answer;
  }

  /// "done", or the kind of the refusal.
  static std::string said(const Result<DeliveryAnswer>& answer) {
    if (!answer) return answer.error().message;
    if (!answer->refusal) return "done";
    switch (answer->refusal->kind) {
      case core::Refusal::Kind::kConflict:
        return "conflict";
      case core::Refusal::Kind::kMisfit:
        return "misfit";
      case core::Refusal::Kind::kGone:
        return "gone";
    }
    return "";
  }

  /// Answers the oldest open call, which must be `what`: "step/phase/attempt".
  void answer(const std::string& what, int status, const std::string& body = "{}") {
    const auto call = dispatcher_->take();
    ASSERT_TRUE(call) << "no call is open; expected " << what;
    ASSERT_EQ(call->what(), what);
    call->answer(status, body);
    settle();
  }

  [[nodiscard]] std::shared_ptr<const core::SagaState> read(const std::string& id) const {
    const auto snapshot = Reader(*store_, *registry_).read(id);
    EXPECT_TRUE(snapshot) << snapshot.error().message;
    return snapshot ? snapshot->state : nullptr;
  }
  [[nodiscard]] std::string status(const std::string& id) const {
    const auto state = read(id);
    return state ? std::string(core::to_string(state->status)) : "";
  }

  testing::ManualClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<testing::FakeDispatcher> dispatcher_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace saga::runtime
