#include "workers/sdk/barrier.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "tests/support/temp_folder.h"
#include "tests/workers/sdk/calls.h"

namespace saga::workers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return now_; }
  void advance(Millis by) { now_ = now_ + by; }

 private:
  Timestamp now_{1'800'000'000'000};
};

constexpr const char* kSchema = "CREATE TABLE IF NOT EXISTS effects (what TEXT NOT NULL)";

class BarrierTest : public ::testing::Test {
 protected:
  std::unique_ptr<BarrierStore> open() {
    auto opened = open_sqlite_store(folder_.path("worker.db"), kSchema);
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }

  std::int64_t count(const std::string& table_and_where) {
    const auto tx = begin();
    return tx->query("SELECT count(*) FROM " + table_and_where).at(0).integer(0);
  }

  std::unique_ptr<BarrierTransaction> begin() {
    auto tx = store_->begin(std::chrono::steady_clock::now() + std::chrono::seconds(20));
    if (!tx) throw std::runtime_error(tx.error().message);
    return std::move(*tx);
  }

  StepAnswer act(const StepHandler& handler, Effects effects = Effects::kInTransaction) {
    return barrier_.pass(make_call("s1", "pay", Phase::kAction), handler, effects);
  }
  StepAnswer undo(const StepHandler& handler, Effects effects = Effects::kInTransaction,
                  ActionOutcome outcome = ActionOutcome::kUnknown) {
    StepCall call = make_call("s1", "pay", Phase::kCompensation);
    call.outcome = outcome;
    return barrier_.pass(call, handler, effects);
  }

  /// Writes one effect and says how often it was run.
  StepHandler leaves(StepAnswer answer) {
    return [this, answer](const StepCall&, Transaction& tx) {
      ++runs_;
      tx.execute("INSERT INTO effects VALUES (?)", "effect");
      return answer;
    };
  }

  /// As `act`, offered a callback URL.
  StepAnswer act_at(const std::string& callback_url, const StepHandler& handler) {
    StepCall call = make_call("s1", "pay", Phase::kAction);
    call.callback_url = callback_url;
    return barrier_.pass(call, handler, Effects::kInTransaction);
  }
  TakenWork writes(StepAnswer answer) {
    return [this, answer](Transaction& tx) {
      ++runs_;
      tx.execute("INSERT INTO effects VALUES (?)", "later");
      return answer;
    };
  }
  /// Those that wait to be sent, "URL BODY".
  std::vector<std::string> callbacks() {
    std::vector<std::string> shown;
    for (const PendingCallback& callback : begin()->callbacks(10)) shown.push_back(callback.url + " " + callback.body);
    return shown;
  }

  saga::testing::TempFolder folder_;
  std::unique_ptr<BarrierStore> store_ = open();
  ManualClock clock_;
  Barrier barrier_{*store_, clock_};
  std::atomic<int> runs_{0};
};

const Done kTen{Json{{"n", 10}}};

bool is_done(const StepAnswer& answer, const Json& output) {
  const auto* done = std::get_if<Done>(&answer);
  return done != nullptr && done->output == output;
}

bool is_retry(const StepAnswer& answer, const std::string& code, int status) {
  const auto* retry = std::get_if<Retry>(&answer);
  return retry != nullptr && retry->code == code && retry->status == status;
}

bool is_refused(const StepAnswer& answer, const std::string& code, int status) {
  const auto* refused = std::get_if<Refused>(&answer);
  return refused != nullptr && refused->code == code && refused->status == status;
}

TEST_F(BarrierTest, TheSameKeyGetsTheSameAnswerAndHasItsEffectOnce) {
  EXPECT_TRUE(is_done(act(leaves(kTen)), Json{{"n", 10}}));
  EXPECT_TRUE(is_done(act(leaves(Done{Json{{"n", 99}}})), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(count("effects"), 1);
}

TEST_F(BarrierTest, AnAnswerOutlivesTheProcess) {
  static_cast<void>(act(leaves(kTen)));
  store_.reset();
  store_ = open();
  Barrier later(*store_, clock_);
  EXPECT_TRUE(is_done(later.pass(make_call("s1", "pay", Phase::kAction), leaves(Done{}), Effects::kInTransaction),
                      Json{{"n", 10}}));
  EXPECT_EQ(runs_, 1);
}

TEST_F(BarrierTest, OtherStepsAndSagasHaveKeysOfTheirOwn) {
  for (const auto& [saga, step] : {std::pair{"s1", "pay"}, std::pair{"s1", "ship"}, std::pair{"s2", "pay"}}) {
    static_cast<void>(barrier_.pass(make_call(saga, step, Phase::kAction), leaves(Done{}), Effects::kInTransaction));
  }
  EXPECT_EQ(runs_, 3);
}

TEST_F(BarrierTest, WhatWasRefusedOrFailedLeavesNothingAndIsTriedAnew) {
  EXPECT_TRUE(is_refused(act(leaves(Refused{"no", "", 422})), "no", 422));
  EXPECT_TRUE(is_retry(act(leaves(Retry{"later", ""})), "later", 503));
  EXPECT_EQ(count("effects"), 0);
  EXPECT_EQ(count("saga_barrier"), 0);
  EXPECT_TRUE(is_done(act(leaves(kTen)), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(count("effects"), 1);
}

TEST_F(BarrierTest, AThrowIsAnInternalErrorThatCommitsNothing) {
  const auto answer = act([](const StepCall&, Transaction& tx) -> StepAnswer {
    tx.execute("INSERT INTO effects VALUES ('half')");
    throw std::runtime_error("the disk is on fire");
  });
  ASSERT_TRUE(is_retry(answer, "internal_error", 500));
  EXPECT_EQ(std::get<Retry>(answer).message, "the disk is on fire");
  EXPECT_TRUE(is_retry(act([](const StepCall&, Transaction&) -> StepAnswer { throw 7; }), "internal_error", 500));
  EXPECT_EQ(count("effects"), 0);
}

TEST_F(BarrierTest, AnOutputOverTheLimitCommitsNothing) {
  const auto answer = act(leaves(Done{Json(std::string(Barrier::kMaxOutput, 'x'))}));
  EXPECT_TRUE(is_retry(answer, "output_too_large", 500));
  EXPECT_EQ(count("effects"), 0);
  EXPECT_TRUE(is_done(act(leaves(Done{Json(std::string(Barrier::kMaxOutput - 2, 'x'))})),
                      Json(std::string(Barrier::kMaxOutput - 2, 'x'))));
}

TEST_F(BarrierTest, ATakenCallIsAnsweredTakenAgain) {
  EXPECT_TRUE(std::holds_alternative<Taken>(act(leaves(Taken{}))));
  EXPECT_TRUE(std::holds_alternative<Taken>(act(leaves(Done{}))));
  EXPECT_EQ(runs_, 1);
  EXPECT_TRUE(is_done(undo(leaves(Done{})), nullptr));
  EXPECT_EQ(runs_, 2);
}

TEST_F(BarrierTest, ATakenCallThatIsFinishedGetsItsAnswerAndItsCallback) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(kTen)));
  EXPECT_TRUE(is_done(act(leaves(Done{})), Json{{"n", 10}}));
  EXPECT_EQ(count("effects"), 2);
  EXPECT_EQ(callbacks(), (std::vector<std::string>{R"(http://o/first {"output":{"n":10},"status":"succeeded"})"}));
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Done{}))) << "again is fine";
  EXPECT_EQ(runs_, 2) << "and does nothing";
}

TEST_F(BarrierTest, ATakenCallThatFailsKeepsNothingOfItsWorkAndIsTriedAnew) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Refused{"declined", "no money"})));
  EXPECT_EQ(count("effects"), 1);
  EXPECT_THAT(callbacks(), ElementsAre(HasSubstr(R"("retryable":false)")));
  EXPECT_FALSE(barrier_.finish("s1/pay", Phase::kAction, writes(Done{}))) << "it is not taken any more";
  static_cast<void>(act_at("http://o/second", leaves(Taken{})));
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Retry{"away", "come again"})));
  EXPECT_THAT(callbacks(), ElementsAre(HasSubstr("first"), HasSubstr(R"("retryable":true)")));
  EXPECT_TRUE(is_done(act(leaves(kTen)), Json{{"n", 10}}));
}

TEST_F(BarrierTest, TheNewestAttemptIsToldHowATakenCallEnded) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  EXPECT_TRUE(std::holds_alternative<Taken>(act_at("http://o/second", leaves(Done{}))));
  EXPECT_EQ(barrier_.callback_url("s1/pay", Phase::kAction), "http://o/second");
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Done{})));
  EXPECT_THAT(callbacks(), ElementsAre(HasSubstr("second")));
  EXPECT_EQ(barrier_.callback_url("s1/pay", Phase::kAction), "");
}

TEST_F(BarrierTest, AWorkThatSaysTakenOrThrowsLeavesTheCallTaken) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Taken{})));
  const auto thrown = barrier_.finish("s1/pay", Phase::kAction, [](Transaction& tx) -> StepAnswer {
    tx.execute("INSERT INTO effects VALUES ('lost')");
    throw std::runtime_error("no power");
  });
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, ErrorCode::kInternal);
  EXPECT_EQ(thrown.error().message, "no power");
  EXPECT_EQ(count("effects"), 1);
  EXPECT_TRUE(callbacks().empty());
  EXPECT_TRUE(std::holds_alternative<Taken>(act(leaves(Done{}))));
}

TEST_F(BarrierTest, ATakenActionThatWasCompensatedCannotBeFinished) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  EXPECT_TRUE(is_done(undo(leaves(Done{})), nullptr));
  const auto finished = barrier_.finish("s1/pay", Phase::kAction, writes(kTen));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(callbacks().empty());
  EXPECT_EQ(runs_, 2);
}

TEST_F(BarrierTest, ACompensationMayBeTakenToo) {
  static_cast<void>(act(leaves(kTen)));
  StepCall call = make_call("s1", "pay", Phase::kCompensation);
  call.callback_url = "http://o/undo";
  EXPECT_TRUE(std::holds_alternative<Taken>(barrier_.pass(call, leaves(Taken{}), Effects::kInTransaction)));
  EXPECT_TRUE(is_refused(act(leaves(kTen)), "compensated", 409)) << "from when it was taken";
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kCompensation, writes(Done{})));
  EXPECT_THAT(callbacks(), ElementsAre(HasSubstr("succeeded")));
}

TEST_F(BarrierTest, WhatWasNeverTakenCannotBeFinished) {
  const auto finished = barrier_.finish("s1/pay", Phase::kAction, writes(kTen));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(runs_, 0);
}

TEST_F(BarrierTest, ATakenCallIsKeptHoweverOldItGets) {
  static_cast<void>(act_at("http://o/first", leaves(Taken{})));
  clock_.advance(Barrier::kKeepKeys + Millis{1});
  EXPECT_EQ(barrier_.sweep(), 0U);
  ASSERT_TRUE(barrier_.finish("s1/pay", Phase::kAction, writes(Done{})));
}

TEST_F(BarrierTest, ACompensationRunsOnceAndTheActionIsRefusedFromThenOn) {
  static_cast<void>(act(leaves(kTen)));
  EXPECT_TRUE(is_done(undo(leaves(Done{Json("undone")})), Json("undone")));
  EXPECT_TRUE(is_done(undo(leaves(Done{Json("again")})), Json("undone")));
  EXPECT_EQ(runs_, 2);
  EXPECT_TRUE(is_refused(act(leaves(kTen)), "compensated", 409));
  EXPECT_EQ(runs_, 2);
}

TEST_F(BarrierTest, ACompensationOfAnActionNeverSeenIsRememberedWithoutItsHandler) {
  EXPECT_TRUE(is_done(undo(leaves(kTen)), nullptr));
  EXPECT_EQ(runs_, 0);
  EXPECT_TRUE(is_refused(act(leaves(kTen)), "compensated", 409));
  EXPECT_TRUE(is_done(undo(leaves(kTen)), nullptr));
  EXPECT_EQ(runs_, 0);
  EXPECT_EQ(count("effects"), 0);
}

TEST_F(BarrierTest, ARefusedActionIsOneNeverSeen) {
  static_cast<void>(act(leaves(Refused{"no", ""})));
  static_cast<void>(act(leaves(Refused{"no", ""}), Effects::kOutside));
  EXPECT_TRUE(is_done(undo(leaves(kTen)), nullptr));
  EXPECT_EQ(runs_, 2);
}

TEST_F(BarrierTest, ACompensationOfADoneActionRunsThoughTheRecordIsGone) {
  EXPECT_TRUE(is_done(undo(leaves(kTen), Effects::kInTransaction, ActionOutcome::kDone), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 1);
}

TEST_F(BarrierTest, AFailedCompensationIsTriedAnew) {
  static_cast<void>(act(leaves(Done{})));
  EXPECT_TRUE(is_retry(undo(leaves(Retry{"down", ""})), "down", 503));
  EXPECT_TRUE(is_refused(undo(leaves(Refused{"cannot", ""})), "cannot", 422));
  EXPECT_TRUE(is_done(undo(leaves(Done{})), nullptr));
  EXPECT_EQ(runs_, 4);
  EXPECT_EQ(count("effects"), 2);
}

TEST_F(BarrierTest, ManyCallsWithOneKeyAtOnceHaveOneEffectAndOneAnswer) {
  std::atomic<int> next{0};
  std::vector<std::future<StepAnswer>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(std::async(std::launch::async, [&] {
      return act([&](const StepCall&, Transaction& tx) -> StepAnswer {
        tx.execute("INSERT INTO effects VALUES ('one')");
        return Done{Json(++next)};
      });
    }));
  }
  for (auto& call : calls) EXPECT_TRUE(is_done(call.get(), Json(1)));
  EXPECT_EQ(count("effects"), 1);
}

TEST_F(BarrierTest, ManyKeysAtOnceAllCommit) {
  std::vector<std::future<StepAnswer>> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(std::async(std::launch::async, [&, i] {
      return barrier_.pass(make_call("s" + std::to_string(i), "pay", Phase::kAction), leaves(Done{Json(i)}),
                           Effects::kInTransaction);
    }));
  }
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(is_done(calls[static_cast<std::size_t>(i)].get(), Json(i)));
  EXPECT_EQ(count("effects"), 32);
}

/// An action that is at work until it is let go.
class SlowAction {
 public:
  StepHandler handler(StepAnswer answer) {
    return [this, answer](const StepCall&, Transaction&) {
      started_.set_value();
      released_.get_future().wait();
      return answer;
    };
  }
  void await_start() { started_.get_future().wait(); }
  void release() { released_.set_value(); }

 private:
  std::promise<void> started_;
  std::promise<void> released_;
};

class AtWork : public BarrierTest, public ::testing::WithParamInterface<Effects> {};

TEST_P(AtWork, WhoeverHasTheSameKeyIsToldToComeLater) {
  SlowAction slow;
  auto first = std::async(std::launch::async, [&] { return act(slow.handler(kTen), GetParam()); });
  slow.await_start();
  for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
    const StepCall second = make_call("s1", "pay", phase, Millis{20});
    EXPECT_TRUE(is_retry(barrier_.pass(second, leaves(Done{}), GetParam()), "at_work", 425));
  }
  slow.release();
  EXPECT_TRUE(is_done(first.get(), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 0);
}

TEST_P(AtWork, WhoeverCanWaitGetsTheAnswer) {
  SlowAction slow;
  auto first = std::async(std::launch::async, [&] { return act(slow.handler(kTen), GetParam()); });
  slow.await_start();
  auto second = std::async(std::launch::async, [&] { return act(leaves(Done{}), GetParam()); });
  slow.release();
  EXPECT_TRUE(is_done(first.get(), Json{{"n", 10}}));
  EXPECT_TRUE(is_done(second.get(), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 0);
}

TEST_P(AtWork, AnotherProcessOnTheFileIsToldToComeLaterToo) {
  // A second store on the file stands for another process: it shares neither the connection nor the set of keys.
  const auto other_store = open();
  Barrier other(*other_store, clock_);
  SlowAction slow;
  auto first = std::async(std::launch::async, [&] { return act(slow.handler(kTen), GetParam()); });
  slow.await_start();
  for (const Phase phase : {Phase::kAction, Phase::kCompensation}) {
    EXPECT_TRUE(
        is_retry(other.pass(make_call("s1", "pay", phase, Millis{20}), leaves(Done{}), GetParam()), "at_work", 425));
  }
  slow.release();
  EXPECT_TRUE(is_done(first.get(), Json{{"n", 10}}));
  EXPECT_TRUE(is_done(other.pass(make_call("s1", "pay", Phase::kAction), leaves(Done{}), GetParam()), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 0);
}

INSTANTIATE_TEST_SUITE_P(BothWays, AtWork, ::testing::Values(Effects::kInTransaction, Effects::kOutside),
                         [](const auto& way) { return way.param == Effects::kOutside ? "Outside" : "InTransaction"; });

TEST_F(BarrierTest, WhileOneWritesOthersAreToldThatNothingHappened) {
  SlowAction slow;
  auto first = std::async(std::launch::async, [&] { return act(slow.handler(kTen)); });
  slow.await_start();
  EXPECT_TRUE(is_retry(
      barrier_.pass(make_call("s2", "pay", Phase::kAction, Millis{20}), leaves(Done{}), Effects::kInTransaction),
      "busy", 429));
  EXPECT_TRUE(is_retry(
      barrier_.pass(make_call("s2", "pay", Phase::kCompensation, Millis{20}), leaves(Done{}), Effects::kInTransaction),
      "busy", 425));
  const auto other_store = open();
  Barrier other(*other_store, clock_);
  EXPECT_TRUE(
      is_retry(other.pass(make_call("s2", "pay", Phase::kAction, Millis{20}), leaves(Done{}), Effects::kInTransaction),
               "busy", 429));
  slow.release();
  EXPECT_TRUE(is_done(first.get(), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 0);
}

TEST_F(BarrierTest, AnActionWithOutsideEffectsKeepsNobodyFromWriting) {
  SlowAction slow;
  auto first = std::async(std::launch::async, [&] { return act(slow.handler(kTen), Effects::kOutside); });
  slow.await_start();
  EXPECT_TRUE(
      is_done(barrier_.pass(make_call("s2", "pay", Phase::kAction), leaves(Done{}), Effects::kInTransaction), nullptr));
  slow.release();
  EXPECT_TRUE(is_done(first.get(), Json{{"n", 10}}));
}

TEST_F(BarrierTest, AnOutsideActionThatWasNotSeenToEndIsCompensatedByItsHandler) {
  EXPECT_TRUE(is_retry(act(leaves(Retry{"gateway_timeout", ""}), Effects::kOutside), "gateway_timeout", 503));
  EXPECT_EQ(count("saga_barrier WHERE state = 'begun'"), 1);
  EXPECT_TRUE(is_done(undo(leaves(Done{Json("refunded")}), Effects::kOutside), Json("refunded")));
  EXPECT_EQ(runs_, 2);
  EXPECT_TRUE(is_refused(act(leaves(kTen), Effects::kOutside), "compensated", 409));
}

TEST_F(BarrierTest, ALaterRefusalDoesNotForgetThatAnOutsideActionHadBegun) {
  static_cast<void>(act(leaves(Retry{"gateway_timeout", ""}), Effects::kOutside));
  EXPECT_TRUE(is_refused(act(leaves(Refused{"no", ""}), Effects::kOutside), "no", 422));
  EXPECT_TRUE(is_done(undo(leaves(Done{Json("looked")}), Effects::kOutside), Json("looked")));
  EXPECT_EQ(runs_, 3);
}

TEST_F(BarrierTest, OutsideEffectsAreAnsweredOnceDoneLikeOthers) {
  EXPECT_TRUE(is_done(act(leaves(kTen), Effects::kOutside), Json{{"n", 10}}));
  EXPECT_TRUE(is_done(act(leaves(Done{}), Effects::kOutside), Json{{"n", 10}}));
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(count("effects"), 1);
}

TEST_F(BarrierTest, AHandlerThatSwallowsAFailedStatementStillCommitsTheRest) {
  const auto answer = act([](const StepCall&, Transaction& tx) -> StepAnswer {
    try {
      tx.execute("INSERT INTO effects VALUES (NULL)");
    } catch (const SqlError& error) {
      EXPECT_THAT(error.what(), HasSubstr("NOT NULL"));
      EXPECT_FALSE(error.passing());
    }
    tx.execute("INSERT INTO effects VALUES ('other')");
    return Done{};
  });
  EXPECT_TRUE(is_done(answer, nullptr));
  EXPECT_EQ(count("effects"), 1);
}

TEST_F(BarrierTest, AHandlerCannotEndItsTransaction) {
  for (const char* sql : {"COMMIT", "ROLLBACK", "BEGIN"}) {
    const auto answer = act([&](const StepCall&, Transaction& tx) -> StepAnswer {
      tx.execute("INSERT INTO effects VALUES ('half')");
      tx.execute(sql);
      return Done{};
    });
    ASSERT_TRUE(is_retry(answer, "internal_error", 500)) << sql;
    EXPECT_THAT(std::get<Retry>(answer).message, HasSubstr("the SDK begins and ends transactions"));
  }
  EXPECT_EQ(count("effects"), 0);
}

TEST_F(BarrierTest, ATransactionThatSqliteRolledBackIsNotCommittedInPart) {
  const auto answer = act([](const StepCall&, Transaction& tx) -> StepAnswer {
    tx.execute("INSERT INTO effects VALUES ('first')");
    try {
      tx.execute("INSERT OR ROLLBACK INTO effects VALUES (NULL)");
    } catch (const SqlError&) {
    }
    return Done{};
  });
  EXPECT_TRUE(is_retry(answer, "database_unavailable", 503));
  EXPECT_EQ(count("effects"), 0);
  EXPECT_EQ(count("saga_barrier"), 0);
}

TEST_F(BarrierTest, KeysAreKeptThirtyDaysAndLeaveInSmallBatches) {
  {
    const auto tx = begin();
    for (std::size_t i = 0; i < Barrier::kSweepBatch + 5; ++i) {
      tx->put("old/" + std::to_string(i), Phase::kAction, BarrierRecord{}, clock_.now());
    }
    tx->put("begun/1", Phase::kAction, BarrierRecord{BarrierState::kBegun, {}}, clock_.now());
    tx->commit();
  }
  clock_.advance(Barrier::kKeepKeys);
  static_cast<void>(act(leaves(Done{})));
  EXPECT_EQ(barrier_.sweep(), 0U);
  clock_.advance(Millis{1});
  EXPECT_EQ(barrier_.sweep(), Barrier::kSweepBatch);
  EXPECT_EQ(barrier_.sweep(), 5U);
  EXPECT_EQ(barrier_.sweep(), 0U);
  EXPECT_EQ(count("saga_barrier WHERE state = 'begun'"), 1);
  EXPECT_EQ(count("saga_barrier WHERE key = 's1/pay'"), 1);
}

TEST_F(BarrierTest, ValuesComeBackAsTheyWentIn) {
  const auto tx = begin();
  const auto rows = tx->query("SELECT ?, ?, ?, ?, ?, ? AS last", std::int64_t{1} << 62, 0.5, "té\0xt", nullptr,
                              Json(true), Json{{"a", 1}});
  EXPECT_EQ(rows.at(0).integer(0), std::int64_t{1} << 62);
  EXPECT_EQ(rows.at(0).real(1), 0.5);
  EXPECT_EQ(rows.at(0).text(2), "té");
  EXPECT_TRUE(rows.at(0).is_null(3));
  EXPECT_EQ(rows.at(0).integer(4), 1);
  EXPECT_EQ(rows.at(0).to_json().at("last"), R"({"a":1})");
  EXPECT_THROW(static_cast<void>(rows.at(0).text(6)), std::out_of_range);
}

TEST_F(BarrierTest, MistakesInStatementsAreNamed) {
  const auto tx = begin();
  for (const auto& [sql, expected] : {std::pair{"SELECT ?", "expected 1 values, but there are 0"},
                                      {"SELECT 1; SELECT 2", "expected one statement"},
                                      {"", "expected one statement"},
                                      {"SELEC", "syntax error"}}) {
    try {
      static_cast<void>(tx->query(sql));
      ADD_FAILURE() << sql;
    } catch (const SqlError& error) {
      EXPECT_THAT(error.what(), HasSubstr(expected));
    }
  }
}

TEST(OpenSqliteStore, SaysWhatIsWrong) {
  const saga::testing::TempFolder folder;
  const auto nowhere = open_sqlite_store(folder.path("no/such/folder.db"), "");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(nowhere.error().message, HasSubstr("no/such/folder.db"));
  const auto schema = open_sqlite_store(folder.path("w.db"), "CREATE TABEL x");
  ASSERT_FALSE(schema);
  EXPECT_EQ(schema.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(schema.error().message, HasSubstr("TABEL"));
}

}  // namespace
}  // namespace saga::workers
