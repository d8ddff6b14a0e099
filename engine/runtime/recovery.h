// Reads sagas back from the store: those whose due time has passed without anyone working on them, and those that
// somebody asks for. Runs beside the engine thread, so that a read never holds up live sagas.
//
// A scan is repeated for as long as the process lives. It sends the engine the keys that are due; the engine asks for
// those it does not have. A missed wake-up can delay a saga, never strand it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "engine/runtime/reader.h"
#include "engine/runtime/runtime.h"

namespace saga::runtime {

/// One page of a scan.
struct DueFound {
  std::vector<store::DueSaga> sagas;
};

/// A saga that was read back, or why it could not be.
struct SagaLoaded {
  std::string id;                           ///< As asked for, or as found.
  std::optional<store::SagaKey> asked_key;  ///< When it was asked for by key.
  Result<store::SagaRow> row;               ///< `kNotFound`: there is none.
  workflows::WorkflowRef workflow;
  std::shared_ptr<core::SagaState> state;  ///< Null: `problem` says why it does not replay.
  std::string problem;
  std::int64_t last_seq = 0;       ///< Of the last record, readable or not.
  bool parent_terminated = false;  ///< It is a child, not ended, and its parent was terminated.
};

using RecoveryReport = std::variant<DueFound, std::vector<SagaLoaded>>;

class Recovery {
 public:
  /// `report` is called on the recovery thread, or inside `step`. While `is_enough` says so a scan pauses, for a moment
  /// each page: what is read back faster than it can be worked on only takes memory.
  Recovery(const Registry& registry, store::Store& store, const Clock& clock, const RuntimeOptions& options,
           std::function<void(RecoveryReport)> report, std::function<bool()> is_enough);
  ~Recovery();

  void start();  ///< From here on a thread does what `step` does.
  void load(std::string id);
  void load(std::vector<store::SagaKey> keys);
  /// `found` is called where `report` would be, with one for each id.
  void look_up(std::vector<std::string> ids, std::function<void(std::vector<SagaLoaded>)> found);

  /// Does what is asked for, then one page of a scan if one is due. True when there is more to do at once.
  bool step();

  /// Of the thread that steps: when the next step has something to do; in the past when it has already.
  [[nodiscard]] Timestamp next_step();

 private:
  struct LookUp {
    std::vector<std::string> ids;
    std::function<void(std::vector<SagaLoaded>)> found;
  };
  using Request = std::variant<std::string, std::vector<store::SagaKey>, LookUp>;

  void ask(Request request);

  void run(const std::stop_token& stop);
  void serve(const Request& request);
  bool scan_page();
  [[nodiscard]] SagaLoaded read(std::string id, std::optional<store::SagaKey> asked_key, Result<store::SagaRow> row);
  void read_events(SagaLoaded& loaded);

  const Registry& registry_;
  store::Store& store_;
  const Clock& clock_;
  const RuntimeOptions options_;
  std::function<void(RecoveryReport)> report_;
  std::function<bool()> is_enough_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Request> requests_;  ///< Guarded by mutex_.

  Timestamp next_scan_;  ///< Recovery thread only, as the three below.
  Timestamp scan_until_;
  std::optional<store::DueCursor> scan_cursor_;  ///< Within a scan.
  Timestamp page_at_;                            ///< When the last page of one was read.

  std::jthread thread_;  ///< Last, so that it ends first.
};

}  // namespace saga::runtime
