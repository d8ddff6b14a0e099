#include "workers/sdk/barrier.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace saga::workers {
namespace {

using Clk = std::chrono::steady_clock;

/// Half of what the caller waits: the other half is for the work itself, and for the answer to arrive in time.
Clk::time_point patience(const StepCall& call) { return call.deadline - call.timeout / 2; }

/// How long the end of a taken call waits for the key and for the database.
constexpr std::chrono::seconds kFinishPatience{10};

/// What a callback says of `answer`.
std::string callback_body(const StepAnswer& answer) {
  if (const auto* done = std::get_if<Done>(&answer)) {
    return dump_json(Json{{"status", "succeeded"}, {"output", done->output}});
  }
  const auto failed = [](const std::string& code, const std::string& message, bool retryable) {
    const Json error{{"code", code}, {"message", message}, {"retryable", retryable}};
    return dump_json(Json{{"status", "failed"}, {"error", error}});
  };
  if (const auto* refused = std::get_if<Refused>(&answer)) return failed(refused->code, refused->message, false);
  const auto& retry = std::get<Retry>(answer);
  return failed(retry.code, retry.message, true);
}

StepAnswer remembered(const BarrierRecord& record) {
  if (record.state == BarrierState::kTaken) return Taken{};
  if (record.answer.empty()) return Done{};
  auto output = read_json(record.answer);
  if (!output) throw SqlError("the remembered answer does not read: " + output.error().message, false);
  return Done{std::move(*output)};
}

StepAnswer at_work(const StepCall& call) {
  return Retry{"at_work", fmt::format("another call for '{}' is still at work", call.key), std::nullopt, 425};
}

/// Of an action we know that this attempt did nothing. A compensation that could not look cannot promise anything.
StepAnswer no_transaction(const StepCall& call, const Error& error) {
  if (error.code != ErrorCode::kOverloaded) return Retry{"database_unavailable", error.message};
  return Retry{"busy", error.message, std::nullopt, call.phase == Phase::kAction ? 429 : 425};
}

/// Begins with the first statement, so that a handler can be slow before it without keeping others from writing.
class LazyTransaction final : public Transaction {
 public:
  LazyTransaction(BarrierStore& store, Clk::time_point deadline) : store_(store), deadline_(deadline) {}

  Ran run(std::string_view sql, std::span<const SqlValue> values) override { return begun().run(sql, values); }

  BarrierTransaction& begun() {
    if (!begun_) {
      // What happened outside should not go unrecorded because others write just now: past the deadline it waits a
      // little too.
      auto transaction = store_.begin(std::max(deadline_, Clk::now() + std::chrono::seconds(2)));
      if (!transaction) throw SqlError(transaction.error().message, true);
      begun_ = std::move(*transaction);
    }
    return *begun_;
  }

  void give_up() { begun_.reset(); }

 private:
  BarrierStore& store_;
  Clk::time_point deadline_;
  std::unique_ptr<BarrierTransaction> begun_;
};

}  // namespace

StepAnswer Barrier::pass(const StepCall& call, const StepHandler& handler, Effects effects) {
  try {
    return pass_or_throw(call, handler, effects);
  } catch (const SqlError& error) {
    if (error.passing()) return Retry{"database_unavailable", error.what()};
    return Retry{"internal_error", error.what(), std::nullopt, 500};
  } catch (const std::exception& error) {
    return Retry{"internal_error", error.what(), std::nullopt, 500};
  } catch (...) {
    return Retry{"internal_error", "the handler threw something that is not a std::exception", std::nullopt, 500};
  }
}

StepAnswer Barrier::pass_or_throw(const StepCall& call, const StepHandler& handler, Effects effects) {
  const auto hold = store_.hold(call.key, patience(call));
  if (!hold) return hold.error().code == ErrorCode::kOverloaded ? at_work(call) : no_transaction(call, hold.error());
  auto begun = store_.begin(patience(call));
  if (!begun) return no_transaction(call, begun.error());
  auto transaction = std::move(*begun);

  const auto compensation = transaction->find(call.key, Phase::kCompensation);
  const auto action = transaction->find(call.key, Phase::kAction);
  if (call.phase == Phase::kAction) {
    if (compensation) {
      return Refused{"compensated", fmt::format("'{}' has been compensated; its action comes too late", call.key), 409};
    }
    if (action && action->state != BarrierState::kBegun) return answer_again(call, *action, *transaction);
  } else {
    if (compensation) return answer_again(call, *compensation, *transaction);
    if (!action && call.outcome == ActionOutcome::kUnknown) {
      transaction->put(call.key, Phase::kCompensation, BarrierRecord{}, clock_.now());
      transaction->commit();
      return Done{};
    }
  }
  if (effects == Effects::kOutside) return run_outside(call, handler, std::move(transaction));
  return run_in_transaction(call, handler, *transaction);
}

/// Of a call that was taken the newest attempt's URL counts: only there may a failure be told.
StepAnswer Barrier::answer_again(const StepCall& call, const BarrierRecord& record, BarrierTransaction& transaction) {
  if (record.state == BarrierState::kTaken && !call.callback_url.empty() && call.callback_url != record.answer) {
    transaction.put(call.key, call.phase, BarrierRecord{BarrierState::kTaken, call.callback_url}, clock_.now());
    transaction.commit();
  }
  return remembered(record);
}

StepAnswer Barrier::run_in_transaction(const StepCall& call, const StepHandler& handler,
                                       BarrierTransaction& transaction) {
  StepAnswer answer = handler(call, transaction);
  if (const auto record = record_of(call, answer)) {
    transaction.put(call.key, call.phase, *record, clock_.now());
    transaction.commit();
  }
  return answer;
}

StepAnswer Barrier::run_outside(const StepCall& call, const StepHandler& handler,
                                std::unique_ptr<BarrierTransaction> first) {
  bool begins = false;
  if (call.phase == Phase::kAction && !first->find(call.key, Phase::kAction)) {
    first->put(call.key, Phase::kAction, BarrierRecord{BarrierState::kBegun, {}}, clock_.now());
    first->commit();
    begins = true;
  }
  first.reset();

  LazyTransaction transaction(store_, call.deadline);
  StepAnswer answer = handler(call, transaction);
  if (const auto record = record_of(call, answer)) {
    transaction.begun().put(call.key, call.phase, *record, clock_.now());
    transaction.begun().commit();
  } else if (begins && std::holds_alternative<Refused>(answer)) {
    // The handler is sure that nothing happened, and no earlier attempt can have done anything either.
    transaction.give_up();
    transaction.begun().erase(call.key, Phase::kAction);
    transaction.begun().commit();
  }
  return answer;
}

std::optional<BarrierRecord> Barrier::record_of(const StepCall& call, StepAnswer& answer) {
  if (std::holds_alternative<Taken>(answer)) return BarrierRecord{BarrierState::kTaken, call.callback_url};
  const auto* done = std::get_if<Done>(&answer);
  if (done == nullptr) return std::nullopt;
  if (done->output.is_null()) return BarrierRecord{};
  std::string text = dump_json(done->output);
  if (text.size() > kMaxOutput) {
    answer = Retry{"output_too_large",
                   fmt::format("expected an output of at most {} bytes, but it has {}", kMaxOutput, text.size()),
                   std::nullopt, 500};
    return std::nullopt;
  }
  return BarrierRecord{BarrierState::kDone, std::move(text)};
}

Result<void> Barrier::finish(const std::string& key, Phase phase, const TakenWork& work) {
  try {
    return finish_or_throw(key, phase, work);
  } catch (const SqlError& error) {
    return fail(error.passing() ? ErrorCode::kUnavailable : ErrorCode::kInternal, error.what());
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, error.what());
  } catch (...) {
    return fail(ErrorCode::kInternal, "the work threw something that is not a std::exception");
  }
}

Result<void> Barrier::finish_or_throw(const std::string& key, Phase phase, const TakenWork& work) {
  const auto until = Clk::now() + kFinishPatience;
  const auto hold = store_.hold(key, until);
  if (!hold) return tl::unexpected(hold.error());
  auto begun = store_.begin(until);
  if (!begun) return tl::unexpected(begun.error());
  auto transaction = std::move(*begun);
  const auto record = transaction->find(key, phase);
  if (phase == Phase::kAction && transaction->find(key, Phase::kCompensation)) {
    return fail(ErrorCode::kConflict, fmt::format("'{}' has been compensated; its action cannot be finished", key));
  }
  if (record && record->state == BarrierState::kDone) return {};
  if (!record || record->state != BarrierState::kTaken) {
    return fail(ErrorCode::kNotFound, fmt::format("the {} of '{}' was not taken", to_string(phase), key));
  }

  StepCall call;
  call.callback_url = record->answer;
  StepAnswer answer = work(*transaction);
  if (std::holds_alternative<Taken>(answer)) return {};
  const auto done = record_of(call, answer);
  if (done) {
    transaction->put(key, phase, *done, clock_.now());
  } else {
    transaction.reset();  // With what the work has written.
    begun = store_.begin(Clk::now() + kFinishPatience);
    if (!begun) return tl::unexpected(begun.error());
    transaction = std::move(*begun);
    transaction->erase(key, phase);
  }
  if (!record->answer.empty()) transaction->put_callback({record->answer, callback_body(answer)}, clock_.now());
  transaction->commit();
  return {};
}

Result<std::string> Barrier::callback_url(const std::string& key, Phase phase) {
  try {
    auto transaction = store_.begin(Clk::now() + kFinishPatience);
    if (!transaction) return tl::unexpected(transaction.error());
    const auto record = (*transaction)->find(key, phase);
    return record && record->state == BarrierState::kTaken ? record->answer : std::string();
  } catch (const SqlError& error) {
    return fail(ErrorCode::kUnavailable, error.what());
  }
}

std::size_t Barrier::sweep() {
  try {
    auto transaction = store_.begin(Clk::now() + std::chrono::seconds(1));
    if (!transaction) return 0;
    const std::size_t removed = (*transaction)->remove_older(clock_.now() - keep_keys_, kSweepBatch);
    if (removed > 0) (*transaction)->commit();
    return removed;
  } catch (const SqlError&) {
    return 0;  // Old keys do no harm; the next sweep tries again.
  }
}

}  // namespace saga::workers
