// The registered workflows, compiled. A registered version never changes; a running saga keeps the one it began with.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "store/store.h"
#include "workflows/load.h"
#include "workflows/workflow.h"

namespace saga::runtime {

/// Thread-safe. Owns nothing of the store it writes to.
class Registry {
 public:
  struct Entry {
    workflows::WorkflowRef workflow;
    Timestamp registered_at;
  };
  /// How registering one workflow ended.
  struct Registered {
    workflows::WorkflowRef workflow;
    bool is_new = false;  ///< False: the same content was there.
  };

  /// Why definitions were not registered. Where it is a matter of their text, `problems` has every place, and `error`
  /// the first.
  struct Refusal {
    Error error;
    std::vector<workflows::Problem> problems;
  };
  using Outcome = tl::expected<std::vector<Registered>, Refusal>;

  /// A version that is registered before those that are checked.
  struct Announced {
    std::string name;
    std::int64_t version = 1;
  };

  explicit Registry(store::Store& store);

  /// Compiles what the store has. A stored definition that this version cannot read is reported in the result's
  /// list and left out; its sagas stay untouched.
  [[nodiscard]] Result<std::vector<std::string>> load();

  /// Durable, all or none. `kConflict`: a version is there with other content; the message names it. `kInvalid`: one
  /// runs a child saga of a workflow that is neither registered nor among them, or that may not stand there. `audit`,
  /// for whom it is done, is written with what is new, which becomes its detail.
  [[nodiscard]] Outcome add(const std::vector<workflows::WorkflowRef>& workflows, Timestamp now,
                            std::optional<store::AuditEntry> audit = std::nullopt);

  /// What `add` would say, without writing, were `announced` registered before.
  [[nodiscard]] Outcome check(const std::vector<workflows::WorkflowRef>& workflows,
                              const std::vector<Announced>& announced = {}) const;

  [[nodiscard]] workflows::WorkflowRef find(std::string_view name, std::int64_t version) const;  ///< Null: none.
  [[nodiscard]] workflows::WorkflowRef newest(std::string_view name) const;                      ///< Null: none.
  [[nodiscard]] std::vector<Entry> list() const;  ///< By name, then version.
  [[nodiscard]] std::vector<Entry> versions(std::string_view name) const;

 private:
  [[nodiscard]] std::vector<workflows::Problem> problems_with_children(const std::vector<Registered>& registered,
                                                                       const std::vector<Announced>& announced) const;

  store::Store& store_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::int64_t, Entry>, std::less<>> entries_;  ///< Guarded by mutex_.
};

}  // namespace saga::runtime
