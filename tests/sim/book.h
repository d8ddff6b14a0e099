// What is known of each saga from outside the engine: its events as they became durable, folded once more beside the
// live state; which attempts left and how each ended; what came by callback. The invariants are judged from here.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/core/decide.h"
#include "store/backend.h"
#include "tests/engine/core/audit.h"
#include "tests/sim/answers.h"
#include "tests/sim/setting.h"
#include "workers/dispatcher/dispatcher.h"

namespace saga::sim {

using core::SagaStatus;

/// One attempt of one call.
struct AttemptRecord {
  int process = 0;  ///< That sent it; 0: it never left.
  bool reported = false;
  Meaning meaning;  ///< Of the first report; of no meaning without one.
  int status = 0;   ///< Its HTTP status.
  bool succeeded_by_callback = false;
  bool failed_by_callback = false;
};

struct CallRecord {
  std::vector<AttemptRecord> attempts;  ///< By number, from 0, which is none.
  int last_sent = 0;
  bool again = false;           ///< The last one was not made, for want of an instance: its number is free.
  std::uint64_t content = 0;    ///< Of what the first attempt sent.
  bool unknown_before = false;  ///< A durable attempt of it ended unknown.

  AttemptRecord& attempt(int number);
};

struct SagaRecord {
  SagaRecord(std::string saga_id, store::SagaKey saga_key, workflows::WorkflowRef of)
      : id(std::move(saga_id)),
        key(saga_key),
        workflow(std::move(of)),
        auditor(*workflow),
        calls(2 * workflow->steps.size()) {}

  [[nodiscard]] CallRecord& call(core::StepIndex step, Phase phase) {
    return calls[2 * step + (phase == Phase::kAction ? 0 : 1)];
  }

  std::string id;
  store::SagaKey key;
  workflows::WorkflowRef workflow;
  core::SagaState state;  ///< Folded from what is durable.
  core::Auditor auditor;
  std::vector<CallRecord> calls;
  int process = 0;                    ///< That wrote its last event.
  std::optional<Timestamp> deadline;  ///< Worked out from the definition and the suspensions.
  std::map<std::string, int> actors;  ///< How many events name whom.
};

/// From its pivot's first call until that fails, and once it is done.
[[nodiscard]] bool pivot_was_called(const SagaRecord& saga);

/// A call on the wire, as its headers name it.
struct WireCall {
  SagaRecord* saga = nullptr;
  core::StepIndex step = 0;
  Phase phase = Phase::kAction;
  int attempt = 0;
  std::string callback_url;
  workers::WorkerCall call;

  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] const workflows::Step& definition() const { return saga->workflow->steps[step]; }
  [[nodiscard]] std::string text() const;      ///< "order-1/charge/action #2"
  [[nodiscard]] std::uint64_t number() const;  ///< Of this attempt, in every process and world.
};

class Book {
 public:
  Book(Setting& setting, const std::map<std::string, workflows::WorkflowRef>& workflows)
      : setting_(setting), workflows_(workflows) {}

  /// `told` of every saga that gets further on the disk.
  void on_durable(std::function<void(SagaRecord&)> told) { told_ = std::move(told); }

  /// How a row is read.
  void read_rows(std::function<Result<store::SagaRow>(const std::string&)> read) { read_ = std::move(read); }

  /// `append` is on the disk. `now` by the clock of `process`.
  void durable(const store::Append& append, const store::SagaRow& row, int process, Timestamp now);
  /// The engine shows somebody this state, or says that it is durable.
  void shown(const core::SagaState& live);

  /// What leaves the engine as a call; none where it makes no sense.
  [[nodiscard]] std::optional<WireCall> sent(const workers::WorkerCall& call, int process);
  void reported(const WireCall& call, const End& end);

  [[nodiscard]] SagaRecord* find(const std::string& id);
  [[nodiscard]] const std::deque<std::unique_ptr<SagaRecord>>& sagas() const { return sagas_; }

 private:
  void check_event(SagaRecord& saga, const core::Event& event, int process);
  void check_failed(SagaRecord& saga, const core::AttemptFailed& failed, int process);
  void check_completed(SagaRecord& saga, core::StepIndex step, Phase phase, int attempt, int status);
  void check_deadline(SagaRecord& saga, core::StepIndex step, const core::Event& event);
  void check_time(const SagaRecord& saga, const core::AttemptBegun& begun, Timestamp at);
  void check_delay(const SagaRecord& saga, const core::AttemptFailed& failed, Timestamp at);
  void check_parent(const SagaRecord& saga, SagaStatus before, Timestamp now);
  void check_row(const SagaRecord& saga, const store::SagaRow& row, Timestamp now);
  void follow_deadline(SagaRecord& saga, const core::SagaState& before, const core::Event& event);
  void violated(std::string_view invariant, const SagaRecord& saga, const std::string& what);

  Setting& setting_;
  std::function<void(SagaRecord&)> told_;
  std::function<Result<store::SagaRow>(const std::string&)> read_;
  const std::map<std::string, workflows::WorkflowRef>& workflows_;
  std::deque<std::unique_ptr<SagaRecord>> sagas_;
  std::unordered_map<std::string, SagaRecord*> by_id_;
  std::unordered_map<store::SagaKey, SagaRecord*> by_key_;
};

}  // namespace saga::sim
